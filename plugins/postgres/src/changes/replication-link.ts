/**
 * The change log of one slot as it comes: messages of pgoutput and the server's keepalives, in order. The server is answered from
 * here: at once where it asks, and every so often, so that neither side takes a slow writer for a dead connection.
 */
import { type Context, DataError } from '@sluice/connector-sdk';
import type { ConnectionConfig } from '../config.js';
import { type Connection, connect, disconnect } from '../connect.js';
import { mapError } from '../errors.js';
import { literal, quote } from '../names.js';
import { CopyBoth, type Frame } from './copy-both.js';
import { lsnText, parseLsn } from './lsn.js';
import { MalformedMessage } from './message-cursor.js';

const walData = 0x77;
const keepalive = 0x6b;
const statusUpdate = 0x72;
/** Behind the letter: start and end of the data in the log, and the server's clock. */
const walHead = 25;
const microsTo2000 = 946_684_800_000_000n;

export interface LinkOptions {
  readonly slot: string;
  readonly publication: string;
  /** Where to go on: commits from here on are sent. */
  readonly from: bigint;
  /** Bytes of one message: one row, as the log has it. */
  readonly maxMessageBytes: number;
}

/** What the server serves, before the stream is begun. */
export interface Served {
  readonly system: string;
  readonly timeline: number;
  readonly flushed: bigint;
}

/** By the server's version: the newest protocol that it speaks. */
export const protocolOf = (version: number): 1 | 2 | 3 | 4 =>
  version >= 160_000 ? 4 : version >= 150_000 ? 3 : version >= 140_000 ? 2 : 1;

/** The message of a frame: where the bytes of pgoutput start, or a keepalive's position. */
export type Arrival =
  | { readonly kind: 'data'; readonly bytes: Buffer; readonly at: number; readonly end: number }
  | { readonly kind: 'keepalive'; readonly lsn: bigint; readonly asked: boolean };

/** An open stream. One reader; `confirm` at any time. */
export class ReplicationLink implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #copy: CopyBoth;
  readonly #timeout: number;
  #timer: NodeJS.Timeout | undefined;
  #last: Frame | undefined;
  #written = 0n;
  #flushed = 0n;
  #heard = Date.now();
  #ticked = Date.now();

  private constructor(connection: Connection, options: LinkOptions, timeout: number) {
    this.#connection = connection;
    this.#timeout = timeout;
    this.#copy = new CopyBoth({
      sql: startSql(connection.version, options),
      maxBytes: options.maxMessageBytes,
      tooLong: (bytes) => tooLong(bytes, options.maxMessageBytes),
      arrived: (frame) => this.#arrived(frame),
    });
  }

  /** Connects and begins. Throws what `connect` throws, and the server's refusal of the slot. */
  static async open(
    config: ConnectionConfig,
    context: Context,
    options: LinkOptions,
    look: (served: Served) => void | Promise<void>,
  ): Promise<ReplicationLink> {
    const connection = await connect(config, context, 'replication');
    try {
      await look(await servedBy(connection));
      const link = new ReplicationLink(connection, options, await senderTimeout(connection));
      await link.#begin();
      return link;
    } catch (error) {
      await disconnect(connection);
      throw error;
    }
  }

  /** What has arrived, in order; undefined when nothing has. */
  take(): Arrival | undefined {
    const frame = this.#copy.take();
    if (frame === undefined) return undefined;
    const { bytes, at, end } = frame;
    if (bytes[at] === walData) return { kind: 'data', bytes, at: at + walHead, end };
    return { kind: 'keepalive', lsn: bytes.readBigUInt64BE(at + 1), asked: bytes[at + 17] === 1 };
  }

  /** Resolves when something may have arrived, or after `ms`. Throws when the stream has ended. */
  async more(ms: number): Promise<void> {
    try {
      await this.#copy.more(ms);
    } catch (error) {
      throw mapError(error);
    }
  }
  /** Ends a wait in `more`. */
  nudge(): void {
    this.#copy.nudge();
  }

  /** All commits before `lsn` are durable elsewhere: the server may forget them. Never goes back. (Invariant 2) */
  confirm(lsn: bigint): void {
    if (lsn <= this.#flushed) return;
    this.#flushed = lsn;
    this.#status(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#copy.stop(2000);
    await disconnect(this.#connection);
  }

  async #begin(): Promise<void> {
    this.#connection.client.query(this.#copy);
    try {
      while (!this.#copy.began && !this.#copy.ended) await this.#copy.more(1000);
      if (this.#copy.ended) await this.#copy.more(0);
    } catch (error) {
      throw mapError(error);
    }
    this.#heard = this.#ticked = Date.now();
    this.#timer = setInterval(() => this.#tick(), Math.max(100, Math.min(10_000, this.#timeout / 4)));
    this.#timer.unref();
  }

  #arrived(frame: Frame): void {
    const { bytes, at, end } = frame;
    this.#heard = Date.now();
    if (bytes[at] === walData && end - at > walHead) this.#last = frame;
    else if (bytes[at] === keepalive && end - at === 18) {
      this.#written = this.#received(bytes.readBigUInt64BE(at + 1));
      if (bytes[at + 17] === 1) this.#status(false);
    } else throw new MalformedMessage('a message of the stream is neither data nor a keepalive');
  }

  /** How far the log has come here. Looked up when it is told, as it is told less often than it comes. */
  #received(least = 0n): bigint {
    const frame = this.#last;
    const start = frame === undefined ? 0n : frame.bytes.readBigUInt64BE(frame.at + 1);
    return [this.#written, least, start].reduce((a, b) => (a > b ? a : b));
  }

  /** A server that is alive answers: one that does not, while its words are listened to, is gone. */
  #tick(): void {
    const now = Date.now();
    const late = now - this.#ticked > this.#timeout / 2; // this process stood still: what came meanwhile is yet to be read
    if (late || this.#copy.paused) this.#heard = now;
    this.#ticked = now;
    const silent = now - this.#heard;
    const { stream } = this.#connection.client.connection;
    if (silent > this.#timeout) stream.destroy(new Error('Connection terminated: the server is silent'));
    else this.#status(true);
  }

  #status(answer: boolean): void {
    this.#written = this.#received();
    const message = Buffer.alloc(34);
    message[0] = statusUpdate;
    const written = this.#written > this.#flushed ? this.#written : this.#flushed;
    message.writeBigUInt64BE(written, 1);
    message.writeBigUInt64BE(this.#flushed, 9);
    message.writeBigUInt64BE(this.#flushed, 17);
    message.writeBigInt64BE(BigInt(Date.now()) * 1000n - microsTo2000, 25);
    message[33] = answer ? 1 : 0;
    this.#copy.send(message);
  }
}

function startSql(version: number, { slot, publication, from }: LinkOptions): string {
  const protocol = protocolOf(version);
  // Text, not `binary`: of inet, ranges, arrays and every extension's type the binary form is the server's own affair, and the
  // rows of a full read have their text. Logical messages of applications are of no use here, and may be large.
  const options = [
    `proto_version '${protocol}'`,
    `publication_names ${literal(quote(publication))}`,
    ...(protocol >= 2 ? [`streaming 'on'`] : []),
  ];
  return `START_REPLICATION SLOT ${quote(slot)} LOGICAL ${lsnText(from)} (${options.join(', ')})`;
}

async function servedBy({ client }: Connection): Promise<Served> {
  const { rows } = await client.query<{ systemid: string; timeline: string; xlogpos: string }>('IDENTIFY_SYSTEM');
  const { systemid, timeline, xlogpos } = rows[0]!;
  return { system: systemid, timeline: Number(timeline), flushed: parseLsn(xlogpos) ?? 0n };
}

/** Milliseconds after which each side may take the other for dead; a minute when the server never does. */
async function senderTimeout({ client }: Connection): Promise<number> {
  const sql = `SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'`;
  const { rows } = await client.query<{ setting: string }>(sql);
  return Number(rows[0]?.setting ?? 0) || 60_000;
}

const tooLong = (bytes: number, limit: number): DataError =>
  new DataError(`A change of ${bytes} bytes is longer than the limit of ${limit} bytes.`, {
    stream: '',
    code: 'postgres.change-too-long',
    fix: 'Raise the limit, or take the table out of the pipeline.',
  });
