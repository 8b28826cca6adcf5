import { ConfigError, codes, type Column, type LogicalType, type Stream } from '@sluice/connector-sdk';

const timeTypes: readonly LogicalType[] = ['date', 'timestamp', 'timestamptz'];
const integerTypes: readonly LogicalType[] = ['int16', 'int32', 'int64'];
const sayingChanged = /updat|modif|chang/i;

/**
 * The cursor that was asked for, or the one that suggests itself: the only time column whose name speaks of changes, the only
 * time column at all, the integer that is the whole key. Throws ConfigError that names the choices: a wrong guess loses rows.
 */
export function chooseCursor(stream: Stream, asked: string | undefined): string {
  const choices = stream.columns.filter(({ name }) => stream.cursors.includes(name));
  if (asked !== undefined) {
    if (choices.some(({ name }) => name === asked)) return asked;
    throw refused(stream, choices, `${JSON.stringify(asked)} cannot be its cursor`);
  }
  const times = choices.filter(({ type }) => timeTypes.includes(type));
  const named = times.filter(({ name }) => sayingChanged.test(name));
  const key = choices.filter(({ name, type }) => stream.key.join() === name && integerTypes.includes(type));
  const chosen = named.length > 1 ? undefined : (only(named) ?? only(times) ?? only(key));
  if (chosen === undefined) throw refused(stream, choices, 'it is not clear which column is its cursor');
  return chosen.name;
}

const only = (columns: readonly Column[]): Column | undefined => (columns.length === 1 ? columns[0] : undefined);

function refused({ id }: Stream, choices: readonly Column[], why: string): ConfigError {
  const names = choices.map(({ name }) => name).join(', ');
  const fix = choices.length === 0 ? 'sync this stream in mode full' : `set cursor to one of: ${names}`;
  return new ConfigError(`${id} cannot be read incrementally: ${why}`, {
    code: codes.configInvalid,
    path: [id, 'cursor'],
    fix,
  });
}
