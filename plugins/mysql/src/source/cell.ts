/** How one column's text arrives from the server, and the expression that makes it arrive so. */
import { type Column, DataError } from '@sluice/connector-sdk';
import { quoteName } from '../quote.js';
import { baseType, isZerofill } from '../types.js';

/**
 * 'ascii': the server's text is the value in every encoding. 'zoned': a UTC timestamp without its zone. 'calendar' and 'zoned'
 * may hold zero dates.
 */
export type Shape = 'ascii' | 'text' | 'bytes' | 'bit' | 'float32' | 'calendar' | 'zoned';

export function shapeOf(column: Column): Shape {
  switch (column.type) {
    case 'boolean':
      return baseType(column.native) === 'bit' ? 'bit' : 'ascii';
    case 'bytes':
    case 'float32':
      return column.type;
    case 'string':
    case 'json':
      return 'text';
    case 'date':
    case 'timestamp':
      return 'calendar';
    case 'timestamptz':
      return 'zoned';
    default:
      return 'ascii';
  }
}

/** FLOAT prints six digits; times one as a double it prints all. Zerofill and YEAR print zeros that are no part of the number. */
export function expressionOf(column: Column): string {
  const name = quoteName(column.name);
  if (column.type === 'float32') return `${name} * 1E0`;
  if (isZerofill(column.native) || baseType(column.native) === 'year') return `${name} + 0`;
  return name;
}

const leastNormal = 2 ** -126;

/** The shortest text that reads back as the same float32. Six digits always survive, but for subnormals, which have fewer. */
export function shortFloat(text: string): string {
  const value = Math.fround(Number(text));
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  for (let digits = Math.abs(value) < leastNormal ? 1 : 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

const ZERO = 0x30;
const zeros = (source: Uint8Array, at: number, count: number): boolean => {
  for (let i = at; i < at + count; i++) if (source[i] !== ZERO) return false;
  return true;
};
/** True for '0000-00-00', '2024-00-01', '2024-01-00' and year 0: dates that no other system holds. */
export const isZeroDate = (source: Uint8Array, at: number): boolean =>
  (source[at + 8] === ZERO && source[at + 9] === ZERO) ||
  (source[at + 5] === ZERO && source[at + 6] === ZERO) ||
  zeros(source, at, 4);

/** What is done with zero dates, and how many there were. */
export class ZeroDates {
  count = 0;
  constructor(
    readonly policy: 'reject' | 'null',
    readonly stream: string,
  ) {}

  /** Returns for policy 'null', and throws else. */
  meet(column: Column): void {
    if (this.policy === 'reject') {
      throw new DataError(
        `${this.stream}: column ${JSON.stringify(column.name)} holds a zero date, which is no date.`,
        {
          stream: this.stream,
          fix: `Correct the rows, or set zero_dates to "null" in the source's configuration.`,
        },
      );
    }
    this.count++;
  }
}
