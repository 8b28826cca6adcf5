/** What the tests of the change stream share: a stream that is read in the background, and what it has yielded. */
import type { Batch, Change, Checkpoint, Stream } from '@sluice/connector-sdk';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Changes, type ChangesOptions, openChanges } from '../src/changes/index.js';
import { mapError } from '../src/errors.js';
import { type Connection, connect, disconnect } from '../src/connect.js';
import { discover } from '../src/source/discover.js';
import { type TestContext, type TestDatabase, testContext } from './server.js';

export const connected = async <T>(db: TestDatabase, use: (connection: Connection) => Promise<T>): Promise<T> => {
  const connection = await connect(db.source, testContext());
  try {
    return await use(connection);
  } finally {
    await disconnect(connection);
  }
};

export const streamsOf = (db: TestDatabase, ...tables: readonly string[]): Promise<Stream[]> =>
  connected(db, async (connection) => {
    const streams = await discover(
      connection,
      tables.map((table) => `public.${table}`),
    );
    if (streams.length !== tables.length) throw new Error(`not all of ${tables.join(', ')} are there`);
    return streams;
  });

export const changesIn = (batches: readonly Batch[]): Change[] =>
  batches.flatMap((batch) => (batch.kind === 'changes' ? batch.changes : []));
export const lastCheckpoint = (batches: readonly Batch[]): Checkpoint | undefined =>
  batches.flatMap((batch) => ('checkpoint' in batch && batch.checkpoint ? [batch.checkpoint] : [])).at(-1);

/** A change stream that is being read. */
export class Reading implements AsyncDisposable {
  readonly batches: Batch[] = [];
  readonly context: TestContext = testContext();
  error: unknown;
  #ended: Promise<void>;
  #pause: Promise<void> | undefined;
  private constructor(
    readonly connection: Connection,
    readonly changes: Changes,
    confirm: boolean,
  ) {
    this.#ended = this.#read(confirm);
  }

  static async open(
    db: TestDatabase,
    options: Omit<ChangesOptions, 'streams'> & { streams: readonly Stream[]; confirm?: boolean; added?: 'ignore' },
  ): Promise<Reading> {
    const { confirm, streams, added, ...rest } = options;
    const context = testContext();
    const connection = await connect(db.source, context);
    try {
      const followed = streams.map((stream) => ({ stream, ...(added && { added }) }));
      const changes = await openChanges(connection, db.source, context, { ...rest, streams: followed });
      const reading = new Reading(connection, changes, confirm ?? true);
      Object.assign(reading, { context });
      return reading;
    } catch (error) {
      await disconnect(connection);
      throw error;
    }
  }

  async #read(confirm: boolean): Promise<void> {
    try {
      for await (const batch of this.changes) {
        this.batches.push(batch);
        await this.#pause;
        if (confirm && 'checkpoint' in batch && batch.checkpoint) this.changes.confirm(batch.checkpoint);
      }
    } catch (error) {
      this.error = error;
    }
  }

  get list(): Change[] {
    return changesIn(this.batches);
  }
  get checkpoint(): Checkpoint | undefined {
    return lastCheckpoint(this.batches);
  }

  /** Until the batches meet `enough`. Throws what the stream throws, and after half a minute. */
  async until(enough: (batches: readonly Batch[]) => boolean): Promise<this> {
    for (let waited = 0; !enough(this.batches); waited += 10) {
      if (this.error !== undefined) throw mapError(this.error);
      if (waited > 30_000) throw new Error(`still waiting, with ${this.list.length} changes`);
      await sleep(10);
    }
    return this;
  }
  /** Takes no batch for `ms`. */
  pause(ms: number): Promise<void> {
    return (this.#pause = sleep(ms));
  }
  /** Until so many changes have come, the last of them with a checkpoint. */
  whole(count: number): Promise<this> {
    return this.until((batches) => changesIn(batches).length >= count && checkpointed(batches));
  }
  /** Until the stream has failed; answers its error. */
  async failed(): Promise<unknown> {
    await this.until(() => this.error !== undefined);
    return this.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.context.abort.abort(new Error('the test is done'));
    await this.#ended;
    await this.changes[Symbol.asyncDispose]();
    await disconnect(this.connection);
  }
}

const checkpointed = (batches: readonly Batch[]): boolean => {
  const last = batches.findLast(({ kind }) => kind === 'changes' || kind === 'idle');
  return last !== undefined && 'checkpoint' in last && last.checkpoint !== undefined;
};

/** A slot holds its database: it is dropped before that. */
export async function dropSlots(db: TestDatabase): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const left = await db.query(
      `SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = current_database()`,
    );
    if (left.length === 0) return;
    await db
      .query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active_pid IS NOT NULL`,
      )
      .catch(() => undefined);
    await db
      .query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()`)
      .catch(() => sleep(100));
  }
}
