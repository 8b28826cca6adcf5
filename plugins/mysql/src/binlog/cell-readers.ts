/** One cell of a row event as the value that a full read of the same row gives. */
import { type Column, DataError, type Value } from '@sluice/connector-sdk';
import { type ZeroDates, shortFloat } from '../source/cell.js';
import { baseType, isUnsigned } from '../types.js';
import { type Bytes, MalformedEvent } from './bytes.js';
import type { Charsets, DecodeText } from './charsets.js';
import { prefix, prefixSize, withPrefix } from './cell-sizes.js';
import { decimalReader } from './decimal.js';
import type { WireColumn } from './events.js';
import { inet4Text, inet6Text } from './fixed-text.js';
import { uuidText } from './gtid-event.js';
import { jsonText } from './json-binary.js';
import {
  datetimeReader,
  readDate,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  timeReader,
  timestampReader,
} from './temporal.js';
import { wire } from './wire-types.js';

export type CellReader = (body: Bytes) => Value;

/** What a column is, by the log and by the schema together. */
export interface LoggedColumn {
  readonly wire: WireColumn;
  /** `native` says what the log does not: JSON of MariaDB, UUID, INET. */
  readonly column: Column;
  /** Of a text, ENUM or SET. */
  readonly charset?: string | undefined;
  /** Of ENUM and SET, as Unicode. */
  readonly members?: readonly string[] | undefined;
}

export interface CellContext {
  readonly charsets: Charsets;
  readonly zero: ZeroDates;
  readonly stream: string;
}

export function cellReader(logged: LoggedColumn, context: CellContext): CellReader {
  const { type, meta } = logged.wire;
  switch (type) {
    case wire.tiny:
    case wire.short:
    case wire.int24:
    case wire.long:
      return integer(integerSize(type), isUnsignedColumn(logged));
    case wire.longlong:
      return isUnsignedColumn(logged) ? (body) => String(body.u64()) : (body) => small(body.i64());
    case wire.float:
      return (body) => shortest(body.buffer.readFloatLE(body.claim(4)));
    case wire.double:
      return (body) => body.buffer.readDoubleLE(body.claim(8));
    case wire.decimal:
      return decimalReader(meta >> 8, meta & 0xff);
    case wire.bit:
      return bits((meta + 7) >> 3, logged.column.type === 'boolean');
    case wire.year:
      return (body) => ((year) => (year === 0 ? 0 : 1900 + year))(body.u8());
    case wire.enum:
      return enumeration(meta, membersOf(logged, context));
    case wire.set:
      return set(meta, membersOf(logged, context));
    case wire.json:
      return (body) => jsonText(body.take(prefix(body, meta)));
    default:
      return temporal(logged, context) ?? sized(logged, context);
  }
}

const integerSize = (type: number): 1 | 2 | 3 | 4 =>
  type === wire.tiny ? 1 : type === wire.short ? 2 : type === wire.int24 ? 3 : 4;
const isUnsignedColumn = ({ wire: { unsigned }, column }: LoggedColumn): boolean =>
  unsigned ?? isUnsigned(column.native);

function integer(size: 1 | 2 | 3 | 4, unsigned: boolean): CellReader {
  if (size === 4 && !unsigned) return (body) => body.buffer.readInt32LE(body.claim(4));
  return unsigned
    ? (body) => body.buffer.readUIntLE(body.claim(size), size)
    : (body) => body.buffer.readIntLE(body.claim(size), size);
}
const small = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};
/** The nearest double of the shortest text; whole numbers are their own. */
const shortest = (value: number): number =>
  Number.isInteger(value) && Math.abs(value) < 2 ** 24 ? value : Number(shortFloat(String(value)));

function bits(size: number, single: boolean): CellReader {
  return single ? (body) => body.buffer[body.claim(size)] === 1 : (body) => Buffer.from(body.take(size));
}

function enumeration(size: number, members: readonly string[]): CellReader {
  return (body) => {
    const index = body.buffer.readUIntLE(body.claim(size), size);
    if (index === 0) return ''; // what a wrong value has become
    const member = members[index - 1];
    if (member === undefined) throw new MalformedEvent('an ENUM has a member that its column does not');
    return member;
  };
}

function set(size: number, members: readonly string[]): CellReader {
  return (body) => {
    let value = 0n;
    const start = body.claim(size);
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(body.buffer[start + i]!);
    if (value >> BigInt(members.length)) throw new MalformedEvent('a SET has a member that its column does not');
    return members.filter((_, i) => (value >> BigInt(i)) & 1n).join(',');
  };
}

function membersOf({ wire: { members: raw }, members, charset, column }: LoggedColumn, context: CellContext): string[] {
  if (raw !== undefined && charset !== undefined) {
    const decode = context.charsets.decoder(charset);
    const texts = raw.map((member) => decode?.(member, 0, member.length));
    if (texts.every((text) => text !== undefined)) return texts;
  }
  if (members !== undefined) return [...members];
  throw unreadable(context, column, 'whose members are not known');
}

function temporal({ wire: { type, meta }, column }: LoggedColumn, { zero }: CellContext): CellReader | undefined {
  const dated =
    (read: (body: Bytes) => string | null): CellReader =>
    (body) =>
      read(body) ?? (zero.meet(column), null);
  switch (type) {
    case wire.date:
    case wire.newDate:
      return dated(readDate);
    case wire.time:
      return readOldTime;
    case wire.datetime:
      return dated(readOldDatetime);
    case wire.timestamp:
      return dated(readOldTimestamp);
    case wire.time2:
      return timeReader(meta);
    case wire.datetime2:
      return dated(datetimeReader(meta));
    case wire.timestamp2:
      return dated(timestampReader(meta));
    default:
      return undefined;
  }
}

/** Texts and bytes: a length, then the value. */
function sized(logged: LoggedColumn, context: CellContext): CellReader {
  const { column } = logged;
  const { type, meta } = logged.wire;
  if (!withPrefix.has(type)) throw unreadable(context, column, `of type ${type} of the binary log`);
  const size = prefixSize(logged.wire);
  const base = baseType(column.native);
  const fixed = type === wire.string ? fixedReader(base, size, meta) : undefined;
  if (fixed !== undefined) return fixed;
  if (column.type === 'bytes') {
    // The log leaves out the zeros at the end of BINARY(n).
    if (type === wire.string) return (body) => padded(body.take(prefix(body, size)), meta);
    return (body) => Buffer.from(body.take(prefix(body, size)));
  }
  const decode = context.charsets.decoder(logged.charset ?? '');
  if (decode === undefined) throw unreadable(context, column, `of the unknown character set ${String(logged.charset)}`);
  return text(decode, size, () => unreadable(context, column, 'with text that is not well-formed Unicode'));
}

function text(decode: DecodeText, size: number, bad: () => Error): CellReader {
  return (body) => {
    const start = body.claim(prefix(body, size));
    const value = decode(body.buffer, start, body.at);
    if (value === undefined) throw bad();
    return value;
  };
}

function padded(value: Buffer, length: number): Buffer {
  if (value.length >= length) return Buffer.from(value);
  const whole = Buffer.alloc(length);
  value.copy(whole);
  return whole;
}

/** MariaDB's types that are stored as so many bytes and shown as text. */
function fixedReader(base: string, size: number, length: number): CellReader | undefined {
  const render = { uuid: uuidText, inet6: inet6Text, inet4: inet4Text }[base];
  return render && ((body) => render(padded(body.take(prefix(body, size)), length)));
}

const unreadable = ({ stream }: CellContext, { name, native }: Column, why: string): DataError =>
  new DataError(
    `${stream}: the binary log holds column ${JSON.stringify(name)} (${native.slice(0, 100)}), ${why}: it cannot be read.`,
    { stream, code: 'mysql.unreadable-column', fix: 'Leave the column out of the pipeline.' },
  );
