/**
 * A statement that turns its connection into a stream of messages in both directions (START_REPLICATION). The socket's chunks are
 * read here and not by pg's parser; what is not data is handed to pg untouched. The socket is paused while more than
 * `pauseAbove` bytes wait for the reader. (Invariant 10)
 */
import type { Connection as PgConnection, Submittable } from 'pg';

const copyDataCode = 0x64;
const copyBothCode = 0x57;
const readyCode = 0x5a;
const headSize = 5;
const pauseAbove = 1 << 20;
const resumeBelow = 1 << 18;

/** The payload of one message; `bytes` may hold others around it. */
export interface Frame {
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}
type OnData = (chunk: Buffer) => void;

export interface CopyBothOptions {
  readonly sql: string;
  /** A longer message ends the connection with `tooLong`'s error. */
  readonly maxBytes: number;
  readonly tooLong: (bytes: number) => Error;
  /** Sees each payload as it arrives, ahead of the reader. */
  readonly arrived: (frame: Frame) => void;
}

/** One such statement, from its submission to the end. */
export class CopyBoth implements Submittable {
  readonly #options: CopyBothOptions;
  #connection: PgConnection | undefined;
  #theirs: OnData[] = [];
  readonly #ours: OnData = (chunk) => this.#onChunk(chunk);
  readonly #onClose = (): void => this.#finish(new Error('Connection terminated'));

  #queue: Frame[] = [];
  #next = 0;
  #queued = 0;
  /** Chunks of a message that is not whole yet, and how many bytes it takes before anything can be done. */
  #parts: Buffer[] = [];
  #held = 0;
  #need = 0;
  #began = false;
  #ended = false;
  #stopping = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: CopyBothOptions) {
    this.#options = options;
  }

  // What pg calls.
  submit(connection: PgConnection): void {
    const { stream } = connection;
    this.#connection = connection;
    this.#theirs = stream.listeners('data') as OnData[];
    stream.removeAllListeners('data');
    stream.on('data', this.#ours);
    stream.once('close', this.#onClose);
    connection.query(this.#options.sql);
  }
  handleError(error: unknown): void {
    this.#failure ??= { error };
    if (this.#connection?.stream.destroyed !== false) this.#finish();
  }
  handleCommandComplete(): void {}
  handleReadyForQuery(): void {}
  handleEmptyQuery(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}

  /** The server has agreed, and the stream has begun. */
  get began(): boolean {
    return this.#began;
  }
  get ended(): boolean {
    return this.#ended;
  }
  /** True while the reader has not kept up: silence of the socket is our own doing. */
  get paused(): boolean {
    return this.#connection?.stream.isPaused() ?? false;
  }

  /** The next message, if one is here. */
  take(): Frame | undefined {
    const frame = this.#queue[this.#next];
    if (frame === undefined) return undefined;
    this.#next++;
    this.#queued -= frame.end - frame.at;
    if (this.#next === this.#queue.length || this.#next > 8192) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    if (this.#queued < resumeBelow && this.paused) this.#connection!.stream.resume();
    return frame;
  }

  /** Resolves when there may be something to take, or after `ms`, or on `nudge`. Throws the server's or the socket's error at the end. */
  async more(ms: number): Promise<void> {
    if (this.#queue.length > this.#next) return;
    if (this.#ended && this.#failure) throw this.#failure.error;
    if (this.#ended) throw new Error('Connection terminated');
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  nudge(): void {
    this.#wake?.();
  }

  /** Sends a message; false when the connection is no more. */
  send(payload: Buffer): boolean {
    if (this.#ended || this.#stopping || !this.#connection!.stream.writable) return false;
    const head = Buffer.allocUnsafe(headSize);
    head[0] = copyDataCode;
    head.writeInt32BE(4 + payload.length, 1);
    return this.#connection!.stream.write(Buffer.concat([head, payload]));
  }

  /** Ends the stream, and resolves when the connection is free or gone; after `ms` it is cut. Never throws. */
  async stop(ms: number): Promise<void> {
    if (this.#ended) return;
    const { stream } = this.#connection!;
    this.#queue = [];
    this.#next = 0;
    const cut = setTimeout(() => stream.destroy(), ms);
    if (!this.#stopping && this.#began && stream.writable) stream.write(Buffer.from([0x63, 0, 0, 0, 4])); // CopyDone
    this.#stopping = true;
    if (stream.isPaused()) stream.resume();
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(cut);
  }

  #finish(error?: Error): void {
    if (error) this.#failure ??= { error };
    this.#ended = true;
    this.#wake?.();
  }

  #onChunk(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#need) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    const kept = this.#parseOrFail(bytes);
    this.#parts = kept < bytes.length ? [bytes.subarray(kept)] : [];
    this.#held = bytes.length - kept;
    if (this.#queued > pauseAbove) this.#connection!.stream.pause();
    if (this.#queue.length > this.#next || this.#ended) this.#wake?.();
  }

  /** What is thrown here becomes the socket's error, and tells less by then. */
  #parseOrFail(bytes: Buffer): number {
    try {
      return this.#parse(bytes);
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  /** Takes whole messages; answers where the first unread byte stands. */
  #parse(bytes: Buffer): number {
    let at = 0;
    this.#need = headSize;
    while (bytes.length - at >= headSize) {
      const length = bytes.readUInt32BE(at + 1);
      const { maxBytes, tooLong } = this.#options;
      if (length < 4 || length > maxBytes)
        throw length < 4 ? new Error('a message without its length') : tooLong(length);
      const end = at + 1 + length;
      if (end > bytes.length) {
        this.#need = end - at;
        break;
      }
      if (bytes[at] === copyDataCode) this.#data({ bytes, at: at + headSize, end });
      else if (this.#forward(bytes, at, end)) return bytes.length;
      at = end;
    }
    return at;
  }

  #data(frame: Frame): void {
    if (this.#stopping) return;
    this.#options.arrived(frame);
    this.#queue.push(frame);
    this.#queued += frame.end - frame.at;
  }

  /** Hands one message to pg; at ReadyForQuery the socket is pg's again, and true says that the rest went with it. */
  #forward(bytes: Buffer, at: number, end: number): boolean {
    if (bytes[at] === copyBothCode) this.#began = true;
    if (this.#began && !this.#ended) this.#wake?.();
    const last = bytes[at] === readyCode;
    if (last) this.#restore();
    const message = Buffer.from(bytes.subarray(at, last ? bytes.length : end)); // pg keeps slices of it
    for (const listener of this.#theirs) listener(message);
    if (last) this.#finish();
    return last;
  }

  #restore(): void {
    const { stream } = this.#connection!;
    stream.removeListener('data', this.#ours);
    stream.removeListener('close', this.#onClose);
    for (const listener of this.#theirs) stream.on('data', listener);
    if (stream.isPaused()) stream.resume();
  }
}
