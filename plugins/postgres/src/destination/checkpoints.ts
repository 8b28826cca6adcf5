/** The table of checkpoints, in the destination's own schema: what a lane has committed, and who may commit next. */
import { type Checkpoint, FencedError, type Lane } from '@sluice/connector-sdk';
import { ownPrefix, shadowPrefix } from '@sluice/sql';
import type { Client } from 'pg';
import { literal, quote } from '../names.js';
import type { Destination } from './session.js';

export class Checkpoints {
  readonly #client: Client;
  readonly #schema: string;
  readonly #table: string;

  constructor({ config, connection }: Destination) {
    this.#client = connection.client;
    this.#schema = config.schema;
    this.#table = quote(config.schema, `${ownPrefix}checkpoints`);
  }

  /** Takes the lane and answers its last commit in this generation, or forgets it. */
  async resume(lane: Lane): Promise<Checkpoint | undefined> {
    await this.#make();
    const result = await this.#client.query<{ checkpoint: string | null }>(
      `INSERT INTO ${this.#table} AS c (lane, part, fence, generation) VALUES ($1, $2, $3, $4)
       ON CONFLICT (lane, part) DO UPDATE SET fence = excluded.fence, generation = excluded.generation, updated_at = now(),
         checkpoint = CASE WHEN c.generation = excluded.generation THEN c.checkpoint END
       WHERE c.fence <= excluded.fence AND c.generation <= excluded.generation
       RETURNING checkpoint::text`,
      [lane.id, lane.part ?? '', lane.fence.toString(), lane.generation],
    );
    const row = result.rows[0];
    if (!row) throw fenced(lane); // Invariant 4
    if (lane.startOver === true) return await this.#startOver(lane);
    await this.#dropShadows(lane.id, (generation) => generation < lane.generation);
    return row.checkpoint === null ? undefined : (JSON.parse(row.checkpoint) as Checkpoint);
  }

  /** In one transaction: nobody finds a checkpoint without its shadow table, or rows in that table that no checkpoint covers. */
  async #startOver(lane: Lane): Promise<undefined> {
    await this.#client.query('BEGIN');
    try {
      // Parts too: whoever still writes to one must not commit what is forgotten here. (Invariant 4)
      const taken = await this.#client.query(
        `UPDATE ${this.#table} SET checkpoint = NULL, fence = $2, generation = $3, updated_at = now()
         WHERE lane = $1 AND fence <= $2 AND generation <= $3`,
        [lane.id, lane.fence.toString(), lane.generation],
      );
      const all = await this.#client.query(`SELECT FROM ${this.#table} WHERE lane = $1`, [lane.id]);
      if (taken.rowCount !== all.rowCount) throw fenced(lane);
      await this.#dropShadows(lane.id, () => true);
      await this.#client.query('COMMIT');
    } catch (error) {
      await this.#client.query('ROLLBACK').catch(() => undefined); // the error in hand says more
      throw error;
    }
  }

  /** Stores the checkpoint within the open transaction. Throws FencedError when another has taken the lane. */
  async save(lane: Lane, checkpoint: Checkpoint): Promise<void> {
    const result = await this.#client.query(
      `UPDATE ${this.#table} SET checkpoint = $5, updated_at = now()
       WHERE lane = $1 AND part = $2 AND fence = $3 AND generation = $4`,
      [lane.id, lane.part ?? '', lane.fence.toString(), lane.generation, JSON.stringify(checkpoint)],
    );
    if (result.rowCount !== 1) throw fenced(lane); // Invariant 4
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
           checkpoint json, updated_at timestamptz NOT NULL DEFAULT now(),
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
}

const fenced = (lane: Lane): FencedError =>
  new FencedError(
    `Another runner has taken the lane ${lane.id}${lane.part === undefined ? '' : ` (part ${lane.part})`}.`,
  );
