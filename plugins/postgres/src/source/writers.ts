/**
 * Transactions that may yet commit rows below a cursor value already seen. A row gets its number or its time before it is committed, so
 * that of two transactions the one with the lower values may end last: rows up to a mark are all there only when every
 * transaction that was open when the mark was taken has ended.
 */
import type { Stream } from '@sluice/connector-sdk';
import { outlast } from '@sluice/sql';
import type { Source } from './session.js';

export interface Writer {
  /** Of the transaction: never used again. */
  readonly id: string;
  /** Null for a prepared transaction, and on a replica. */
  readonly pid: string | null;
  /** When it began, for roles that may see it. */
  readonly started: string | null;
}

/**
 * Who writes a table holds a lock on it, taken before its first number is drawn, to the end. `now()` however is the time a
 * transaction began: for times everyone who has written anywhere in the database counts, as this table may be next. So it is for
 * views, whose tables are others, and whoever asks may not know them.
 */
const onPrimary = `
WITH mine AS (
  SELECT c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
), tree AS (
  SELECT oid FROM mine UNION SELECT t.relid FROM mine, pg_partition_tree(mine.oid) t
), here AS (SELECT oid FROM pg_database WHERE datname = current_database())
SELECT DISTINCT l.virtualtransaction AS id, l.pid::text AS pid, a.xact_start::text AS started
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND p.transaction = l.transactionid AND p.database = current_database()
WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND (
  (l.locktype = 'relation' AND l.database = (SELECT oid FROM here) AND l.relation IN (SELECT oid FROM tree)
    AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
  OR (l.locktype = 'transactionid' AND ($3 OR (SELECT relkind FROM mine) IN ('v', 'm', 'f'))
    AND (a.datid = (SELECT oid FROM here) OR p.transaction IS NOT NULL)))
ORDER BY 1`;
/** A replica knows which transactions are running, but not what they write. */
const onReplica = `
SELECT x::text AS id, NULL::text AS pid, NULL::text AS started FROM pg_snapshot_xip(pg_current_snapshot()) x ORDER BY 1`;

/** The transactions that are open now. Called outside of a moment. `timed`: the cursor's values are times. */
async function openWriters({ connection: { client } }: Source, { path }: Stream, timed: boolean): Promise<Writer[]> {
  const { rows } = await client.query<{ replica: string }>('SELECT pg_is_in_recovery()::text AS replica');
  if (rows[0]!.replica === 'true') return (await client.query<Writer>(onReplica)).rows;
  return (await client.query<Writer>(onPrimary, [...path, timed])).rows;
}

/** Waits for the transactions that are open now, for `cursor_wait_seconds` at most. Answers those that stay. */
export const outlastWriters = async (source: Source, stream: Stream, timed: boolean): Promise<readonly Writer[]> =>
  (await outlast(() => openWriters(source, stream, timed), source.config.cursor_wait_seconds, source.context.signal)) ??
  [];
