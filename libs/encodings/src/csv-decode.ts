import { type Column, DataError, type LogicalType, type Row, type Value } from '@sluice/connector-sdk';
import type { Decoder } from './codec.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const LINE = 0x0a;
const NULL_TEXT = 'NULL';

const torn = (why: string): DataError => new DataError(`not a csv/1 body: ${why}`, { stream: '' });

/** '12:00:00.500000' -> '12:00:00.5': one spelling per value in rows. */
const shortFraction = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

function integer(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function bit(text: string): boolean {
  if (text !== '1' && text !== '0') throw torn('a boolean that is neither 1 nor 0');
  return text === '1';
}

const same = (text: string): string => text;
const parsers: Record<LogicalType, (text: string) => Value> = {
  boolean: bit,
  int16: Number,
  int32: Number,
  int64: integer,
  float32: Number,
  float64: Number,
  decimal: same,
  string: same,
  bytes: (text) => Buffer.from(text, 'hex'),
  date: same,
  time: shortFraction,
  timestamp: shortFraction,
  timestamptz: (text) => `${shortFraction(text)}Z`,
  duration: shortFraction,
  uuid: same,
  json: same,
};

/** csv/1 to rows of docs/encodings/rows.md. Throws DataError, with an empty `stream`, for bytes that are not csv/1. */
export function csvDecoder(columns: readonly Column[]): Decoder {
  const parse = columns.map((column) => parsers[column.type]);
  let held = Buffer.alloc(0);
  return {
    push(chunk) {
      const bytes = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
      const rows: Row[] = [];
      let at = 0;
      for (let end = rowAt(bytes, at, parse, rows); end >= 0; end = rowAt(bytes, at, parse, rows)) at = end;
      held = bytes.subarray(at);
      return rows;
    },
    end() {
      if (held.length > 0) throw torn('it ends inside a row');
      return [];
    },
  };
}

/** Reads one row at `start` into `rows`. Returns where the next one begins, or -1 when this one is not whole yet. */
function rowAt(bytes: Buffer, start: number, parse: readonly ((text: string) => Value)[], rows: Row[]): number {
  const row: Value[] = [];
  let at = start;
  for (let i = 0; i < parse.length; i++) {
    const separator = i === parse.length - 1 ? LINE : COMMA;
    const end = bytes[at] === QUOTE ? closingQuote(bytes, at) + 1 : at + NULL_TEXT.length;
    if (end <= at || end >= bytes.length) return -1;
    if (bytes[end] !== separator)
      throw torn(`no ${separator === LINE ? 'line end' : 'comma'} after value ${i + 1} of a row`);
    row.push(bytes[at] === QUOTE ? parse[i]!(unquoted(bytes, at + 1, end - 1)) : nullAt(bytes, at));
    at = end + 1;
  }
  rows.push(row);
  return at;
}

/** The index of the quote that ends the value opened at `open`; -2 when it is not there yet. */
function closingQuote(bytes: Buffer, open: number): number {
  let at = bytes.indexOf(QUOTE, open + 1);
  while (at >= 0 && bytes[at + 1] === QUOTE) at = bytes.indexOf(QUOTE, at + 2);
  return at >= 0 && at + 1 < bytes.length ? at : -2;
}

function unquoted(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('"') ? text.replaceAll('""', '"') : text;
}

function nullAt(bytes: Buffer, at: number): null {
  if (bytes.toString('latin1', at, at + NULL_TEXT.length) !== NULL_TEXT) throw torn('a value without quotes');
  return null;
}
