/** A connection that the server takes for a replica, and the events that it sends. */
import { randomInt } from 'node:crypto';
import { type Context, TransientError } from '@sluice/connector-sdk';
import type { ConnectionConfig } from '../config.js';
import { type Link, openLink } from '../link.js';
import { dumpError } from './dump-error.js';
import { type Driver, type DumpStart, type Packet, Request, dumpRequest, register } from './replica-requests.js';

export interface DumpOptions {
  readonly dial: Context['dial'];
  readonly variant?: string | undefined;
  /** End at the end of the log, instead of waiting for more. */
  readonly untilEnd: boolean;
  /** Seconds of silence after which the server says that it is there. */
  readonly heartbeat?: number;
}

/** Bytes that may wait for the reader before the socket is paused, and at which it goes on. */
const full = 4 * 1024 * 1024;
const low = full / 4;
/** The server speaks at least once per heartbeat: silence for that many of them is a lost connection. */
const patience = 6;

/** Connects, registers and asks for the log. Errors are those of the SDK. */
export async function openDump(config: ConnectionConfig, options: DumpOptions, start: DumpStart): Promise<BinlogDump> {
  const link = await openLink(config, { dial: options.dial, variant: options.variant, withoutDatabase: true });
  try {
    const heartbeat = options.heartbeat ?? 5;
    await introduce(link, start, heartbeat);
    const serverId = await unusedServerId(link);
    const driver = link.connection as unknown as Driver;
    await register(driver, serverId);
    return new BinlogDump(link, driver, dumpRequest(start, serverId, options.untilEnd), start, heartbeat);
  } catch (error) {
    link.destroy();
    throw dumpError(error, start);
  }
}

/** Registers as a replica, and leaves again. Throws the driver's own error when the user may not. */
export async function probeReplica(
  config: ConnectionConfig,
  { dial, variant }: Pick<DumpOptions, 'dial' | 'variant'>,
): Promise<void> {
  const link = await openLink(config, { dial, variant, withoutDatabase: true });
  try {
    await register(link.connection as unknown as Driver, await unusedServerId(link));
  } finally {
    link.destroy();
  }
}

async function introduce(link: Link, start: DumpStart, heartbeat: number): Promise<void> {
  const nanoseconds = heartbeat * 1_000_000_000;
  await link.run(
    `SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum`,
  );
  await link.run(`SET @master_heartbeat_period = ${nanoseconds}, @source_heartbeat_period = ${nanoseconds}`);
  if (link.server.flavour !== 'mariadb') return;
  await link.run('SET @mariadb_slave_capability = 4');
  if (start.by === 'domains')
    await link.run(
      `SET @slave_connect_state = '${start.state.replaceAll(/[^\d,-]/g, '')}', @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0`,
    );
}

/** Two replicas with one id would throw each other out. */
async function unusedServerId(link: Link): Promise<number> {
  const rows = await link.query('SHOW REPLICAS').catch(() => link.query('SHOW SLAVE HOSTS').catch(() => []));
  const [own] = await link.query('SELECT @@server_id');
  const used = new Set([...rows.map((row) => Number(row[0])), Number(own?.[0])]);
  for (;;) {
    const id = randomInt(2 ** 30, 2 ** 31);
    if (!used.has(id)) return id;
  }
}

export class BinlogDump implements AsyncDisposable {
  #events: Buffer[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(
    private readonly link: Link,
    private readonly driver: Driver,
    request: Buffer,
    private readonly start: DumpStart,
    private readonly heartbeat: number,
  ) {
    const answer = (packet: Packet): boolean => this.#take(packet);
    const onResult = (error: unknown): void => this.#end(error);
    class Dump extends Request {
      answer(packet: Packet): boolean {
        return answer(packet);
      }
      onResult(error: unknown): void {
        onResult(error);
      }
    }
    // A server that is killed closes its side: the driver tells the command only of errors.
    driver.stream.once('close', () => this.#end(new TransientError('The server has closed the connection.')));
    driver.addCommand(new Dump(request));
  }

  #take(packet: Packet): boolean {
    if (packet.isError()) {
      this.#end(packet.asError('utf8'));
      return true;
    }
    if (packet.isEOF()) {
      this.#end(undefined);
      return true;
    }
    const event = packet.buffer.subarray(packet.offset + 1, packet.end);
    this.#events.push(event);
    this.#bytes += event.length;
    if (this.#bytes >= full && !this.#paused) {
      this.#paused = true;
      this.driver.stream.pause();
    }
    this.#wake?.();
    return false;
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    this.#wake?.();
  }

  /** True when the next call would have to wait. */
  get drained(): boolean {
    return this.#events.length === 0;
  }

  /** The events that have come, at least one; undefined at the end of the log, or once `signal` aborts. */
  async next(signal: AbortSignal): Promise<readonly Buffer[] | undefined> {
    while (this.#events.length === 0) {
      if (signal.aborted) return undefined;
      if (this.#ended) {
        if (this.#failure === undefined) return undefined;
        throw dumpError(this.#failure, this.start);
      }
      this.#resume();
      await this.#wait(signal);
    }
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    this.#resume();
    return events;
  }

  #resume(): void {
    if (!this.#paused || this.#bytes > low) return;
    this.#paused = false;
    this.driver.stream.resume();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener('abort', wake);
    let silent = false;
    const timer = setTimeout(() => ((silent = true), wake()), this.heartbeat * patience * 1000);
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    clearTimeout(timer);
    signal.removeEventListener('abort', wake);
    if (silent && this.#events.length === 0 && !this.#ended)
      this.#end(new TransientError(`The server has said nothing for ${this.heartbeat * patience} s.`));
  }

  /** The server notices at its next event; nothing is left there. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(undefined);
    this.link.destroy();
    // The driver only says that it will send no more, and a server that sends a log does not listen.
    this.driver.stream.destroy();
  }
}
