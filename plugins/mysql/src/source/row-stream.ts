/**
 * A query's rows, pulled. The driver parses packets off the socket and hands each row's bytes over; nobody makes an object of
 * them here. When the reader is slow the socket is paused, and the server waits. (Invariant 10)
 */
import type { Socket } from 'node:net';
import type { Link } from '../link.js';
import type { Packet } from './packet.js';

/** Takes rows in and gives pieces out: chunks of bytes, or arrays of rows. */
export interface Sink<T> {
  /** Must copy what it keeps: the packet's buffer is used again. Returns a piece when one is full. */
  row(packet: Packet): T | undefined;
  /** What is left after the last row. */
  rest(): T | undefined;
}

/** How many pieces may wait for the reader before the socket is paused. */
const waiting = 4;

type NextState = (packet: Packet, connection: unknown) => unknown;
/** The one thing we change in the driver: the state function of its query command that is called for each row. */
interface RowCommand {
  row: NextState;
}

export class RowStream<T> implements AsyncIterator<T> {
  readonly #pieces: T[] = [];
  #ended = false;
  #stopped = false;
  #failure: unknown;
  #wake: (() => void) | undefined;
  #closed: Promise<void>;

  constructor(
    private readonly link: Link,
    sql: string,
    private readonly sink: Sink<T>,
    private readonly kill: () => Promise<void>,
  ) {
    let close: () => void;
    this.#closed = new Promise((resolve) => (close = resolve));
    const command = link.connection.query(sql, (error: unknown) => {
      this.#end(error);
      close();
    }) as unknown as RowCommand;
    const driver = command.row;
    const next: NextState = (packet, connection) => {
      if (packet.isEOF()) return driver.call(command, packet, connection);
      this.#row(packet);
      return next;
    };
    command.row = next;
  }

  get #socket(): Socket {
    return (this.link.connection as unknown as { stream: Socket }).stream;
  }

  #row(packet: Packet): void {
    if (this.#stopped || this.#failure !== undefined) return;
    try {
      const piece = this.sink.row(packet);
      if (piece !== undefined) this.#push(piece);
    } catch (error) {
      // Thrown into the driver it would end the connection and lose its name.
      this.#failure = error;
      this.#socket.resume();
      void this.kill();
      this.#wake?.();
    }
  }

  #push(piece: T): void {
    this.#pieces.push(piece);
    if (this.#pieces.length >= waiting) this.#socket.pause();
    this.#wake?.();
  }

  #end(error: unknown): void {
    this.#ended = true;
    if (error !== null && error !== undefined) this.#failure ??= error;
    else if (this.#failure === undefined && !this.#stopped) {
      const piece = this.sink.rest();
      if (piece !== undefined) this.#pieces.push(piece);
    }
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      if (this.#failure !== undefined) {
        await this.#closed;
        throw this.#failure as Error;
      }
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        if (this.#pieces.length < waiting / 2 && !this.#ended) this.#socket.resume();
        return { value: piece, done: false };
      }
      if (this.#ended) return { value: undefined, done: true };
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  /** Ends the query if it still runs, and leaves the connection fit for the next one. */
  async stop(): Promise<void> {
    this.#pieces.length = 0;
    if (this.#ended) return;
    this.#stopped = true;
    this.#socket.resume();
    await this.kill();
    await this.#closed;
  }
}
