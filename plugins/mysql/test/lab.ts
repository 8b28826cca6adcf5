/** Real servers for the tests: databases of their own, and both directions of the plugin against them. */
import { randomBytes } from 'node:crypto';
import {
  type Batch,
  type Checkpoint,
  type Context,
  type DestinationSession,
  type Lane,
  type Row,
  type SourceSession,
  type Stream,
  type StreamRequest,
  type Target,
  type WriteMode,
} from '@sluice/connector-sdk';
import { plainDial } from '@sluice/connector-kit';
import { csv1 } from '@sluice/encodings';
import mysql from 'mysql2/promise';
import { destinationConfig, sourceConfig } from '../src/config.js';
import { destination } from '../src/destination/destination.js';
import { source } from '../src/source/source.js';

/** Jest takes a timeout from the root configuration only, not from a project's. */
jest.setTimeout(60_000);

const mariadb = process.env['SLUICE_TEST_MARIADB_URL'];
if (mariadb === undefined) {
  throw new Error(
    'SLUICE_TEST_MARIADB_URL is missing: set it to a MariaDB server, as mysql://user:password@host:port, whose user has all rights.',
  );
}
const real = process.env['SLUICE_TEST_MYSQL_URL'];
if (real === undefined)
  process.stderr.write('SLUICE_TEST_MYSQL_URL is not set: these tests run against MariaDB only.\n');

/** Each suite runs once per server. */
export const servers: readonly (readonly [name: 'mariadb' | 'mysql', url: string])[] = [
  ['mariadb', mariadb],
  ...(real === undefined ? [] : [['mysql', real] as const]),
];

export const connectionOf = (url: string) => {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 3306),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
};

export interface Logged {
  readonly level: string;
  readonly message: string;
  readonly fields: unknown;
}

export class Lab {
  readonly log: Logged[] = [];
  readonly database = `wmy_${randomBytes(6).toString('hex')}`;
  #sessions: AsyncDisposable[] = [];
  constructor(
    readonly url: string,
    readonly admin: mysql.Connection,
  ) {}

  static async open(url: string): Promise<Lab> {
    const { host, port, username, password } = connectionOf(url);
    const admin = await mysql.createConnection({
      host,
      port,
      user: username,
      password,
      charset: 'utf8mb4',
      rowsAsArray: true,
      flags: ['-LOCAL_FILES'],
    });
    const lab = new Lab(url, admin);
    await lab.sql(`SET sql_mode = '', time_zone = '+00:00'`);
    await lab.sql(`CREATE DATABASE ${lab.database} CHARACTER SET utf8mb4`);
    await lab.sql(`USE ${lab.database}`);
    return lab;
  }

  /** Cells as text. */
  async sql(text: string): Promise<(string | null)[][]> {
    const typeCast = (field: { string(): string | null }): string | null => field.string();
    const [rows] = await this.admin.query({ sql: text, typeCast } as mysql.QueryOptions);
    return rows as unknown as (string | null)[][];
  }

  /** A statement on a connection of its own. */
  async another(): Promise<(text: string) => Promise<void>> {
    const { host, port, username, password } = connectionOf(this.url);
    const link = await mysql.createConnection({ host, port, user: username, password, flags: ['-LOCAL_FILES'] });
    this.#sessions.push({ [Symbol.asyncDispose]: () => link.end() });
    return async (text) => void (await link.query(text));
  }

  context(signal: AbortSignal = new AbortController().signal, variant?: string): Context {
    return {
      signal,
      dial: plainDial,
      log: (level, message, fields) => void this.log.push({ level, message, fields }),
      ...(variant === undefined ? {} : { variant }),
    };
  }

  async source(extra: Record<string, unknown> = {}, signal?: AbortSignal): Promise<SourceSession> {
    // Rows written a moment ago are to be read, and other suites' open transactions are none of this one's business.
    const calm = { cursor_lag_seconds: 0, cursor_wait_seconds: 0 };
    const config = sourceConfig.parse({ ...connectionOf(this.url), database: this.database, ...calm, ...extra });
    const session = await source.open(config, this.context(signal));
    this.#sessions.push(session);
    return session;
  }

  async destination(extra: Record<string, unknown> = {}): Promise<DestinationSession> {
    const config = destinationConfig.parse({ ...connectionOf(this.url), database: this.database, ...extra });
    const session = await destination.open(config, this.context());
    this.#sessions.push(session);
    return session;
  }

  async tables(): Promise<string[]> {
    const rows = await this.sql(
      `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${this.database}'`,
    );
    return rows.map((row) => row[0]!).toSorted();
  }

  /** Closes every session; a server allows few connections. */
  async tidy(): Promise<void> {
    for (const session of this.#sessions.splice(0))
      await Promise.resolve(session[Symbol.asyncDispose]()).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.tidy();
    await this.sql(`DROP DATABASE IF EXISTS ${this.database}`);
    await this.admin.end();
  }
}

export const laneOf = (id: string, more: Partial<Lane> = {}): Lane => ({ id, fence: 1n, generation: 1, ...more });
export const targetOf = (table: string, mode: WriteMode, key: readonly string[] = []): Target => ({
  table: [table],
  mode,
  key,
});
export const full = (stream: Stream, encoding?: 'csv/1' | 'copy-text/1'): StreamRequest => ({
  stream,
  mode: 'full',
  ...(encoding === undefined ? {} : { encoding }),
});

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface ReadOut {
  readonly rows: Row[];
  readonly text: string;
  readonly kinds: string[];
  readonly checkpoints: Checkpoint[];
}

/** Reads to the end, or to the `stop`-th checkpoint. Raw csv/1 is decoded to rows; other raw bytes are `text`. */
export async function readOut(
  session: SourceSession,
  requests: readonly StreamRequest[],
  after?: Checkpoint,
  stop = Infinity,
): Promise<ReadOut> {
  const out = { rows: [] as Row[], text: '', kinds: [] as string[], checkpoints: [] as Checkpoint[] };
  for await (const batch of session.read(requests, after)) {
    out.kinds.push(batch.kind);
    await takeIn(batch, requests, out);
    if ('checkpoint' in batch && batch.checkpoint !== undefined) {
      out.checkpoints.push(JSON.parse(JSON.stringify(batch.checkpoint)) as Checkpoint);
      if (out.checkpoints.length === stop) break;
    }
  }
  return out;
}

async function takeIn(
  batch: Batch,
  requests: readonly StreamRequest[],
  out: { rows: Row[]; text: string },
): Promise<void> {
  if (batch.kind === 'rows') out.rows.push(...batch.rows);
  if (batch.kind !== 'raw') return;
  const bytes = await bytesOf(batch.body);
  const { stream } = requests.find((request) => request.stream.id === batch.stream)!;
  if (batch.encoding === 'csv/1') {
    const decoder = csv1.decoder(stream.columns);
    const rows = [...decoder.push(bytes), ...decoder.end()];
    if (rows.length !== batch.rows()) throw new Error(`rows() says ${batch.rows()} of ${rows.length}`);
    out.rows.push(...rows);
  } else out.text += bytes.toString('utf8');
}

/** Source to destination, as the engine does it. `stop`: end after that many commits, as a crash would. */
export async function pump(
  from: SourceSession,
  to: DestinationSession,
  lane: Lane,
  request: StreamRequest,
  target: Target,
  stop = Infinity,
): Promise<number> {
  const last = await to.resume(lane);
  await to.prepare(request.stream, target);
  let commits = 0;
  let rows = 0;
  for await (const batch of from.read([request], last)) {
    if (batch.kind === 'schema') await to.prepare(batch.stream, target);
    else if (batch.kind === 'rows' || batch.kind === 'raw') rows += (await to.write(batch)).rows;
    if (!('checkpoint' in batch) || batch.checkpoint === undefined) continue;
    await to.commit(batch.checkpoint, batch.kind === 'complete' ? batch.stream : undefined);
    if (++commits === stop) break;
  }
  return rows;
}
