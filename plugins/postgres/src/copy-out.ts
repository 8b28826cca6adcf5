/**
 * COPY ... TO STDOUT over a pg connection. While rows come, the socket's chunks are read here and not by pg's parser: the
 * five-byte head of each CopyData message is squeezed out in place, and what is left of a chunk goes on as it is. Every other
 * message is handed to pg untouched, so that errors, notices and the end of the query stay its business.
 */
import type { Connection as PgConnection, Submittable } from 'pg';

const copyData = 0x64;
const headSize = 5;
const pauseAbove = 1 << 20;
const resumeBelow = 1 << 18;

type OnData = (chunk: Buffer) => void;

/** One COPY. Iterate it once; `rows` is the server's own count and known after the end. */
export class CopyOut implements Submittable {
  rows: number | undefined;
  #sql: string;
  #stream: PgConnection['stream'] | undefined;
  #theirs: OnData[] = [];
  readonly #ours: OnData = (chunk) => this.#onChunk(chunk);
  /** After a FATAL error pg forgets the query before the socket closes: nobody else would end it. */
  readonly #onClose = (): void => {
    this.#failure ??= { error: new Error('Connection terminated') };
    this.#finish();
  };

  #queue: Buffer[] = [];
  #queued = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #discard = false;

  /** Bytes still to come of the CopyData message that the last chunk ended in. */
  #body = 0;
  /** Begun head or non-data message, waiting for its rest. */
  #part: Buffer | undefined;

  constructor(sql: string) {
    this.#sql = sql;
  }

  // What pg calls.
  submit(connection: PgConnection): void {
    this.#stream = connection.stream;
    this.#theirs = connection.stream.listeners('data') as OnData[];
    connection.stream.removeAllListeners('data');
    connection.stream.on('data', this.#ours);
    connection.stream.once('close', this.#onClose);
    connection.query(this.#sql);
  }
  handleCommandComplete(message: { readonly text: string }): void {
    const match = /^COPY (\d+)$/.exec(message.text);
    if (match) this.rows = Number(match[1]);
  }
  handleError(error: unknown): void {
    this.#failure ??= { error };
    if (this.#stream?.destroyed !== false) this.#finish();
  }
  handleReadyForQuery(): void {}
  handleEmptyQuery(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}

  /** The next chunk; undefined at the end. Throws the server's or the socket's error. */
  async next(): Promise<Buffer | undefined> {
    while (this.#queue.length === 0) {
      if (this.#failure && this.#ended) throw this.#failure.error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const chunk = this.#queue.shift()!;
    this.#queued -= chunk.length;
    if (this.#queued < resumeBelow && this.#stream?.isPaused()) this.#stream.resume();
    return chunk;
  }

  /** Throws away what was received and what still comes. */
  discard(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#discard = true;
    if (this.#stream?.isPaused()) this.#stream.resume();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves when the server is ready for the next query, or gone. Never throws. */
  async drain(): Promise<void> {
    this.discard();
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake?.();
  }

  #onChunk(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#part) {
      bytes = Buffer.concat([this.#part, chunk]);
      this.#part = undefined;
    }
    const kept = this.#squeeze(bytes);
    if (kept > 0 && !this.#discard) {
      this.#queue.push(kept === bytes.length ? bytes : bytes.subarray(0, kept));
      this.#queued += kept;
      if (this.#queued > pauseAbove) this.#stream!.pause();
    }
    if (!this.#discard || this.#ended) this.#wake?.();
  }

  /** Moves the payload of every CopyData message to the front of `bytes` and answers its length. */
  #squeeze(bytes: Buffer): number {
    const end = bytes.length;
    let from = Math.min(this.#body, end);
    let to = from;
    this.#body -= from;
    while (from < end) {
      if (end - from < headSize) return this.#keep(bytes, from, to);
      const length =
        (bytes[from + 1]! * 0x1000000 + (bytes[from + 2]! << 16)) | (bytes[from + 3]! << 8) | bytes[from + 4]!;
      if (bytes[from] !== copyData) {
        if (from + 1 + length > end) return this.#keep(bytes, from, to);
        const last = this.#forward(bytes, from, from + 1 + length);
        if (last) return to;
        from += 1 + length;
        continue;
      }
      const start = from + headSize;
      const stop = start + length - 4;
      const have = stop < end ? stop : end;
      bytes.copyWithin(to, start, have);
      to += have - start;
      from = have;
      this.#body = stop - have;
    }
    return to;
  }

  #keep(bytes: Buffer, from: number, to: number): number {
    this.#part = Buffer.from(bytes.subarray(from));
    return to;
  }

  /** Hands one message to pg; at ReadyForQuery the socket is pg's again, and true says that the rest went with it. */
  #forward(bytes: Buffer, from: number, to: number): boolean {
    const last = bytes[from] === 0x5a;
    if (last) this.#restore();
    const message = Buffer.from(bytes.subarray(from, last ? bytes.length : to)); // pg keeps slices; ours will be moved over
    for (const listener of this.#theirs) listener(message);
    if (last) this.#finish(); // pg forgets a query that failed, and would not tell it
    return last;
  }

  #restore(): void {
    const stream = this.#stream!;
    stream.removeListener('data', this.#ours);
    stream.removeListener('close', this.#onClose);
    for (const listener of this.#theirs) stream.on('data', listener);
    if (stream.isPaused()) stream.resume();
  }
}
