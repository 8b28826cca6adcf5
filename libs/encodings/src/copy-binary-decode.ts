/** Values of 'copy-binary/1' fields, by logical type; docs/encodings/copy-binary-1.md is the specification. */
import { type Column, DataError, type LogicalType, type Value } from '@sluice/connector-sdk';
import { clockText, dayMicros, dayText, isBC, splitMicros } from './copy-calendar.js';
import { decodeNumeric } from './copy-numeric.js';

/** Reads the field at `at`, `size` bytes long. `view` is of the same bytes: its reads are what the engine compiles best. */
export type ReadField = (bytes: Buffer, at: number, size: number, view: DataView) => Value;

const readInt64 = (_bytes: Buffer, at: number, _size: number, view: DataView): number | bigint => {
  const near = view.getInt32(at) * 4294967296 + view.getUint32(at + 4);
  return Number.isSafeInteger(near) ? near : view.getBigInt64(at);
};

/** The double nearest to the shortest decimal text that still names this float32: 0.1, not 0.10000000149011612. */
export function shortestFloat32(value: number): number {
  if (!Number.isFinite(value) || Math.fround(value) !== value || (Number.isInteger(value) && Math.abs(value) < 2 ** 24))
    return value;
  for (let digits = Math.abs(value) < 1.1754943508222875e-38 ? 1 : 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const shortText = 64;
/** Plain ASCII as Latin-1: quicker to make, and quicker for whoever reads it than a slice of a longer text. */
const readText: ReadField = (bytes, at, size) => {
  const end = at + size;
  if (size <= shortText) {
    let high = 0;
    for (let i = at; i < end; i++) high |= bytes[i]!;
    if (high < 128) return bytes.toString('latin1', at, end);
  }
  return bytes.toString('utf8', at, end);
};

const readDate: ReadField = (_bytes, at, _size, view) => {
  const days = view.getInt32(at);
  if (days === 0x7fffffff) return 'infinity';
  if (days === -0x80000000) return '-infinity';
  return isBC(days) ? `${dayText(days)} BC` : dayText(days);
};

const timestamp =
  (zone: '' | 'Z'): ReadField =>
  (_bytes, at, _size, view) => {
    const high = view.getInt32(at);
    const near = high * 4294967296 + view.getUint32(at + 4);
    if (Number.isSafeInteger(near)) {
      const days = Math.floor(near / dayMicros);
      return instantText(days, near - days * dayMicros, zone);
    }
    const exact = view.getBigInt64(at);
    if (exact === 0x7fffffffffffffffn) return 'infinity';
    if (exact === -0x8000000000000000n) return '-infinity';
    const { days, rest } = splitMicros(exact);
    return instantText(days, rest, zone);
  };
const instantText = (days: number, micros: number, zone: '' | 'Z'): string =>
  `${dayText(days)} ${clockText(micros)}${zone}${isBC(days) ? ' BC' : ''}`;

const readDuration =
  (column: Column): ReadField =>
  (_bytes, at, _size, view) => {
    if (view.getInt32(at + 12) !== 0) throw unsayable(column, 'a span with months is not a duration');
    const micros = view.getBigInt64(at) + BigInt(view.getInt32(at + 8)) * BigInt(dayMicros);
    const size = micros < 0n ? -micros : micros;
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw unsayable(column, 'the span is too long');
    return (micros < 0n ? '-' : '') + clockText(Number(size));
  };

const readUuid: ReadField = (bytes, at) => {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

const unsayable = (column: Column, why: string): DataError =>
  new DataError(`Column ${JSON.stringify(column.name)}: ${why}.`, { stream: '' });

const fixed: Partial<Record<LogicalType, readonly [number, ReadField]>> = {
  boolean: [1, (bytes, at) => bytes[at] !== 0],
  int16: [2, (_bytes, at, _size, view) => view.getInt16(at)],
  int32: [4, (_bytes, at, _size, view) => view.getInt32(at)],
  int64: [8, readInt64],
  float32: [4, (_bytes, at, _size, view) => shortestFloat32(view.getFloat32(at))],
  float64: [8, (_bytes, at, _size, view) => view.getFloat64(at)],
  date: [4, readDate],
  time: [8, (_bytes, at, _size, view) => clockText(view.getInt32(at) * 4294967296 + view.getUint32(at + 4))],
  timestamp: [8, timestamp('')],
  timestamptz: [8, timestamp('Z')],
  uuid: [16, readUuid],
};

/** The reader of one column; it throws DataError when a field has not the size its type has. */
export function fieldReader(column: Column): ReadField {
  const known = column.type === 'duration' ? ([16, readDuration(column)] as const) : fixed[column.type];
  if (known) {
    const [width, read] = known;
    return (bytes, at, size, view) => {
      if (size !== width) throw unsayable(column, `a field of ${size} bytes where ${column.type} has ${width}`);
      return read(bytes, at, size, view);
    };
  }
  if (column.type === 'decimal') return (bytes, at) => decodeNumeric(bytes, at);
  if (column.type === 'bytes') return (bytes, at, size) => Uint8Array.prototype.slice.call(bytes, at, at + size);
  if (column.native === 'jsonb') return (bytes, at, size) => bytes.toString('utf8', at + 1, at + size);
  if (/^interval\b/.test(column.native)) return readInterval;
  if (ownForm.test(column.native)) throw unsayable(column, `the binary form of ${column.native} is PostgreSQL's own`);
  return readText;
}

/** Native types whose bytes are neither text nor those of a logical type: they go from server to server, not through here. */
const ownForm =
  /\[\]$|range$|^(inet|cidr|macaddr8?|bit|"bit"|point|line|lseg|box|path|polygon|circle|tsvector|tsquery|pg_lsn|jsonpath|time(\(\d\))? with time zone)\b/;

/** PostgreSQL's own text of an interval: '1 year 2 mons -3 days +04:05:06.789'. */
const readInterval: ReadField = (_bytes, at, _size, view) => {
  const micros = view.getBigInt64(at);
  const days = view.getInt32(at + 8);
  const allMonths = view.getInt32(at + 12);
  const parts: string[] = [];
  let signed = false; // a positive part behind a negative one carries its sign
  const add = (count: number, unit: string): void => {
    if (count === 0) return;
    parts.push(`${signed && count > 0 ? '+' : ''}${count} ${unit}${count === 1 ? '' : 's'}`);
    signed = count < 0;
  };
  add(Math.trunc(allMonths / 12), 'year');
  add(allMonths % 12, 'mon');
  add(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const sign = micros < 0n ? '-' : signed ? '+' : '';
    parts.push(sign + longClockText(micros < 0n ? -micros : micros));
  }
  return parts.join(' ');
};

/** As `clockText`, beyond what a double counts exactly. */
function longClockText(micros: bigint): string {
  const hours = micros / 3_600_000_000n;
  const rest = clockText(Number(micros % 3_600_000_000n)).slice(2);
  return String(hours).padStart(2, '0') + rest;
}
