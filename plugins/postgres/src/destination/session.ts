/** An open PostgreSQL destination: one connection, one lane, and at most one open transaction, which holds what is staged. */
import {
  type Change,
  type Checkpoint,
  type Context,
  type Data,
  DataError,
  type DestinationSession,
  type Encoding,
  type Lane,
  type RawData,
  type RowData,
  type Stream,
  type Target,
  type Written,
  codes,
} from '@sluice/connector-sdk';
import type { DestinationConfig } from '../config.js';
import { type Connection, connect, disconnect } from '../connect.js';
import { mapError, mapped } from '../errors.js';
import { checkDestination } from './check.js';
import { publishChanges, stageChanges } from './changes.js';
import { Checkpoints } from './checkpoints.js';
import { Loader } from './load.js';
import { publish } from './merge.js';
import { type Prepared, prepare } from './prepare.js';
import { swap } from './swap.js';

/** What the parts of the destination share. */
export interface Destination {
  readonly config: DestinationConfig;
  readonly connection: Connection;
  readonly context: Context;
}

/** Connects. Throws ConfigError or TransientError. */
export const openDestination = async (config: DestinationConfig, context: Context): Promise<DestinationSession> =>
  new Session({ config, context, connection: await connect(config, context) });

class Session implements DestinationSession {
  readonly #destination: Destination;
  readonly #checkpoints: Checkpoints;
  readonly #loader: Loader;
  readonly #prepared = new Map<string, Prepared>();
  #lane: Lane | undefined;
  #inTransaction = false;
  /** Set when staging failed: what is staged is torn, and nothing may be committed before the next `resume`. */
  #torn = false;

  constructor(destination: Destination) {
    this.#destination = destination;
    this.#checkpoints = new Checkpoints(destination);
    this.#loader = new Loader(destination.connection.client);
  }

  check = () => mapped(() => checkDestination(this.#destination));

  async resume(lane: Lane): Promise<Checkpoint | undefined> {
    await this.#discard();
    this.#prepared.clear();
    this.#torn = false;
    this.#lane = lane;
    return mapped(() => this.#checkpoints.resume(lane));
  }

  accepts(stream: Stream, _target: Target): readonly Encoding[] {
    // COPY would take csv/1's hexadecimal for the bytes themselves, and its JSON for the text of an array.
    const csv = stream.columns.every(({ type, native }) => type !== 'bytes' && !native.endsWith('[]'));
    const binary = stream.system === 'postgres';
    return [...(binary ? ['copy-binary/1' as const] : []), 'copy-text/1', ...(csv ? ['csv/1' as const] : [])];
  }

  async prepare(stream: Stream, target: Target): Promise<readonly string[]> {
    const before = this.#prepared.get(stream.id);
    try {
      await this.#loader.finish();
      const { prepared, ran } = await prepare(
        this.#destination,
        this.#requireLane(),
        stream,
        target,
        before,
        this.#inTransaction,
      );
      this.#prepared.set(stream.id, prepared);
      return ran;
    } catch (error) {
      throw await this.#tear(error, stream.id);
    }
  }

  async write(data: Data): Promise<Written> {
    if (data.kind === 'changes') return this.#writeChanges(data.changes);
    const prepared = this.#requirePrepared(data.stream);
    // Behind changes that wait, rows are changes too: what comes later wins. (Invariant 8)
    if (prepared.changes && prepared.changes.groups > 0) return this.#writeBehindChanges(data);
    try {
      await this.#begin();
      const written = await (data.kind === 'raw'
        ? this.#loader.raw(prepared, data)
        : this.#loader.rows(prepared, data.rows));
      prepared.staged += written.rows;
      return written;
    } catch (error) {
      throw await this.#tear(error, data.stream);
    }
  }

  #writeBehindChanges(data: RawData | RowData): Promise<Written> {
    const { stream } = data;
    if (data.kind === 'rows') return this.#writeChanges(data.rows.map((after) => ({ op: 'insert', stream, after })));
    throw new DataError(`Bytes of ${stream} cannot follow its changes before a commit.`, {
      stream,
      code: codes.unsupported,
    });
  }

  async #writeChanges(changes: readonly Change[]): Promise<Written> {
    const byStream = new Map<string, Change[]>();
    for (const change of changes) {
      const list = byStream.get(change.stream);
      if (list) list.push(change);
      else byStream.set(change.stream, [change]);
    }
    let bytes = 0;
    for (const [stream, list] of byStream) {
      const prepared = this.#requirePrepared(stream);
      try {
        await this.#begin();
        bytes += await stageChanges(this.#destination.connection.client, this.#loader, prepared, list);
      } catch (error) {
        throw await this.#tear(error, stream);
      }
    }
    return { rows: changes.length, bytes };
  }

  async commit(checkpoint: Checkpoint, complete?: string): Promise<void> {
    const lane = this.#requireLane();
    if (this.#torn) throw new Error('what is staged is torn: resume the lane first');
    let current = complete;
    try {
      await this.#loader.finish();
      await this.#begin();
      const swapped = complete === undefined ? undefined : this.#prepared.get(complete);
      await this.#checkpoints.save(lane, checkpoint); // Invariant 4: first, so that a stale lane writes nothing
      for (const prepared of this.#prepared.values()) {
        current = prepared.stream.id;
        await publish(this.#destination.connection.client, prepared);
        await publishChanges(this.#destination.connection.client, prepared);
      }
      if (swapped?.shadow) await swap(this.#destination, swapped); // Invariant 5
      await this.#destination.connection.client.query('COMMIT'); // Invariant 1
      this.#inTransaction = false;
      for (const prepared of this.#prepared.values()) Object.assign(prepared, { staged: 0, pending: [] });
    } catch (error) {
      throw await this.#tear(error, current);
    }
  }

  drop(lane: Pick<Lane, 'id'>): Promise<void> {
    return mapped(async () => {
      await this.#discard();
      await this.#checkpoints.drop(lane);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#discard().catch(() => undefined); // a dead connection rolls back on its own
    await disconnect(this.#destination.connection);
  }

  async #begin(): Promise<void> {
    if (this.#torn) throw new Error('what is staged is torn: resume the lane first');
    if (this.#inTransaction) return;
    const { client } = this.#destination.connection;
    await client.query('BEGIN');
    this.#inTransaction = true;
    // A file made in this transaction is only ever appended to; any other is filled up where there is room, out of order.
    const stages = [...this.#prepared.values()].filter(({ target }) => target.mode === 'upsert');
    if (stages.length > 0) await client.query(`TRUNCATE ${stages.map(({ stage }) => stage).join(', ')}`);
  }

  async #discard(): Promise<void> {
    await this.#loader.abandon();
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    await this.#destination.connection.client.query('ROLLBACK');
  }

  async #tear(error: unknown, stream: string | undefined): Promise<unknown> {
    this.#torn = true;
    await this.#discard().catch(() => undefined); // the error in hand says more
    const columns = stream === undefined ? undefined : this.#prepared.get(stream)?.stream.columns;
    const place = { ...(stream === undefined ? {} : { stream }), columns: columns?.map(({ name }) => name) ?? [] };
    if (error instanceof DataError && error.stream === '' && stream !== undefined) {
      return new DataError(error.message, { stream, code: error.code, cause: error });
    }
    return mapError(error, place);
  }

  #requireLane(): Lane {
    if (!this.#lane) throw new Error('resume comes first: no lane is taken');
    return this.#lane;
  }

  #requirePrepared(stream: string): Prepared {
    const prepared = this.#prepared.get(stream);
    if (!prepared) throw new Error(`prepare comes first: ${stream} is not prepared`);
    return prepared;
  }
}
