/** `prepare`: the target, or the shadow table that will become it, in the shape of the stream. */
import {
  type Column,
  ConfigError,
  DataError,
  type Lane,
  LostPositionError,
  type Stream,
  type Target,
  codes,
} from '@sluice/connector-sdk';
import { ownPrefix, shadowName } from '@sluice/sql';
import type { Client } from 'pg';
import { sqlState } from '../errors.js';
import { literal, quote } from '../names.js';
import { type Native, renderNative, targetType } from '../types.js';
import { type StagedChanges, reshapeChanges } from './changes.js';
import type { Destination } from './session.js';
import { type Plan, additions, define, notATable, widened } from './evolve.js';
import { refuseCascade } from './swap.js';
import { type TargetTable, sameSet, targetTable } from './shape.js';

/** A stream that may be written, and where its data goes before it is published. */
export interface Prepared {
  readonly stream: Stream;
  readonly target: Target;
  /** Schema and name of the target. */
  readonly path: readonly [string, string];
  /** Column by column, in the stream's order. */
  readonly columns: readonly PreparedColumn[];
  /** What COPY fills, quoted: the shadow table, or a temporary one. */
  readonly stage: string;
  /** Mode 'replace' only. */
  readonly shadow?: { readonly name: string };
  /** Statements on the target that wait for the commit, as `write` holds no lock on it. */
  pending: readonly string[];
  /** Rows in the stage that no commit has taken yet. */
  staged: number;
  /** Changes that no commit has taken yet, once there were any. */
  changes?: StagedChanges;
}
export interface PreparedColumn {
  readonly column: Column;
  readonly type: Native;
  /** Type of the target's own column, when it is another. */
  readonly cast?: string;
}

/** Makes what is missing. Answers the statements that it ran. */
export async function prepare(
  destination: Destination,
  lane: Lane,
  stream: Stream,
  target: Target,
  before: Prepared | undefined,
  inTransaction: boolean,
): Promise<{ prepared: Prepared; ran: readonly string[] }> {
  refuseShape(stream, target);
  const { config, connection } = destination;
  const path: [string, string] =
    target.table.length > 1 ? [target.table[0]!, target.table[1]!] : [config.schema, target.table[0]!];
  quote(...path); // refuses a name that PostgreSQL would cut, before anything is made
  const columns = stream.columns.map((column) => ({
    column,
    type: targetType(column, stream.system, connection.version),
  }));
  const plan = { lane, stream, target, path, columns };
  const ran = await makeSchema(connection.client, path[0], inTransaction);
  const made =
    target.mode === 'replace'
      ? await prepareShadow(destination, plan)
      : await prepareTarget(destination, plan, before, inTransaction);
  const changes = before?.changes;
  if (changes) await run(connection.client, reshapeChanges(changes, plan));
  const prepared = { ...made.prepared, staged: before?.staged ?? 0, ...(changes ? { changes } : {}) };
  return { prepared, ran: [...ran, ...made.ran] };
}

interface Made {
  readonly prepared: Omit<Prepared, 'staged' | 'changes'>;
  readonly ran: readonly string[];
}

function refuseShape(stream: Stream, { table, mode, key }: Target): void {
  if (table.length < 1 || table.length > 2) {
    throw new ConfigError('A target is a table, or a schema and a table.', { path: ['table'] });
  }
  if (stream.columns.length === 0)
    throw new ConfigError(`The stream ${stream.id} has no columns.`, { path: ['columns'] });
  if (mode === 'upsert' && key.length === 0) {
    throw new ConfigError(`The stream ${stream.id} has no key, and mode 'upsert' needs one.`, {
      path: ['key'],
      fix: "Choose key columns, or load in mode 'replace' or 'append'.",
    });
  }
  const missing = key.filter((name) => !stream.columns.some((column) => column.name === name));
  if (missing.length > 0) {
    throw new ConfigError(`Key columns of ${stream.id} are not among its columns: ${missing.join(', ')}.`, {
      path: ['key'],
    });
  }
}

async function makeSchema(client: Client, schema: string, inTransaction: boolean): Promise<string[]> {
  const found = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  if (found.rows.length > 0) return [];
  const sql = `CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`;
  try {
    await client.query(sql);
  } catch (error) {
    // IF NOT EXISTS does not keep two lanes from making it at once: the second one fails when the first has committed.
    if (sqlState(error) !== '23505' || inTransaction) throw error;
  }
  return [sql];
}

async function run(client: Client, statements: readonly string[]): Promise<readonly string[]> {
  for (const sql of statements) await client.query(sql);
  return statements;
}

async function prepareShadow(destination: Destination, plan: Plan): Promise<Made> {
  const { client } = destination.connection;
  const { lane, path, columns, target, stream } = plan;
  const name = shadowName(lane.id, path, lane.generation);
  const stage = quote(path[0], name);
  const kind = (await targetTable(client, path))?.kind;
  if (kind !== undefined && kind !== 'r' && kind !== 'p') throw notATable(plan);
  await refuseCascade(client, path);
  // Several parts of a lane may come at once; one of them makes the table.
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [stage]);
  try {
    const found = await targetTable(client, [path[0], name]);
    if (!found) refuseGone(plan, [path[0], name]);
    const statements = found
      ? additions(plan, found, stage)
      : [
          `CREATE TABLE ${stage} (${columns.map((column) => define(column, target.key.includes(column.column.name))).join(', ')})`,
        ];
    const ran = await run(client, statements);
    return { prepared: { stream, target, path, columns, stage, shadow: { name }, pending: [] }, ran };
  } finally {
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [stage]).catch(() => undefined); // ends with the session
  }
}

/** Invariant 7: an empty table in its place would lack, in silence, every row that was committed before. */
function refuseGone({ stream, target: { committed, mode } }: Plan, path: readonly [string, string]): void {
  if (committed !== true) return;
  const what = mode === 'replace' ? 'the table that its load was filling' : `its target ${quote(...path)}`;
  const message = `Rows of ${stream.id} were committed before, and ${what} was dropped by someone else.`;
  throw new LostPositionError(message, quote(...path), 'no such table');
}

let stages = 0;

async function prepareTarget(
  { connection: { client } }: Destination,
  plan: Plan,
  before: Prepared | undefined,
  inTransaction: boolean,
): Promise<Made> {
  const { stream, target, path, columns } = plan;
  const found = await targetTable(client, path);
  if (!found) refuseGone(plan, path);
  const changes = found
    ? [...additions(plan, found, quote(...path)), ...uniqueIndex(plan, found)]
    : [createTarget(plan)];
  const existing = new Map(found?.columns.map((column) => [column.name, column]));
  const cast = (column: PreparedColumn): PreparedColumn => {
    const own = existing.get(column.column.name);
    return own && !widened(own, column) && own.native !== renderNative(column.type)
      ? { ...column, cast: own.native }
      : column;
  };
  const stage = `pg_temp.${quote(`${ownPrefix}stage_${(stages += 1)}`)}`;
  const required = (column: PreparedColumn): string =>
    define(column, target.mode === 'upsert' && target.key.includes(column.column.name));
  const make = [`CREATE TEMPORARY TABLE ${stage} (${columns.map(required).join(', ')}) ON COMMIT DELETE ROWS`];
  const move = before && before.staged > 0 ? moveStaged(before, columns, stage) : [];
  const drop = before && !before.shadow ? [`DROP TABLE ${before.stage}`] : [];
  if (!inTransaction) await runIndexing(client, changes, plan);
  await run(client, [...make, ...move, ...drop]);
  const pending = inTransaction ? [...new Set([...(before?.pending ?? []), ...changes])] : [];
  return { prepared: { stream, target, path, columns: columns.map(cast), stage, pending }, ran: changes };
}

function createTarget({ path, columns, target }: Plan): string {
  const keyed = target.mode === 'upsert';
  const lines = columns.map((column) => define(column, keyed && target.key.includes(column.column.name)));
  const key = keyed ? [`PRIMARY KEY (${target.key.map((name) => quote(name)).join(', ')})`] : [];
  return `CREATE TABLE IF NOT EXISTS ${quote(...path)} (${[...lines, ...key].join(', ')})`;
}

/** Rows staged before the shape changed go on into the new stage; columns they did not have are NULL. */
function moveStaged(before: Prepared, columns: readonly PreparedColumn[], stage: string): string[] {
  const names = columns
    .map(({ column }) => column.name)
    .filter((name) => before.columns.some(({ column }) => column.name === name))
    .map((name) => quote(name))
    .join(', ');
  return [`INSERT INTO ${stage} (${names}) SELECT ${names} FROM ${before.stage} ORDER BY ctid`];
}

/** ON CONFLICT needs a unique index on just the key. */
function uniqueIndex({ path, target }: Plan, found: TargetTable): string[] {
  if (target.mode !== 'upsert' || found.uniques.some((names) => sameSet(names, target.key))) return [];
  return [`CREATE UNIQUE INDEX ON ${quote(...path)} (${target.key.map((name) => quote(name)).join(', ')})`];
}

async function runIndexing(
  client: Client,
  statements: readonly string[],
  { stream, path, target }: Plan,
): Promise<void> {
  try {
    await run(client, statements);
  } catch (error) {
    if ((error as { code?: unknown }).code !== '23505') throw error;
    const key = target.key.map((name) => quote(name)).join(', ');
    throw new DataError(`The target has rows that share a key, so mode 'upsert' cannot be used on it.`, {
      code: codes.targetMismatch,
      stream: stream.id,
      cause: new Error(`no unique index on ${literal(key)}`),
      fix: `SELECT ${key}, count(*) FROM ${quote(...path)} GROUP BY ${key} HAVING count(*) > 1`,
    });
  }
}
