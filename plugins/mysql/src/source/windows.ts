/** Cuts a full read into ranges of the key, each of which ends at a checkpoint. */
import type { Column } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName } from '../quote.js';
import { bound, exactText } from './key.js';

export interface Window {
  /** The condition that selects its rows, and no row of another window. */
  readonly where: string;
  /** The key at its end: what a later session goes on from. Absent in the last window. */
  readonly end?: readonly string[];
}

export interface Windows {
  /** Asked for after the rows of the one before were read. `read`: how many they were. */
  next(read: number): Promise<Window | undefined>;
}

export interface Range {
  /** Quoted. */
  readonly table: string;
  readonly key: readonly Column[];
  /** Rows per window, about. */
  readonly size: number;
  /** Where an earlier session ended. */
  readonly after?: readonly string[];
  /** The highest key to read. */
  readonly upto?: readonly string[];
}

export function windowsOf(link: Link, range: Range): Windows {
  const [first, ...others] = range.key;
  if (first === undefined) return wholeTable();
  const whole = first.type.startsWith('int') || (first.type === 'decimal' && first.scale === 0);
  // Only a key of one whole number has at most as many rows as numbers in a range.
  return whole && others.length === 0 && range.upto === undefined ? strides(link, range, first) : pages(link, range);
}

function wholeTable(): Windows {
  let asked = false;
  return {
    next: async () => {
      if (asked) return undefined;
      asked = true;
      return { where: 'TRUE' };
    },
  };
}

/** Whole-number keys: the next bound is arithmetic, so that no row is visited twice. Gaps make the stride longer. */
function strides(link: Link, range: Range, column: Column): Windows {
  const name = quoteName(column.name);
  let low = range.after?.[0];
  let stride = BigInt(range.size);
  let previous: bigint | undefined;
  let ended = false;
  return {
    async next(read) {
      if (ended) return undefined;
      if (previous !== undefined) stride = adapt(previous, BigInt(read), BigInt(range.size));
      const from = low === undefined ? 'TRUE' : bound([column], [low], 'above');
      const [row] = await link.query(`SELECT MIN(${name}), MAX(${name}) FROM ${range.table} WHERE ${from}`);
      const [least, greatest] = row ?? [];
      if (least == null || greatest == null) {
        ended = true;
        return undefined;
      }
      previous = stride;
      const high = BigInt(least) + stride - 1n;
      if (high >= BigInt(greatest)) {
        ended = true;
        return { where: from };
      }
      low = String(high);
      return { where: `${from} AND ${bound([column], [low], 'upto')}`, end: [low] };
    },
  };
}

function adapt(stride: bigint, read: bigint, size: bigint): bigint {
  if (read * 2n < size) return stride * 2n;
  const fitting = read > size ? (stride * size) / read : stride;
  return fitting > 0n ? fitting : 1n;
}

/** Any other key: the server counts off a window along the index. */
function pages(link: Link, range: Range): Windows {
  const names = range.key.map((column) => quoteName(column.name)).join(', ');
  const texts = range.key.map((column, i) => `${exactText(column)} AS c${i}`).join(', ');
  const top = range.upto === undefined ? [] : [bound(range.key, range.upto, 'upto')];
  let low = range.after;
  let ended = false;
  return {
    async next() {
      if (ended) return undefined;
      const from = [...(low === undefined ? [] : [bound(range.key, low, 'above')]), ...top].join(' AND ') || 'TRUE';
      const sql = `SELECT ${texts} FROM ${range.table} WHERE ${from} ORDER BY ${names} LIMIT 1 OFFSET ${range.size - 1}`;
      const [row] = await link.query(sql);
      if (row === undefined) {
        ended = true;
        return { where: from };
      }
      const end = row.map(String);
      low = end;
      return { where: `${from} AND ${bound(range.key, end, 'upto')}`, end };
    },
  };
}
