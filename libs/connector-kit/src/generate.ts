/** Random values of every logical type from a seed: the same seed makes the same rows on every machine. */
import type { LogicalType, Value } from '@sluice/connector-sdk';
import { parseValue } from './values.js';

/** A number in [0, 1) at each call (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A value that every system with the type can hold: no NaN, no infinities, years 1971 to 2037. One in eight is NULL. */
export function randomValue(type: LogicalType, next: () => number): Value {
  if (next() < 0.125) return null;
  const below = (n: number) => Math.floor(next() * n);
  const two = (n: number) => String(below(n)).padStart(2, '0');
  const micros = () => (next() < 0.3 ? '' : `.${String(below(999_999) + 1).padStart(6, '0')}`);
  const day = () =>
    `${1971 + below(66)}-${String(below(12) + 1).padStart(2, '0')}-${String(below(28) + 1).padStart(2, '0')}`;
  const digits = (n: number) => Array.from({ length: n }, () => below(10)).join('');
  const hex = (n: number) => Array.from({ length: n }, () => below(16).toString(16)).join('');
  switch (type) {
    case 'boolean':
      return next() < 0.5;
    case 'int16':
      return below(65_536) - 32_768;
    case 'int32':
      return below(2 ** 32) - 2 ** 31;
    case 'int64':
      return parseValue('int64', `${next() < 0.5 ? '-' : ''}${below(8) + 1}${digits(below(18))}`);
    case 'float32':
      return Number(Math.fround((next() - 0.5) * 1e6).toPrecision(6));
    case 'float64':
      return (next() - 0.5) * 10 ** (below(40) - 20);
    case 'decimal':
      return `${next() < 0.5 ? '-' : ''}${below(9) + 1}${digits(below(19))}.${digits(9)}1`;
    case 'string':
      return Array.from({ length: below(20) }, () => alphabet[below(alphabet.length)]).join('');
    case 'bytes':
      return Uint8Array.from({ length: below(30) }, () => below(256));
    case 'date':
      return day();
    case 'time':
      return `${two(24)}:${two(60)}:${two(60)}${micros()}`;
    case 'timestamp':
      return `${day()} ${two(24)}:${two(60)}:${two(60)}${micros()}`;
    case 'timestamptz':
      return `${day()} ${two(24)}:${two(60)}:${two(60)}${micros()}Z`;
    case 'duration':
      return `${next() < 0.5 ? '-' : ''}${two(24)}:${two(60)}:01${micros()}`;
    case 'uuid':
      return `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;
    case 'json':
      return JSON.stringify({ a: [below(100), null, digits(3)] });
  }
}

/** Letters, everything a text format could trip over, and characters of two, three and four bytes. */
const alphabet = [...'abcXYZ019 ,;|"\'`\\\t\n\r\b\f\v{}[]%$?:é漢🐟'];
