/** Key values as exact text, compared by the server by their own type and collation. */
import { type Column, LostPositionError, type Stream } from '@sluice/connector-sdk';
import { quoteBytes, quoteName, quoteText } from '../quote.js';
import { baseType } from '../types.js';
import { expressionOf } from './cell.js';

const numeric = /^-?\d+(\.\d+)?$/;
const temporal = /^[-0-9: .]+$/;
const hexText = /^([0-9a-f]{2})*$/i;
const uuid = /^[0-9a-f-]{36}$/i;

function kindOf(column: Column): 'number' | 'time' | 'text' | 'bytes' | 'uuid' | undefined {
  const base = baseType(column.native);
  switch (column.type) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'decimal':
      return 'number';
    case 'date':
    case 'timestamp':
    case 'timestamptz':
    case 'duration':
      return 'time';
    case 'string':
      return base === 'char' || base === 'varchar' ? 'text' : undefined;
    case 'bytes':
      return base === 'binary' || base === 'varbinary' ? 'bytes' : undefined;
    case 'uuid':
      return 'uuid';
    default:
      return undefined;
  }
}

/** The columns to cut windows by, in order; empty when the table has no key that orders by value (ENUM, FLOAT, TEXT prefixes). */
export function windowKey(stream: Stream): readonly Column[] {
  const columns = stream.key.map((name) => stream.columns.find((column) => column.name === name));
  return columns.every((column) => column !== undefined && kindOf(column) !== undefined) ? (columns as Column[]) : [];
}

/** Exact text of a key column, for `literal` of a later session. */
export const exactText = (column: Column): string =>
  column.type === 'bytes' ? `HEX(${quoteName(column.name)})` : expressionOf(column);

/** Checked, because it comes back from a table that others may write to. */
export function literal(column: Column, text: string): string {
  const kind = kindOf(column);
  if (kind === 'text') return quoteText(text);
  if (kind === 'number' && numeric.test(text)) return text;
  if (kind === 'time' && temporal.test(text)) return `'${text}'`;
  if (kind === 'bytes' && hexText.test(text)) return quoteBytes(Buffer.from(text, 'hex'));
  if (kind === 'uuid' && uuid.test(text)) return `'${text}'`;
  throw new LostPositionError(
    `The checkpoint's value of ${JSON.stringify(column.name)} does not fit the column any more (${column.native}).`,
    text.slice(0, 100),
    'a full read from the start',
  );
}

type Side = 'above' | 'upto';
/** Rows of a key above, or up to and with, the given values. A row constructor would say it too, but no index would serve it. */
export function bound(key: readonly Column[], values: readonly string[], side: Side): string {
  if (values.length !== key.length) {
    throw new LostPositionError(
      'The key of the table has changed since the checkpoint.',
      `${values.length} values`,
      `${key.length} columns`,
    );
  }
  const strict = side === 'above' ? '>' : '<';
  const texts = key.map((column, i) => [quoteName(column.name), literal(column, values[i]!)] as const);
  const nested = texts.reduceRight((inner, [name, value], i) => {
    if (i === texts.length - 1) return `${name} ${side === 'above' ? '>' : '<='} ${value}`;
    return `(${name} ${strict} ${value} OR (${name} = ${value} AND ${inner}))`;
  }, '');
  const [name, value] = texts[0]!;
  return key.length === 1 ? nested : `${name} ${strict}= ${value} AND ${nested}`;
}
