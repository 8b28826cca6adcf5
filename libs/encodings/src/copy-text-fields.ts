/** Fields of 'copy-text/1', by logical type; docs/encodings/copy-text-1.md is the specification. */
import { type Column, DataError, type LogicalType, type Value } from '@sluice/connector-sdk';

const special = /[\\\t\n\r\b\f\v]/;
const specials = /[\\\t\n\r\b\f\v]/g;
const letters: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
};

/** Text with COPY's escapes. */
export const escapeField = (text: string): string =>
  special.test(text) ? text.replace(specials, (character) => letters[character]!) : text;

const plain: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const unescapeField = (text: string): string =>
  text.includes('\\') ? text.replace(/\\([^])/g, (_, letter: string) => plain[letter] ?? letter) : text;

/** Undefined: the type cannot say this value. */
type Write = (value: NonNullable<Value>) => string | undefined;

const suspect = /[\\\t\n\r\b\f\v\0\ud800-\udfff]/;
/** A zero byte or half a surrogate pair: no UTF-8 text in PostgreSQL. */
const unsayable = /\0|\p{Surrogate}/u;
const writeText: Write = (value) => {
  if (typeof value !== 'string') return undefined;
  if (!suspect.test(value)) return value;
  return unsayable.test(value) ? undefined : escapeField(value);
};
/** Values whose text has no character that COPY escapes; the pattern keeps it so. */
const matching =
  (pattern: RegExp): Write =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? value : undefined;
const writeFloat: Write = (value) => {
  if (typeof value !== 'number') return undefined;
  return value === 0 && Object.is(value, -0) ? '-0' : String(value);
};
const writeInt: Write = (value) => (Number.isSafeInteger(value) ? String(value) : undefined);
const timestamptz = /^(?:\d{4,}-\d\d-\d\d [0-9:.]+Z(?: BC)?|-?infinity)$/;

const writers: Readonly<Record<LogicalType, Write>> = {
  boolean: (value) => (value === true ? 't' : value === false ? 'f' : undefined),
  int16: writeInt,
  int32: writeInt,
  int64: (value) => (typeof value === 'bigint' ? String(value) : writeInt(value)),
  float32: writeFloat,
  float64: writeFloat,
  decimal: matching(/^(?:-?\d+(?:\.\d+)?|NaN|-?Infinity)$/),
  string: writeText,
  bytes: (value) =>
    value instanceof Uint8Array
      ? `\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
      : undefined,
  date: matching(/^(?:\d{4,}-\d\d-\d\d(?: BC)?|-?infinity)$/),
  time: matching(/^\d\d:\d\d:\d\d(?:\.\d{1,6})?$/),
  timestamp: matching(/^(?:\d{4,}-\d\d-\d\d [0-9:.]+(?: BC)?|-?infinity)$/),
  timestamptz: (value) =>
    typeof value === 'string' && timestamptz.test(value) ? value.replace('Z', '+00') : undefined,
  duration: matching(/^-?\d{2,}:\d\d:\d\d(?:\.\d{1,6})?$/),
  uuid: matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  json: writeText,
};

/** The writer of one column's fields. Throws DataError for a value that the type cannot say. */
export function fieldWriter(column: Column): (value: NonNullable<Value>) => string {
  const write = writers[column.type];
  return (value) => {
    const field = write(value);
    if (field === undefined) throw refusal(column, value);
    return field;
  };
}

function refusal(column: Column, value: NonNullable<Value>): DataError {
  const zero = typeof value === 'string' && value.includes('\0');
  const what = zero ? 'text with a zero byte' : `a value that is no ${column.type}`;
  return new DataError(`Column ${JSON.stringify(column.name)} holds ${what}, which copy-text/1 cannot say.`, {
    stream: '',
  });
}

const parseInt64 = (text: string): number | bigint => {
  const near = Number(text);
  return Number.isSafeInteger(near) ? near : BigInt(text);
};
const withoutZeros = (text: string): string =>
  text.includes('.') ? text.replace(/(\.\d*?)0+(?=$|[^\d])/, '$1').replace(/\.(?=$|[^\d])/, '') : text;
const same = (text: string): string => text;

const parsers: Readonly<Record<LogicalType, (text: string) => Value>> = {
  boolean: (text) => text === 't',
  int16: Number,
  int32: Number,
  int64: parseInt64,
  float32: Number,
  float64: Number,
  decimal: same,
  string: unescapeField,
  bytes: (text) => new Uint8Array(Buffer.from(text.slice(3), 'hex')),
  date: same,
  time: withoutZeros,
  timestamp: withoutZeros,
  timestamptz: (text) => withoutZeros(text).replace('+00', 'Z'),
  duration: withoutZeros,
  uuid: same,
  json: unescapeField,
};

/** The parser of one column's fields, NULL left out. */
export const fieldParser = (column: Column): ((text: string) => Value) => parsers[column.type];
