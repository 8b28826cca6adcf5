/**
 * Row packets of the text protocol straight into bytes of an encoding: no JavaScript object per row or value.
 * The formats are those of docs/encodings.
 */
import { type Column, DataError, type Encoding } from '@sluice/connector-sdk';
import { type Shape, type ZeroDates, isZeroDate, shapeOf, shortFloat } from './cell.js';

/** Writes `source[start..end)` to `out` at `at`; returns where the next byte goes. The room is there: see `roomFor`. */
type Render = (source: Buffer, start: number, end: number, out: Buffer, at: number) => number;

export interface Format {
  readonly separator: number;
  /** Writes NULL. */
  readonly none: (out: Buffer, at: number) => number;
  readonly render: (column: Column, zero: ZeroDates) => Render;
}

/** Every byte may become two, and each value gains a few: quotes, a zone, a prefix, a longer float. */
export const roomFor = (bytes: number, columns: number): number => 2 * bytes + 32 * columns + 1;

const hexDigits = Buffer.from('0123456789abcdef');

function copy(source: Buffer, start: number, end: number, out: Buffer, at: number): number {
  if (end - start > 48) return at + source.copy(out, at, start, end);
  for (let i = start; i < end; i++) out[at++] = source[i]!;
  return at;
}

function hex(source: Buffer, start: number, end: number, out: Buffer, at: number): number {
  for (let i = start; i < end; i++) {
    out[at++] = hexDigits[source[i]! >> 4]!;
    out[at++] = hexDigits[source[i]! & 15]!;
  }
  return at;
}

const float: Render = (source, start, end, out, at) =>
  at + out.write(shortFloat(source.toString('latin1', start, end)), at, 'latin1');

/** What follows each control character from 8 to 13 in COPY text, and the backslash itself. */
const copyEscapes: readonly number[] = [...Buffer.from('btnvfr')];
const BACKSLASH = 0x5c;
const QUOTE = 0x22;

function copyText(column: Column, zero: ZeroDates): Render {
  return (source, start, end, out, at) => {
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      if (byte > 13 && byte !== BACKSLASH) out[at++] = byte;
      else if (byte === BACKSLASH) out[at++] = out[at++] = BACKSLASH;
      else if (byte >= 8) {
        out[at++] = BACKSLASH;
        out[at++] = copyEscapes[byte - 8]!;
      } else if (byte > 0) out[at++] = byte;
      else throw noNul(column, zero.stream);
    }
    return at;
  };
}

const noNul = (column: Column, stream: string): DataError =>
  new DataError(
    `${stream}: column ${JSON.stringify(column.name)} holds text with a NUL character, which PostgreSQL cannot hold.`,
    {
      stream,
    },
  );

const copyRenders: Record<Shape, (column: Column, zero: ZeroDates) => Render> = {
  ascii: () => copy,
  text: copyText,
  bytes: () => (source, start, end, out, at) => {
    out[at++] = BACKSLASH;
    out[at++] = BACKSLASH;
    out[at++] = 0x78;
    return hex(source, start, end, out, at);
  },
  bit: () => (source, start, _end, out, at) => {
    out[at] = source[start] === 1 ? 0x74 : 0x66;
    return at + 1;
  },
  float32: () => float,
  calendar: (column, zero) => (source, start, end, out, at) => {
    if (!isZeroDate(source, start)) return copy(source, start, end, out, at);
    zero.meet(column);
    return copyNull(out, at);
  },
  zoned: (column, zero) => (source, start, end, out, at) => {
    if (!isZeroDate(source, start)) return copy(utc, 0, utc.length, out, copy(source, start, end, out, at));
    zero.meet(column);
    return copyNull(out, at);
  },
};
const utc = Buffer.from('+00');

function copyNull(out: Buffer, at: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = 0x4e;
  return at + 2;
}

const inQuotes =
  (inner: Render): Render =>
  (source, start, end, out, at) => {
    out[at] = QUOTE;
    const next = inner(source, start, end, out, at + 1);
    out[next] = QUOTE;
    return next + 1;
  };

const csvText: Render = (source, start, end, out, at) => {
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    out[at++] = byte;
    if (byte === QUOTE) out[at++] = QUOTE;
  }
  return at;
};

function csvCalendar(column: Column, zero: ZeroDates): Render {
  const good = inQuotes(copy);
  return (source, start, end, out, at) => {
    if (!isZeroDate(source, start)) return good(source, start, end, out, at);
    zero.meet(column);
    return csvNull(out, at);
  };
}

const csvRenders: Record<Shape, (column: Column, zero: ZeroDates) => Render> = {
  ascii: () => inQuotes(copy),
  text: () => inQuotes(csvText),
  bytes: () => inQuotes(hex),
  bit: () =>
    inQuotes((source, start, _end, out, at) => {
      out[at] = 0x30 + source[start]!;
      return at + 1;
    }),
  float32: () => inQuotes(float),
  calendar: csvCalendar,
  zoned: csvCalendar,
};

const csvNull = (out: Buffer, at: number): number => at + out.write('NULL', at, 'latin1');

export const formats: ReadonlyMap<Encoding, Format> = new Map<Encoding, Format>([
  [
    'copy-text/1',
    { separator: 0x09, none: copyNull, render: (column, zero) => copyRenders[shapeOf(column)](column, zero) },
  ],
  ['csv/1', { separator: 0x2c, none: csvNull, render: (column, zero) => csvRenders[shapeOf(column)](column, zero) }],
]);
