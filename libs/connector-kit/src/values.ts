/** Values in the forms of docs/encodings/rows.md: read from the case files, compared, and made at random from a seed. */
import type { LogicalType, Row, Value } from '@sluice/connector-sdk';
import { ok } from './assert.js';
import cases from './cases/types.json';
import type { PeerColumn } from './peer.js';

export const logicalTypes = Object.keys(cases) as LogicalType[];

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** The column of a type's case table, and its values: those of cases/types.json, NULL, and all 256 bytes or characters. */
export function typeCase(type: LogicalType): { column: PeerColumn; values: NamedValue[] } {
  const { column, values } = cases[type];
  const named = Object.entries(values).map(([name, text]) => ({ name, value: parseValue(type, text) }));
  return {
    column: { name: 'v', type, nullable: true, ...column },
    values: [{ name: 'NULL', value: null }, ...named, ...every(type)],
  };
}

/** Every single byte, and every character of one byte but NUL, which several systems cannot hold. */
function every(type: LogicalType): NamedValue[] {
  if (type === 'bytes') return [{ name: 'bytes 0-255', value: Uint8Array.from({ length: 256 }, (_, i) => i) }];
  if (type !== 'string') return [];
  return Array.from({ length: 127 }, (_, i) => ({ name: `character ${i + 1}`, value: String.fromCharCode(i + 1) }));
}

export function parseValue(type: LogicalType, text: string): Value {
  switch (type) {
    case 'boolean':
      return text === 'true';
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return Number(text);
    case 'int64':
      return integer(BigInt(text));
    case 'bytes':
      return Uint8Array.from(Buffer.from(text, 'hex'));
    default:
      return text;
  }
}

const integer = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

/** Why this is not the one form of the type, or undefined when it is. (Invariant 9) */
export function malformed(type: LogicalType, value: Value): string | undefined {
  if (value === null) return undefined;
  const shape = shapes[type];
  if (typeof shape === 'function') return shape(value) ? undefined : `a ${typeof value} is not the form of ${type}`;
  if (typeof value !== 'string') return `a ${typeof value} is not the form of ${type}`;
  return shape.test(value) ? undefined : `${JSON.stringify(value.slice(0, 40))} is not the form of ${type}`;
}

const day = String.raw`\d{4,}-\d\d-\d\d`;
const clock = String.raw`\d\d:\d\d:\d\d(\.\d{1,6})?`;
const whole = (bits: number) => (value: Value) =>
  typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 2 ** (bits - 1);
const lone = /\p{Surrogate}/u;
const isNumber = (value: Value): boolean => typeof value === 'number';
const isJson = (value: Value): boolean => {
  try {
    return typeof value === 'string' && JSON.parse(value) !== undefined;
  } catch {
    return false;
  }
};
const shapes: Record<LogicalType, RegExp | ((value: Value) => boolean)> = {
  boolean: (value) => typeof value === 'boolean',
  int16: whole(16),
  int32: whole(32),
  int64: (value) => (typeof value === 'bigint' ? !Number.isSafeInteger(Number(value)) : Number.isSafeInteger(value)),
  float32: isNumber,
  float64: isNumber,
  decimal: /^(-?(0|[1-9]\d*)(\.\d+)?|NaN|-?Infinity)$/,
  string: (value) => typeof value === 'string' && !lone.test(value),
  bytes: (value) => value instanceof Uint8Array,
  date: new RegExp(`^(${day}( BC)?|-?infinity)$`),
  time: new RegExp(`^${clock}$`),
  timestamp: new RegExp(`^(${day} ${clock}( BC)?|-?infinity)$`),
  timestamptz: new RegExp(`^(${day} ${clock}Z( BC)?|-?infinity)$`),
  duration: /^-?\d{2,}:\d\d:\d\d(\.\d{1,6})?$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  json: isJson,
};

/** The value as a system holds it that makes `to` of `from`. */
export function recast(value: Value, from: LogicalType, to: LogicalType): Value {
  if (value === null || value === undefined || from === to) return value;
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (to === 'string' && from === 'bytes') return value;
  if (to === 'string' || to === 'decimal') return String(number);
  if (to === 'int64' && typeof number === 'string') return integer(BigInt(number));
  if (from === 'timestamptz' && to === 'timestamp') return String(value).replace('Z', '');
  return number;
}

/** One text per value: two values are equal when their texts are. Zeros at the end of a fraction do not count. */
export function canonical(type: LogicalType, value: Value): string {
  if (value === undefined) return 'undefined';
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Object.is(value, -0)) return 'number -0';
  if (typeof value !== 'string') return `${typeof value === 'bigint' ? 'number' : typeof value} ${value}`;
  return `string ${JSON.stringify(trimmed(type, value))}`;
}

function trimmed(type: LogicalType, text: string): string {
  switch (type) {
    case 'decimal':
      return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'duration':
      return text.replace(/(:\d\d)(?:\.0+|(\.\d*?[1-9])0+)(?!\d)/, '$1$2');
    case 'json':
      return text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
    default:
      return text;
  }
}

const rowText = (row: Row, types: readonly LogicalType[]): string =>
  row.map((value, i) => canonical(types[i] ?? 'string', value)).join(', ');

/** Equal as multisets. The message counts what is missing and what is too much, with an example of each. */
export function sameRows(
  actual: readonly Row[],
  expected: readonly Row[],
  types: readonly LogicalType[],
  what: string,
): void {
  const left = new Map<string, number>();
  for (const row of expected) count(left, rowText(row, types), 1);
  for (const row of actual) count(left, rowText(row, types), -1);
  const [missing, extra] = [[...left].filter(([, n]) => n > 0), [...left].filter(([, n]) => n < 0)];
  const example = (found: [string, number][]) => (found[0] ? `, e.g. [${found[0][0].slice(0, 300)}]` : '');
  const sum = (found: [string, number][]) => found.reduce((total, [, n]) => total + Math.abs(n), 0);
  ok(
    missing.length + extra.length === 0,
    `${what}: of ${expected.length} rows ${sum(missing)} missing${example(missing)}; ${sum(extra)} too many${example(extra)}`,
  );
}

function count(map: Map<string, number>, key: string, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by);
}
