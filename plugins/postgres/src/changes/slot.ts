/** The replication slot of a pipeline: what makes the server keep its log until it was read. */
import { ConfigError, type Finding } from '@sluice/connector-sdk';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../connect.js';
import { sqlState } from '../errors.js';
import { literal, quote } from '../names.js';
import { parseLsn } from './lsn.js';

/** Of the slot and of the publication: stable, and of nothing but [a-z0-9_]. */
export function changesName(pipeline: string): string {
  const plain = pipeline
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 40);
  const mark = createHash('sha256').update(pipeline).digest('hex').slice(0, 12);
  return ['sluice', plain, mark].filter((part) => part !== '').join('_');
}

/** What the server says of a slot. */
export interface SlotState {
  readonly name: string;
  readonly plugin: string;
  readonly database: string;
  readonly activePid: number | undefined;
  /** 'reserved', 'extended', 'unreserved' or 'lost'. */
  readonly walStatus: string;
  /** Why its log is gone, in the server's word; undefined while it is there. */
  readonly invalid: string | undefined;
  readonly restart: bigint | undefined;
  /** Commits from here on are sent to whoever asks. */
  readonly confirmed: bigint | undefined;
  /** Bytes of log that are kept for it, and that were not confirmed yet. */
  readonly retainedBytes: number;
  readonly lagBytes: number;
  /** Bytes that may still be written before the slot is lost; undefined without `max_slot_wal_keep_size`. */
  readonly safeBytes: number | undefined;
}

const stateSql = (name: string): string => `
SELECT to_json(s)::text AS slot,
  pg_wal_lsn_diff(here.lsn, s.restart_lsn)::text AS retained, pg_wal_lsn_diff(here.lsn, s.confirmed_flush_lsn)::text AS lag
FROM pg_catalog.pg_replication_slots s,
  (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) here
WHERE s.slot_name = ${literal(name)}`;

/** Columns that not every version has are absent. */
interface SlotRow {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active_pid: number | null;
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly wal_status: string | null;
  readonly safe_wal_size: number | null;
  readonly invalidation_reason?: string | null;
  readonly conflicting?: boolean | null;
}

/** The slot as it is now; undefined when there is none of this name. */
export async function slotState({ client }: Pick<Connection, 'client'>, name: string): Promise<SlotState | undefined> {
  const { rows } = await client.query<{ slot: string; retained: string | null; lag: string | null }>(stateSql(name));
  if (!rows[0]) return undefined;
  const slot = JSON.parse(rows[0].slot) as SlotRow;
  return {
    name,
    plugin: slot.plugin ?? '',
    database: slot.database ?? '',
    activePid: slot.active_pid ?? undefined,
    walStatus: slot.wal_status ?? 'lost',
    invalid: invalidity(slot),
    restart: parseLsn(slot.restart_lsn),
    confirmed: parseLsn(slot.confirmed_flush_lsn),
    retainedBytes: Number(rows[0].retained ?? 0),
    lagBytes: Number(rows[0].lag ?? 0),
    safeBytes: slot.safe_wal_size ?? undefined,
  };
}

function invalidity({ invalidation_reason: reason, conflicting, wal_status: status }: SlotRow): string | undefined {
  if (reason) return reason;
  if (conflicting) return 'conflict with recovery';
  return status === 'lost' ? 'wal_removed' : undefined;
}

/** Makes the slot unless it is there. Waits for the transactions that are open now, for ten minutes at most. Throws ConfigError for a slot of somebody else's. */
export async function ensureSlot(connection: Connection, name: string): Promise<SlotState> {
  const found = await slotState(connection, name);
  if (found && found.invalid === undefined) return refuseForeign(connection, found);
  if (found) await connection.client.query(`SELECT pg_catalog.pg_drop_replication_slot(${literal(name)})`);
  try {
    const sql = `SELECT pg_catalog.pg_create_logical_replication_slot(${literal(name)}, 'pgoutput')`;
    await connection.client.query("SET statement_timeout = '600s'");
    await connection.client.query(sql);
  } catch (error) {
    if (sqlState(error) !== '42710') throw error; // another made it at the same moment
  } finally {
    await connection.client.query('SET statement_timeout = 0');
  }
  return refuseForeign(connection, (await slotState(connection, name))!);
}

/** Throws ConfigError for a slot of another database or with another plugin. */
export async function refuseForeign({ client }: Connection, slot: SlotState): Promise<SlotState> {
  const { rows } = await client.query<{ name: string }>('SELECT current_database()::text AS name');
  if (slot.plugin === 'pgoutput' && slot.database === rows[0]!.name) return slot;
  const message = `The replication slot ${slot.name} is not one of this pipeline: it is of database ${JSON.stringify(slot.database)}, with plugin ${slot.plugin}.`;
  throw new ConfigError(message, {
    code: 'postgres.foreign-slot',
    fix: `SELECT pg_drop_replication_slot(${literal(slot.name)})`,
  });
}

/**
 * Waits until nobody reads from the slot, for `ms` at most. Who still does is a reader of this pipeline that was not told of its end,
 * as the slot is its own: its connection is ended.
 */
export async function freeSlot(connection: Connection, name: string, ms: number): Promise<void> {
  const started = Date.now();
  for (;;) {
    const pid = (await slotState(connection, name))?.activePid;
    if (pid === undefined || Date.now() - started > ms) return;
    if (Date.now() - started > 500)
      await connection.client.query(`SELECT pg_catalog.pg_terminate_backend(${pid})`).catch(() => undefined); // no right: it is waited for
    await sleep(100);
  }
}

/** Drops slot and publication as far as that can be done; answers what is left, with the statement that drops it. Never throws for these. */
export async function dropChanges(connection: Connection, pipeline: string): Promise<Finding[]> {
  const name = changesName(pipeline);
  const left: Finding[] = [];
  const slotFix = `SELECT pg_drop_replication_slot(${literal(name)})`;
  const attempt = async (what: string, sql: string, fix: string): Promise<void> => {
    try {
      await connection.client.query(sql);
    } catch (error) {
      if (sqlState(error) === '42704') return;
      const message = `The ${what} ${name} could not be dropped: ${error instanceof Error ? error.message : String(error)}`;
      left.push({ code: `${what.replace(' ', '-')}-left`, severity: 'warning', message, fix });
    }
  };
  await freeSlot(connection, name, 5000).catch(() => undefined); // the attempt tells
  await attempt('replication slot', slotFix, slotFix);
  const publicationFix = `DROP PUBLICATION IF EXISTS ${quote(name)}`;
  await attempt('publication', publicationFix, publicationFix);
  return left;
}

/** Writes a few bytes into the log: a slot of a database in which nothing is written cannot move on. */
export async function heartbeat({ client }: Connection): Promise<void> {
  await client.query(`SELECT pg_catalog.pg_logical_emit_message(false, 'sluice', '')`);
}
