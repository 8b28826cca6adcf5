/** From the messages of the log to batches: whole transactions in the order they were committed. (Invariants 3 and 8) */
import type { Batch, Checkpoint } from '@sluice/connector-sdk';
import { type BatchLimits, Batches } from './batches.js';
import { changeOf } from './change-rows.js';
import type { Frame } from './copy-both.js';
import { HeldTransactions, type HoldOptions } from './held-transactions.js';
import { decodeMessage } from './pgoutput.js';
import type { Delete, Insert, Message, Relation, Truncate, Update } from './pgoutput-messages.js';
import type { Relations } from './relations.js';
import type { Arrival } from './replication-link.js';
import { type Since, endOf, visibility } from './visible.js';

/** Where messages come from: a replication link, or a list in a test. */
export interface Log {
  take(): Arrival | undefined;
  more(ms: number): Promise<void>;
}
export interface TransactionsOptions {
  readonly log: Log;
  readonly relations: Relations;
  /** Transactions that end at or before it are passed over: they are durable. */
  readonly start: bigint;
  readonly since: Readonly<Record<string, Since>>;
  readonly limits: BatchLimits;
  readonly hold: HoldOptions;
  readonly signal: AbortSignal;
  readonly checkpoint: (lsn: bigint) => Checkpoint;
}

/** Work that is to be waited for; a generator may hand out batches meanwhile. */
type Slow = Promise<void> | AsyncGenerator<Batch>;
type Applied = Insert | Update | Delete | Truncate;
/** What a change weighs besides its bytes in the log. */
const changeWeight = 64;
const [streamStop, origin] = [0x45, 0x4f];

/** Yields until the signal is aborted; throws what the log throws. */
export async function* transactions(options: TransactionsOptions): AsyncGenerator<Batch> {
  await using reader = new Reader(options);
  yield* reader.read();
}

class Reader implements AsyncDisposable {
  readonly #options: TransactionsOptions;
  readonly #batches: Batches;
  readonly #held: HeldTransactions;
  readonly #snapshots: readonly { stream: string; end: bigint; saw: (xid: number) => boolean }[];
  /** The transaction whose block is being streamed. */
  #block: number | undefined;
  /** Streams that the transaction in hand is passed over for; 'all' when it is durable already. */
  #passed: ReadonlySet<string> | 'all' | undefined;

  constructor(options: TransactionsOptions) {
    const { start, limits, hold, checkpoint, since } = options;
    this.#options = options;
    this.#batches = new Batches(start, limits, checkpoint);
    this.#held = new HeldTransactions(hold);
    this.#snapshots = Object.entries(since).map(([stream, one]) => ({
      stream,
      end: endOf(one),
      saw: visibility(one.snapshot),
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#held[Symbol.asyncDispose]();
  }

  async *read(): AsyncGenerator<Batch> {
    const { log, signal } = this.#options;
    while (!signal.aborted) {
      const arrival = log.take();
      if (arrival?.kind === 'data') {
        const slow = this.#take(arrival);
        if (slow instanceof Promise) await slow;
        else if (slow) yield* slow;
      } else if (arrival) {
        if (this.#block === undefined) this.#batches.reached(arrival.lsn, arrival.asked);
      } else {
        this.#batches.tick(Date.now());
      }
      if (this.#batches.ready) yield* this.#handOut();
      else if (!arrival) await log.more(this.#batches.due(Date.now()));
    }
  }

  async *#handOut(): AsyncGenerator<Batch> {
    for (let batch = this.#batches.take(); batch !== undefined; batch = this.#batches.take()) {
      if (this.#options.signal.aborted) return;
      yield batch;
    }
  }

  /** Answers what takes its time. */
  #take(frame: Frame): Slow | undefined {
    const { bytes, at, end } = frame;
    if (this.#block === undefined) return this.#apply(decodeMessage(bytes, at, end, { streamed: false }), end - at);
    if (bytes[at] === streamStop && end === at + 1) {
      this.#block = undefined;
      return undefined;
    }
    if (bytes[at] === origin) return undefined;
    return this.#held.add(this.#block, frame);
  }

  #apply(message: Message, bytes: number): Slow | undefined {
    switch (message.kind) {
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        this.#change(message, bytes);
        return undefined;
      case 'begin':
        this.#begin(message.xid, message.lsn);
        return undefined;
      case 'commit':
        this.#commit(message.end);
        return undefined;
      case 'relation':
        return this.#describe(message);
      case 'type':
        this.#options.relations.nameType(message.id, message.schema, message.name);
        return undefined;
      case 'stream-start':
        this.#held.begin((this.#block = message.xid));
        return undefined;
      case 'stream-abort':
        return this.#held.abort(message.xid, message.subxid);
      case 'stream-commit':
        return this.#replay(message.xid, message.lsn, message.end);
      default:
        return undefined; // an origin, or a logical message
    }
  }

  #begin(xid: number, lsn: bigint): void {
    this.#batches.begin();
    this.#passed = lsn < this.#options.start ? 'all' : this.#passedOver(xid, lsn);
  }
  #commit(end: bigint): void {
    this.#passed = undefined;
    this.#batches.commit(end);
  }

  #passedOver(xid: number, lsn: bigint): ReadonlySet<string> | undefined {
    if (this.#snapshots.length === 0) return undefined;
    const streams = this.#snapshots.filter(({ end, saw }) => lsn < end && saw(xid)).map(({ stream }) => stream);
    return streams.length > 0 ? new Set(streams) : undefined;
  }

  #change(message: Applied, bytes: number): void {
    if (this.#passed === 'all') return;
    if (message.kind !== 'truncate') {
      const shape = this.#options.relations.shape(message.relation);
      if (shape === undefined || this.#passed?.has(shape.stream.id)) return;
      this.#batches.add(changeOf(shape, message), bytes + changeWeight);
      return;
    }
    for (const id of message.relations) {
      const stream = this.#options.relations.shape(id)?.stream.id;
      if (stream === undefined || this.#passed?.has(stream)) continue;
      this.#batches.add({ op: 'truncate', stream }, changeWeight);
    }
  }

  async #describe(relation: Relation): Promise<void> {
    const stream = await this.#options.relations.describe(relation);
    if (stream) this.#batches.announce(stream);
  }

  /** A transaction that was kept back is read from where it was kept, as if it had come just now. */
  async *#replay(xid: number, lsn: bigint, end: bigint): AsyncGenerator<Batch> {
    this.#begin(xid, lsn);
    for await (const frame of this.#held.replay(xid)) {
      const size = frame.end - frame.at;
      const slow = this.#apply(decodeMessage(frame.bytes, frame.at, frame.end, { streamed: true }), size);
      if (slow instanceof Promise) await slow;
      else if (slow) yield* slow;
      if (this.#batches.ready) yield* this.#handOut();
      if (this.#options.signal.aborted) return;
    }
    this.#commit(end);
  }
}
