/** What a cursor column is to the statements that read along it. */
import type { Stream, StreamRequest } from '@sluice/connector-sdk';
import { zoneStep } from '@sluice/sql';
import { literal, quote } from '../names.js';
import { parseNative, renderNative } from '../types.js';
import type { StoredStream } from './relation.js';
import type { Source } from './session.js';

export interface Cursor {
  readonly request: StreamRequest;
  readonly table: string;
  readonly name: string;
  readonly column: string;
  /** To cast the text of a bound to. */
  readonly type: string;
  /** A condition: the cursor has a place in the order. */
  readonly ordered: string;
  /** A condition, its opposite, in a form that an index serves; undefined when there is no such row. */
  readonly unordered: string | undefined;
  /** A condition: not younger than the safety lag allows; undefined when the type has no clock, or there is no lag. */
  readonly settled: string | undefined;
  /** Values are times. */
  readonly timed: boolean;
  /** Values are times of an unknown zone. */
  readonly zoneless: boolean;
}

/** `stored`: the table as it stands. */
export function cursorOf({ config, connection }: Source, request: StreamRequest, stored: StoredStream): Cursor {
  const name = request.cursor!;
  const { nullable, native: spelling } = request.stream.columns.find((column) => column.name === name)!;
  const native = parseNative(spelling)!;
  const column = quote(name);
  const table = quote(...request.stream.path);
  const timed = /^(date|timestamp)/.test(native.base);
  const zoneless = native.base === 'timestamp without time zone';
  const top = connection.version >= 140_000 ? `'Infinity'` : `'NaN'`;
  const order = timed
    ? { in: ` AND isfinite(${column})`, out: `${column} IN ('infinity', '-infinity')` }
    : native.base === 'numeric'
      ? { in: ` AND ${column} < ${top} AND ${column} <> 'NaN'`, out: `${column} >= ${top}` } // NaN is above all
      : undefined;
  const without = [...(nullable ? [`${column} IS NULL`] : []), ...(order ? [order.out] : [])];
  return {
    request,
    table: standsAlone(request.stream, stored) ? `ONLY ${table}` : table,
    name,
    column,
    type: renderNative({ ...native, mods: [] }),
    ordered: `${column} IS NOT NULL${order?.in ?? ''}`,
    unordered: without.length === 0 ? undefined : `(${without.join(' OR ')})`,
    settled: settled(column, native.base, config.cursor_lag_seconds),
    timed,
    zoneless,
  };
}

/** Tables that inherit from this one are streams of their own; the leaves of a partitioned one are not. */
const standsAlone = ({ path }: Stream, { byBlocks, relations }: StoredStream): boolean =>
  byBlocks && relations.length === 1 && relations[0]!.path.every((name, i) => name === path[i]);

function settled(column: string, base: string, seconds: number): string | undefined {
  const lag = `make_interval(secs => ${seconds})`;
  switch (base) {
    case 'date':
      // A day is read when it is over everywhere: rows that come later on it would share a cursor that was passed.
      return `${column} < (now() AT TIME ZONE 'UTC' - interval '12 hours' - ${lag})::date`;
    case 'timestamp with time zone':
      return seconds > 0 ? `${column} <= now() - ${lag}` : undefined;
    case 'timestamp without time zone':
      return seconds >= zoneStep ? `${column} <= now() AT TIME ZONE 'UTC' - ${lag}` : undefined; // else see restFor
    default:
      return undefined;
  }
}

export const bound = ({ type }: Cursor, text: string): string => `${literal(text)}::${type}`;
/** The rows of (low, high]. */
export const range = (cursor: Cursor, low: string | null, high: string): string =>
  `${low === null ? '' : `${cursor.column} > ${bound(cursor, low)} AND `}${cursor.column} <= ${bound(cursor, high)}`;
