import type { Column, LogicalType, Stream } from './contract.js';

const timeTypes: readonly LogicalType[] = ['date', 'timestamp', 'timestamptz'];
const integerTypes: readonly LogicalType[] = ['int16', 'int32', 'int64'];
const sayingChanged = /updat|modif|chang/i;

/**
 * The cursor that suggests itself: the only time column whose name speaks of changes, the only time column at all, the integer
 * that is the whole key. undefined where it is not clear: a wrong guess loses rows.
 */
export function suggestCursor({
  columns,
  cursors,
  key,
}: Pick<Stream, 'columns' | 'cursors' | 'key'>): string | undefined {
  const choices = columns.filter(({ name }) => cursors.includes(name));
  const times = choices.filter(({ type }) => timeTypes.includes(type));
  const named = times.filter(({ name }) => sayingChanged.test(name));
  if (named.length > 1) return undefined;
  const keys = choices.filter(({ name, type }) => key.join() === name && integerTypes.includes(type));
  return only(named) ?? only(times) ?? only(keys);
}
const only = (columns: readonly Column[]): string | undefined => (columns.length === 1 ? columns[0]?.name : undefined);
