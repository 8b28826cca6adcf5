import { type Column, DataError, type Encoding, type Row, type Value } from '@sluice/connector-sdk';
import { type Shape, type ZeroDates, isZeroDate, shapeOf, shortFloat } from './cell.js';
import { type Packet, eachValue } from './packet.js';
import { formats, roomFor } from './render.js';
import type { Sink } from './row-stream.js';

const LINE = 0x0a;
const chunkSize = 128 * 1024;

export interface Counted {
  rows: number;
}

/** Rows as bytes of `encoding`, in chunks of about 128 KiB; a chunk is larger only for a row that is. */
export function byteSink(
  encoding: Encoding,
  columns: readonly Column[],
  zero: ZeroDates,
  counted: Counted,
): Sink<Buffer> {
  const format = formats.get(encoding)!;
  const { separator, none } = format;
  const renders = columns.map((column) => format.render(column, zero));
  let out = Buffer.allocUnsafeSlow(chunkSize);
  let at = 0;
  let source: Buffer;
  const value = (index: number, start: number, end: number): void => {
    if (index > 0) out[at++] = separator;
    at = start < 0 ? none(out, at) : renders[index]!(source, start, end, out, at);
  };
  const cut = (room: number): Buffer | undefined => {
    const full = at > 0 ? out.subarray(0, at) : undefined;
    out = Buffer.allocUnsafeSlow(Math.max(chunkSize, room));
    at = 0;
    return full;
  };
  return {
    row(packet) {
      const room = roomFor(packet.end - packet.offset, columns.length);
      const full = at + room > out.length ? cut(room) : undefined;
      source = packet.buffer;
      eachValue(packet, columns.length, value);
      out[at++] = LINE;
      counted.rows++;
      return full;
    },
    rest: () => cut(0),
  };
}

type Read = (source: Buffer, start: number, end: number) => Value;
const latin: Read = (source, start, end) => source.toString('latin1', start, end);
const shortFraction = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

function integer(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Text that is not UTF-8 would become U+FFFD without a word; a U+FFFD that is really there stays. Invariant 9 */
function utf8(column: Column, stream: string): Read {
  return (source, start, end) => {
    const text = source.toString('utf8', start, end);
    if (!text.includes('\uFFFD') || source.subarray(start, end).equals(Buffer.from(text))) return text;
    throw new DataError(
      `${stream}: column ${JSON.stringify(column.name)} holds text that is not well-formed Unicode.`,
      { stream },
    );
  };
}

function ascii(column: Column): Read {
  switch (column.type) {
    case 'int16':
    case 'int32':
    case 'float64':
      return (source, start, end) => Number(source.toString('latin1', start, end));
    case 'int64':
      return (source, start, end) => integer(source.toString('latin1', start, end));
    case 'boolean':
      return (source, start, end) => source.toString('latin1', start, end) !== '0';
    case 'time':
    case 'duration':
      return (source, start, end) => shortFraction(source.toString('latin1', start, end));
    case 'uuid':
      return (source, start, end) => source.toString('latin1', start, end).toLowerCase();
    default:
      return latin;
  }
}

function reader(column: Column, zero: ZeroDates): Read {
  const dated =
    (suffix: string): Read =>
    (source, start, end) => {
      if (!isZeroDate(source, start)) return shortFraction(source.toString('latin1', start, end)) + suffix;
      zero.meet(column);
      return null;
    };
  const readers: Record<Shape, () => Read> = {
    ascii: () => ascii(column),
    text: () => utf8(column, zero.stream),
    bytes: () => (source, start, end) => Buffer.from(source.subarray(start, end)),
    bit: () => (source, start) => source[start] === 1,
    float32: () => (source, start, end) => Number(shortFloat(source.toString('latin1', start, end))),
    calendar: () => dated(''),
    zoned: () => dated('Z'),
  };
  return readers[shapeOf(column)]();
}

const batchRows = 2_000;
const batchBytes = 1024 * 1024;

/** Rows of docs/encodings/rows.md, in batches of at most 2,000 rows or about 1 MiB. */
export function rowSink(columns: readonly Column[], zero: ZeroDates, counted: Counted): Sink<Row[]> {
  const readers = columns.map((column) => reader(column, zero));
  let rows: Row[] = [];
  let bytes = 0;
  const cut = (): Row[] => {
    const full = rows;
    rows = [];
    bytes = 0;
    return full;
  };
  return {
    row(packet: Packet) {
      const row: Value[] = new Array<Value>(columns.length);
      eachValue(packet, columns.length, (index, start, end) => {
        row[index] = start < 0 ? null : readers[index]!(packet.buffer, start, end);
      });
      rows.push(row);
      counted.rows++;
      bytes += packet.end - packet.offset;
      return rows.length >= batchRows || bytes >= batchBytes ? cut() : undefined;
    },
    rest: () => (rows.length > 0 ? cut() : undefined),
  };
}
