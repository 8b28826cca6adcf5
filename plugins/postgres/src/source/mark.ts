/** The mark up to which a read by cursor goes: the highest value, and what it takes to be sure of all below it. */
import { rest, restFor } from '@sluice/sql';
import { literal } from '../names.js';
import { type Cursor, bound } from './cursor-column.js';
import type { Source } from './session.js';
import { type Writer, outlastWriters } from './writers.js';

export interface High {
  readonly text: string;
  /** Seconds since then, for times without a zone: by UTC. */
  readonly age: number | undefined;
}

/** The highest cursor of this moment, as exact text; undefined when there is none above `low`: a position never goes back. */
export async function highest(
  { connection }: Source,
  cursor: Cursor,
  low: string | null,
  below?: string,
): Promise<High | undefined> {
  const { column } = cursor;
  const conditions = [
    cursor.ordered,
    ...(low === null ? [] : [`${column} > ${bound(cursor, low)}`]),
    ...(cursor.settled === undefined ? [] : [cursor.settled]),
    ...(below === undefined ? [] : [below]),
  ];
  const age = cursor.zoneless
    ? `extract(epoch FROM clock_timestamp() AT TIME ZONE 'UTC' - max(${column}))::text`
    : 'NULL';
  const sql = `SELECT max(${column})::text AS high, ${age} AS age FROM ${cursor.table} WHERE ${conditions.join(' AND ')}`;
  const { rows } = await connection.client.query<{ high: string | null; age: string | null }>(sql);
  const { high, age: seconds } = rows[0]!;
  return high === null ? undefined : { text: high, age: seconds === null ? undefined : Number(seconds) };
}

/**
 * Until the rows up to the mark are all there. Answers 'held' when they are not and the position must stay; a condition that a
 * lower mark has to meet; or undefined: the mark stands.
 */
export async function safeMark(
  source: Source,
  cursor: Cursor,
  { text, age }: High,
): Promise<'held' | string | undefined> {
  const { config, context, moment } = source;
  await moment.leave();
  await rest(restFor(config.cursor_lag_seconds, age) * 1000, context.signal);
  if (config.cursor_wait_seconds === 0) return undefined;
  const open = await outlastWriters(source, cursor.request.stream, cursor.timed);
  if (open.length === 0) return undefined;
  const fields = {
    stream: cursor.request.stream.id,
    column: cursor.name,
    transactions: open.length,
    pids: open.flatMap(({ pid }) => (pid === null ? [] : [Number(pid)])).slice(0, 10),
    waited: config.cursor_wait_seconds,
  };
  const since = cursor.timed && !cursor.zoneless && cursor.type.startsWith('timestamp') ? oldest(open) : undefined;
  if (since === undefined) {
    const message = 'Transactions that may yet commit rows below the mark stay open: the position is kept as it is.';
    context.log('warn', message, { ...fields, mark: text });
    return 'held';
  }
  const message = 'Transactions that may yet commit rows below the mark stay open: the read ends where they began.';
  context.log('warn', message, { ...fields, since });
  return `${cursor.column} < ${literal(since)}::timestamptz - make_interval(secs => ${config.cursor_lag_seconds})`;
}

/** When the first of them began; undefined when that may not be seen of all of them. */
function oldest(open: readonly Writer[]): string | undefined {
  const starts = open.map(({ started }) => started);
  // Text of one zone (UTC): the shorter fraction sorts first, and is the earlier.
  return starts.includes(null) ? undefined : (starts as string[]).sort()[0];
}
