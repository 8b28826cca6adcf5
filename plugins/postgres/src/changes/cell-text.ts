/**
 * The value of one cell of the change log, out of its type's own text: the same that a full read of the row gives, whose SELECT
 * casts some types (source/select.ts). The session's settings (connect.ts) fix the text. (Invariant 9)
 */
import { type Column, DataError, type Value } from '@sluice/connector-sdk';
import { fieldReader } from '@sluice/encodings';
import { parseNative } from '../types.js';
import { type ArrayForm, arrayAsJson } from './array-text.js';

/** Reads the `size` bytes at `at`. */
export type ReadCell = (bytes: Buffer, at: number, size: number) => Value;
/** What a text does not tell. */
export interface TextSettings {
  /** Digits behind the point of `money`, which its text may group and sign in any way. */
  readonly moneyScale: number;
  /** Between two elements of an array: ',' but for a few types. */
  readonly delimiter: string;
}

const noView = new DataView(new ArrayBuffer(0));
const readField = fieldReader({ name: '', type: 'string', native: 'text', nullable: true });
const text: ReadCell = (bytes, at, size) => readField(bytes, at, size, noView);
const latin = (bytes: Buffer, at: number, size: number): string => bytes.toString('latin1', at, at + size);
const plain: ReadCell = (bytes, at, size) => latin(bytes, at, size);
const number: ReadCell = (bytes, at, size) => Number(latin(bytes, at, size));

/** Up to 15 digits are a double for sure. */
const integer: ReadCell = (bytes, at, size) => {
  const end = at + size;
  const negative = bytes[at] === 0x2d;
  const first = negative ? at + 1 : at;
  if (size > 15) return largeInteger(bytes, first, end, negative);
  const value = digits(bytes, first, end);
  return negative ? -value : value;
};
function digits(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = at; i < end; i++) value = value * 10 + bytes[i]! - 0x30;
  return value;
}

const halves = new Uint32Array(2);
const whole = new BigUint64Array(halves.buffer);
const [low, high] = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? [0, 1] : [1, 0];

/** Digits in two numbers, put together by 32 bits each: many times quicker than to have a text parsed. */
function largeInteger(bytes: Buffer, at: number, end: number, negative: boolean): number | bigint {
  const upper = digits(bytes, at, end - 9);
  const lower = digits(bytes, end - 9, end);
  const near = upper * 1e9 + lower;
  if (Number.isSafeInteger(near)) return negative ? -near : near;
  // upper * 10^9 + lower, with upper = a * 2^16 + b: no step goes beyond 2^53.
  const a = Math.floor(upper / 65_536) * 1e9;
  const rest = (a % 65_536) * 65_536 + (upper % 65_536) * 1e9 + lower;
  halves[low] = rest % 4_294_967_296;
  halves[high] = Math.floor(a / 65_536) + Math.floor(rest / 4_294_967_296);
  return negative ? -whole[0]! : whole[0]!;
}

/** '2024-01-01 00:00:00.5+00' and '... BC': always UTC. */
const timestamptz: ReadCell = (bytes, at, size) => {
  const end = at + size;
  if (bytes[end - 3] === 0x2b) return `${bytes.toString('latin1', at, end - 3)}Z`;
  return latin(bytes, at, size).replace('+00', 'Z');
};
const hex: ReadCell = (bytes, at, size) =>
  new Uint8Array(Buffer.from(bytes.toString('latin1', at + 2, at + size), 'hex'));

/** '-$1,234.50', '(1.234,50 EUR)': its digits are those of the number of the smallest units. */
function moneyText(shown: string, scale: number): string {
  const digits = shown
    .replace(/\D/g, '')
    .replace(/^0+(?=\d)/, '')
    .padStart(scale + 1, '0');
  const cut = digits.length - scale;
  const value = scale === 0 ? digits : `${digits.slice(0, cut)}.${digits.slice(cut)}`;
  return /[-(\u2212]/.test(shown) && /[1-9]/.test(digits) ? `-${value}` : value;
}

/** A cast of inet to text names the whole network, which its output leaves out. */
const inetText = (shown: string): string => {
  if (shown.includes('/')) return shown;
  return shown.includes(':') ? `${shown}/128` : `${shown}/32`;
};
const trimmed = (shown: string): string => shown.replace(/ +$/, '');

/** The reader of a column. */
export function cellReader(stream: string, column: Column, settings: TextSettings): ReadCell {
  if (column.native.endsWith('[]')) return arrayReader(stream, column, settings);
  const base = parseNative(column.native)?.base;
  if (base === 'money')
    return (bytes, at, size) => moneyText(bytes.toString('utf8', at, at + size), settings.moneyScale);
  if (base === 'inet') return (bytes, at, size) => inetText(latin(bytes, at, size));
  return readers[column.type];
}

const readers: Readonly<Record<Column['type'], ReadCell>> = {
  boolean: (bytes, at) => bytes[at] === 0x74,
  int16: integer,
  int32: integer,
  int64: integer,
  float32: number,
  float64: number,
  decimal: plain,
  string: text,
  bytes: hex,
  date: plain,
  time: plain,
  timestamp: plain,
  timestamptz,
  duration: plain,
  uuid: plain,
  json: text,
};

function arrayReader(stream: string, column: Column, { delimiter }: TextSettings): ReadCell {
  const form = formOf(column.native.slice(0, -2), delimiter);
  return (bytes, at, size) => {
    const json = arrayAsJson(bytes.toString('utf8', at, at + size), form);
    if (json !== undefined) return json;
    const what =
      'an array that JSON cannot say (bounds of its own, too many dimensions, or JSON documents in more than one)';
    throw new DataError(`Column ${JSON.stringify(column.name)} of ${stream} holds ${what}.`, { stream });
  };
}

function formOf(element: string, delimiter: string): ArrayForm {
  const known = parseNative(element);
  const [base, type] = [known?.base, known?.builtin.type];
  if (type === 'json') return { elements: 'documents', delimiter };
  if (base !== 'oid' && base !== 'money' && /^(boolean|decimal|int\d\d|float\d\d)$/.test(type ?? ''))
    return { elements: 'direct', delimiter };
  if (base === 'inet') return { elements: 'quoted', delimiter, asText: inetText };
  if (base === 'character' || base === 'bpchar') return { elements: 'quoted', delimiter, asText: trimmed };
  return { elements: 'quoted', delimiter };
}
