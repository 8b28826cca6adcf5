/** The table of checkpoints, in the destination's own schema: what a lane has committed, and who may commit next. */
import { type Checkpoint, FencedError, type Lane, LostPositionError } from '@sluice/connector-sdk';
import { ownPrefix, shadowPrefix } from '@sluice/sql';
import type { Client } from 'pg';
import { literal, quote } from '../names.js';
import type { Destination } from './session.js';

interface Row {
  readonly checkpoint: string | null;
  readonly shadows: string;
}

export class Checkpoints {
  readonly #client: Client;
  readonly #schema: string;
  readonly #table: string;

  constructor({ config, connection }: Destination) {
    this.#client = connection.client;
    this.#schema = config.schema;
    this.#table = quote(config.schema, `${ownPrefix}checkpoints`);
  }

  /** Takes the lane and answers its last commit in this generation. */
  async resume(lane: Lane): Promise<Checkpoint | undefined> {
    await this.#make();
    const result = await this.#client.query<Row>(
      `INSERT INTO ${this.#table} AS c (lane, part, fence, generation) VALUES ($1, $2, $3, $4)
       ON CONFLICT (lane, part) DO UPDATE SET fence = excluded.fence, generation = excluded.generation, updated_at = now(),
         checkpoint = CASE WHEN c.generation = excluded.generation THEN c.checkpoint END,
         shadows = CASE WHEN c.generation = excluded.generation THEN c.shadows ELSE '{}' END
       WHERE c.fence <= excluded.fence AND c.generation <= excluded.generation
       RETURNING checkpoint::text, to_json(shadows)::text AS shadows`,
      [lane.id, lane.part ?? '', lane.fence.toString(), lane.generation],
    );
    const row = result.rows[0];
    if (!row) throw fenced(lane); // Invariant 4
    await this.#dropShadows(lane.id, (generation) => generation < lane.generation);
    await this.#requireShadows(JSON.parse(row.shadows) as string[]);
    return row.checkpoint === null ? undefined : (JSON.parse(row.checkpoint) as Checkpoint);
  }

  /** Stores the checkpoint within the open transaction. Throws FencedError when another has taken the lane. */
  async save(lane: Lane, checkpoint: Checkpoint, shadows: readonly string[]): Promise<void> {
    const result = await this.#client.query(
      `UPDATE ${this.#table} SET checkpoint = $5, shadows = $6, updated_at = now()
       WHERE lane = $1 AND part = $2 AND fence = $3 AND generation = $4`,
      [lane.id, lane.part ?? '', lane.fence.toString(), lane.generation, JSON.stringify(checkpoint), shadows],
    );
    if (result.rowCount !== 1) throw fenced(lane); // Invariant 4
  }

  /** The shadow table is the target now: no part of the lane may look for it any more. */
  async forgetShadow(lane: Lane, shadow: string): Promise<void> {
    await this.#client.query(
      `UPDATE ${this.#table} SET shadows = array_remove(shadows, $2) WHERE lane = $1 AND $2 = ANY(shadows)`,
      [lane.id, shadow],
    );
  }

  async drop({ id }: Pick<Lane, 'id'>): Promise<void> {
    if (await this.#exists()) await this.#client.query(`DELETE FROM ${this.#table} WHERE lane = $1`, [id]);
    await this.#dropShadows(id, () => true);
  }

  async #exists(): Promise<boolean> {
    const found = await this.#client.query<{ oid: string | null }>('SELECT to_regclass($1)::oid::text AS oid', [
      this.#table,
    ]);
    return found.rows[0]!.oid !== null;
  }

  async #make(): Promise<void> {
    if (await this.#exists()) return;
    const schema = await this.#client.query('SELECT FROM pg_namespace WHERE nspname = $1', [this.#schema]);
    // One at a time: IF NOT EXISTS does not keep two sessions from making the same thing at once.
    await this.#client.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(${literal(this.#table)}, 0))`);
    try {
      if (schema.rows.length === 0) await this.#client.query(`CREATE SCHEMA IF NOT EXISTS ${quote(this.#schema)}`);
      await this.#client.query(
        `CREATE TABLE IF NOT EXISTS ${this.#table} (
           lane text NOT NULL, part text NOT NULL, fence numeric NOT NULL, generation bigint NOT NULL,
           checkpoint json, shadows text[] NOT NULL DEFAULT '{}', updated_at timestamptz NOT NULL DEFAULT now(),
           PRIMARY KEY (lane, part))`,
      );
      await this.#client.query('COMMIT');
    } catch (error) {
      await this.#client.query('ROLLBACK');
      throw error;
    }
  }

  /** A shadow table lives in the schema of its target, so they are looked for in all. */
  async #dropShadows(lane: string, which: (generation: number) => boolean): Promise<void> {
    const found = await this.#client.query<{ schema: string; name: string }>(
      `SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND starts_with(c.relname, $1)`,
      [shadowPrefix(lane)],
    );
    for (const { schema, name } of found.rows) {
      const generation = Number(name.slice(name.lastIndexOf('_') + 1));
      if (which(generation))
        await this.#client.query(`SET lock_timeout = '10s'; DROP TABLE IF EXISTS ${quote(schema, name)}`);
    }
    if (found.rows.length > 0) await this.#client.query('SET lock_timeout = 0');
  }

  /** Invariant 7: going on into an empty table would lose, in silence, every row that was committed before. */
  async #requireShadows(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const found = await this.#client.query<{ name: string }>(
      `SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relname = ANY($1::text[])`,
      [names],
    );
    const missing = names.filter((name) => !found.rows.some((row) => row.name === name));
    if (missing.length === 0) return;
    const message = 'The table with the rows that this load has committed so far was dropped by someone else.';
    throw new LostPositionError(message, missing.join(', '), 'no such table', { fix: 'Start the load over.' });
  }
}

const fenced = (lane: Lane): FencedError =>
  new FencedError(
    `Another runner has taken the lane ${lane.id}${lane.part === undefined ? '' : ` (part ${lane.part})`}.`,
  );
