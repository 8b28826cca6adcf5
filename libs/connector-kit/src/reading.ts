/** Drives `read` as the engine does, and keeps what came. */
import type { Batch, Change, Checkpoint, Row, SourceSession, StreamRequest } from '@sluice/connector-sdk';
import { ok, within } from './assert.js';
import type { KitCodec } from './peer.js';

/** One batch, consumed. `rows` are those of 'rows', or of 'raw' decoded. */
export interface Seen {
  readonly kind: Batch['kind'];
  readonly stream?: string;
  readonly rows: readonly Row[];
  readonly changes: readonly Change[];
  readonly checkpoint?: Checkpoint;
  /** Of a raw batch: its size, and how many rows the source says it had. */
  readonly bytes?: number;
  readonly counted?: number;
}

/** What a reader needs to know of the request: which streams there are and how their raw bodies are decoded. */
export interface Reader {
  readonly requests: readonly StreamRequest[];
  codec(encoding: string): KitCodec;
}

/** How long one batch may take. */
const patience = 30_000;

export class Reading {
  readonly seen: Seen[] = [];
  readonly #batches: AsyncIterator<Batch>;
  constructor(
    session: SourceSession,
    readonly reader: Reader,
    after?: Checkpoint,
  ) {
    this.#batches = session.read(reader.requests, after)[Symbol.asyncIterator]();
  }

  /** The next batch as it came, its body not yet consumed; undefined at the end. */
  async raw(): Promise<Batch | undefined> {
    const next = await within(patience, this.#batches.next(), 'the next batch');
    return next.done ? undefined : next.value;
  }
  async next(): Promise<Seen | undefined> {
    const batch = await this.raw();
    if (!batch) return undefined;
    const seen = await consume(batch, this.reader);
    this.seen.push(seen);
    return seen;
  }
  /** Reads on until the end, or until `stop` says so. */
  async all(stop: (seen: readonly Seen[]) => boolean = () => false): Promise<readonly Seen[]> {
    while (!stop(this.seen) && (await this.next()));
    return this.seen;
  }
  async stop(): Promise<void> {
    await within(patience, Promise.resolve(this.#batches.return?.()), 'return() of a read');
  }
}

async function consume(batch: Batch, reader: Reader): Promise<Seen> {
  const mark = 'checkpoint' in batch && batch.checkpoint ? { checkpoint: copied(batch.checkpoint) } : {};
  switch (batch.kind) {
    case 'rows':
      return { kind: 'rows', stream: batch.stream, rows: [...batch.rows], changes: [], ...mark };
    case 'changes':
      return { kind: 'changes', rows: [], changes: [...batch.changes], ...mark };
    case 'raw': {
      const bytes = await body(batch.body);
      const rows = decode(reader, batch.stream, batch.encoding, bytes);
      const size = bytes.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      return { kind: 'raw', stream: batch.stream, rows, changes: [], bytes: size, counted: batch.rows(), ...mark };
    }
    case 'schema':
      return { kind: 'schema', stream: batch.stream.id, rows: [], changes: [] };
    case 'idle':
      return { kind: 'idle', rows: [], changes: [], ...mark };
    case 'complete':
      return { kind: 'complete', stream: batch.stream, rows: [], changes: [], ...mark };
  }
}

/** As the catalog and the destination keep it: through JSON. */
export const copied = (checkpoint: Checkpoint): Checkpoint => JSON.parse(JSON.stringify(checkpoint)) as Checkpoint;

/** All chunks, each copied as it comes: a source may reuse its buffer once the next chunk is asked for. */
export async function body(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const copies: Uint8Array[] = [];
  for await (const chunk of chunks) copies.push(Uint8Array.from(chunk));
  return copies;
}

export function decode(reader: Reader, stream: string, encoding: string, chunks: readonly Uint8Array[]): Row[] {
  const request = reader.requests.find((known) => known.stream.id === stream);
  ok(request, `a raw batch of stream '${stream}', which was not asked for`);
  const decoder = reader.codec(encoding).decoder(request.stream.columns);
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()];
}

export const rowsOf = (seen: readonly Seen[], stream?: string): Row[] =>
  seen.flatMap((batch) => (stream === undefined || batch.stream === stream ? batch.rows : []));

/** The last checkpoint among these batches: what a destination would have committed. */
export const lastCheckpoint = (seen: readonly Seen[]): Checkpoint | undefined =>
  seen.findLast((batch) => batch.checkpoint)?.checkpoint;

/** The batches up to the last checkpoint: what would be durable. */
export const durable = (seen: readonly Seen[]): readonly Seen[] =>
  seen.slice(0, seen.findLastIndex((batch) => batch.checkpoint) + 1);
