/** COPY ... FROM STDIN over a pg connection, with a bound on the bytes that wait in the socket. */
import type { Connection as PgConnection, Submittable } from 'pg';

const mostInFlight = 1 << 20;
const frameSize = 1 << 18;
const copyDone = Buffer.from([0x63, 0, 0, 0, 4]);
const copyFail = Buffer.from([0x66, 0, 0, 0, 5, 0]);

/** One COPY. `start`, then `write` as often as needed, then `end` or `fail`. */
export class CopyIn implements Submittable {
  #sql: string;
  #connection: PgConnection | undefined;
  #rows = 0;
  #inFlight = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #ready = settled<void>();
  readonly #done = settled<number>();

  constructor(sql: string) {
    this.#sql = sql;
  }

  // What pg calls.
  submit(connection: PgConnection): void {
    this.#connection = connection;
    connection.query(this.#sql);
  }
  handleCopyInResponse(): void {
    this.#ready.resolve();
  }
  handleCommandComplete(message: { readonly text: string }): void {
    const match = /^COPY (\d+)$/.exec(message.text);
    if (match) this.#rows = Number(match[1]);
  }
  handleError(error: unknown): void {
    this.#failure ??= { error };
    this.#ready.reject(error);
    this.#done.reject(error);
    this.#wake?.();
  }
  handleReadyForQuery(): void {
    this.#done.resolve(this.#rows);
  }
  handleEmptyQuery(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}

  /** Resolves when the server waits for data. */
  start(): Promise<void> {
    return this.#ready.promise;
  }

  /** Sends a chunk; resolves when there is room for the next. Throws what the server made of the data so far. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#throwFailure();
    for (let at = 0; at < chunk.length; at += frameSize) {
      this.#send(chunk.length <= frameSize ? chunk : chunk.subarray(at, at + frameSize));
      while (this.#inFlight > mostInFlight && !this.#failure) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      this.#throwFailure();
    }
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Ends the data; resolves with the server's count of rows. */
  end(): Promise<number> {
    if (!this.#failure) this.#connection!.stream.write(copyDone);
    return this.#done.promise;
  }

  /** Gives up: the server forgets what it was sent. Never throws. */
  async fail(): Promise<void> {
    if (!this.#failure) this.#connection!.stream.write(copyFail);
    await this.#done.promise.catch(() => undefined);
  }

  #send(chunk: Uint8Array): void {
    const { stream } = this.#connection!;
    const head = Buffer.allocUnsafe(5);
    head[0] = 0x64;
    head.writeInt32BE(chunk.length + 4, 1);
    this.#inFlight += chunk.length;
    stream.cork();
    stream.write(head);
    stream.write(chunk, () => {
      this.#inFlight -= chunk.length;
      this.#wake?.();
    });
    stream.uncork();
  }
}

interface Settled<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}
function settled<T>(): Settled<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  promise.catch(() => undefined); // an error that nobody awaits any more is told by the next call
  return { promise, resolve, reject };
}
