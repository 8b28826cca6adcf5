/** Fields of 'copy-binary/1' from the values of docs/encodings/rows.md; docs/encodings/copy-binary-1.md is the specification. */
import { type Column, DataError, type LogicalType, type Value } from '@sluice/connector-sdk';
import { joinMicros, parseClock, parseDay } from './copy-calendar.js';
import { encodeNumeric } from './copy-numeric.js';

/** Bytes of a value that is not NULL; undefined when the type cannot say it. */
type MakeField = (value: NonNullable<Value>) => Buffer | undefined;

const maximum: Readonly<Record<'int16' | 'int32', number>> = { int16: 0x7fff, int32: 0x7fffffff };
const integer =
  (type: 'int16' | 'int32'): MakeField =>
  (value) => {
    if (!Number.isInteger(value)) return undefined;
    const number = value as number;
    if (number > maximum[type] || number < -maximum[type] - 1) return undefined;
    const out = Buffer.allocUnsafe(type === 'int16' ? 2 : 4);
    if (type === 'int16') out.writeInt16BE(number);
    else out.writeInt32BE(number);
    return out;
  };

const int64: MakeField = (value) => {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return undefined;
  return bigint(BigInt(value as number | bigint));
};
function bigint(value: bigint): Buffer | undefined {
  if (BigInt.asIntN(64, value) !== value) return undefined;
  const out = Buffer.allocUnsafe(8);
  out.writeBigInt64BE(value);
  return out;
}

const float =
  (width: 4 | 8): MakeField =>
  (value) => {
    if (typeof value !== 'number') return undefined;
    if (width === 4 && Number.isFinite(value) && !Number.isFinite(Math.fround(value))) return undefined;
    const out = Buffer.allocUnsafe(width);
    if (width === 4) out.writeFloatBE(value);
    else out.writeDoubleBE(value);
    return out;
  };

function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value);
  return out;
}
const date: MakeField = (value) => {
  if (value === 'infinity') return int32(0x7fffffff);
  if (value === '-infinity') return int32(-0x80000000);
  const days = parseDay(String(value));
  return days === undefined || days < -2451545 || days > 2145031948 ? undefined : int32(days);
};
const time: MakeField = (value) => {
  const micros = parseClock(String(value));
  return micros === undefined || micros > 86_400_000_000 ? undefined : bigint(BigInt(micros));
};

const instantPattern = /^(\d{4,}-\d\d-\d\d) ([0-9:.]+)(Z?)( BC)?$/;
const instant =
  (zone: '' | 'Z'): MakeField =>
  (value) => {
    if (value === 'infinity') return bigint(0x7fffffffffffffffn);
    if (value === '-infinity') return bigint(-0x8000000000000000n);
    const match = instantPattern.exec(String(value));
    if (!match || match[3] !== zone) return undefined;
    const days = parseDay(match[1]! + (match[4] ?? ''));
    const micros = parseClock(match[2]!);
    if (days === undefined || micros === undefined || micros >= 86_400_000_000) return undefined;
    const all = joinMicros(days, micros);
    return all === 0x7fffffffffffffffn || all === -0x8000000000000000n ? undefined : bigint(all);
  };

const duration: MakeField = (value) => {
  const text = String(value);
  const micros = parseClock(text.replace(/^-/, ''));
  if (micros === undefined) return undefined;
  return Buffer.concat([bigint(BigInt(text.startsWith('-') ? -micros : micros))!, int32(0), int32(0)]);
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const uuid: MakeField = (value) =>
  uuidPattern.test(String(value)) ? Buffer.from(String(value).replaceAll('-', ''), 'hex') : undefined;

/** A zero byte or half a surrogate pair: no UTF-8 text in PostgreSQL. */
const unsayable = /\0|\p{Surrogate}/u;
const text: MakeField = (value) =>
  typeof value === 'string' && !unsayable.test(value) ? Buffer.from(value) : undefined;
const bytes: MakeField = (value) =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined;

const makers: Readonly<Record<LogicalType, MakeField>> = {
  boolean: (value) => (typeof value === 'boolean' ? Buffer.from([value ? 1 : 0]) : undefined),
  int16: integer('int16'),
  int32: integer('int32'),
  int64,
  float32: float(4),
  float64: float(8),
  decimal: (value) => (typeof value === 'string' ? encodeNumeric(value) : undefined),
  string: text,
  bytes,
  date,
  time,
  timestamp: instant(''),
  timestamptz: instant('Z'),
  duration,
  uuid,
  json: text,
};

/** The writer of one column's fields, length prefix left out. Throws DataError for a value that the type cannot say. */
export function fieldMaker(column: Column): (value: NonNullable<Value>) => Buffer {
  const make = makers[column.type];
  return (value) => {
    const field = make(value);
    if (field === undefined) {
      const why = `a value that is no ${column.type} of copy-binary/1`;
      throw new DataError(`Column ${JSON.stringify(column.name)} holds ${why}.`, { stream: '' });
    }
    return field;
  };
}
