import { type Column, DataError, type LogicalType, type Row, type Value } from '@sluice/connector-sdk';
import type { Encoder } from './codec.js';

type Render = (value: NonNullable<Value>) => string;

/** The codec knows no stream: whoever calls it adds the name. */
export function cannotSay(column: Column, what: string): DataError {
  return new DataError(`csv/1 cannot say ${what} (column ${JSON.stringify(column.name)}, ${column.type})`, {
    stream: '',
  });
}

const quoted = (text: string): string => (text.includes('"') ? `"${text.replaceAll('"', '""')}"` : `"${text}"`);

function text(column: Column): Render {
  return (value) => {
    const string = value as string & { isWellFormed(): boolean };
    // Encoding a lone surrogate would put U+FFFD in its place without a word. Invariant 9
    if (!string.isWellFormed()) throw cannotSay(column, 'text that is not well-formed Unicode');
    return quoted(string);
  };
}

function float(column: Column): Render {
  return (value) => {
    if (!Number.isFinite(value as number)) throw cannotSay(column, String(value));
    return Object.is(value, -0) ? '"-0"' : `"${String(value)}"`;
  };
}

function decimal(column: Column): Render {
  return (value) => {
    const string = value as string;
    const last = string.charCodeAt(string.length - 1);
    if (last < 0x30 || last > 0x39) throw cannotSay(column, string);
    return `"${string}"`;
  };
}

/** Dates and timestamps: `cut` drops the Z of a timestamptz. */
function calendar(column: Column, cut: number): Render {
  return (value) => {
    const string = value as string;
    if (string.endsWith('C')) throw cannotSay(column, 'a year before 1');
    if (string.endsWith('y')) throw cannotSay(column, string);
    return `"${cut === 0 ? string : string.slice(0, -cut)}"`;
  };
}

const plain: Render = (value) => `"${value as string}"`;

const hex: Render = (value) => {
  const bytes = value as Uint8Array;
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}"`;
};

const renderers: Record<LogicalType, (column: Column) => Render> = {
  boolean: () => (value) => (value === true ? '"1"' : '"0"'),
  int16: () => plain,
  int32: () => plain,
  int64: () => plain,
  float32: float,
  float64: float,
  decimal,
  string: text,
  bytes: () => hex,
  date: (column) => calendar(column, 0),
  time: () => plain,
  timestamp: (column) => calendar(column, 0),
  timestamptz: (column) => calendar(column, 1),
  duration: () => plain,
  uuid: () => plain,
  json: text,
};

/** Rows of docs/encodings/rows.md to csv/1. Throws DataError, with an empty `stream`, for what the format cannot say. */
export function csvEncoder(columns: readonly Column[]): Encoder {
  const renders = columns.map((column) => renderers[column.type](column));
  const empty = new Uint8Array(0);
  return { begin: () => empty, rows: (rows) => encodeRows(rows, columns, renders), end: () => empty };
}

function encodeRows(rows: readonly Row[], columns: readonly Column[], renders: readonly Render[]): Uint8Array {
  let out = '';
  for (const row of rows) {
    for (let i = 0; i < renders.length; i++) {
      const value = row[i];
      if (i > 0) out += ',';
      if (value === null) out += 'NULL';
      else if (value === undefined) throw cannotSay(columns[i]!, 'a value that was not sent');
      else out += renders[i]!(value);
    }
    out += '\n';
  }
  return Buffer.from(out, 'utf8');
}
