/** What the tests of this plugin share: databases of their own on the test server, and the engine's loop in miniature. */
import type {
  Checkpoint,
  Context,
  DestinationSession,
  Encoding,
  Lane,
  SourceSession,
  Stream,
  StreamRequest,
  Target,
} from '@sluice/connector-sdk';
import { plainDial } from '@sluice/connector-kit';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { type DestinationConfig, type SourceConfig, destinationConfig, sourceConfig } from '../src/config.js';
import { openDestination } from '../src/destination/session.js';
import { openSource } from '../src/source/session.js';

jest.setTimeout(60_000); // a busy machine is no failure

export function serverUrl(): URL {
  const url = process.env['SLUICE_TEST_POSTGRES_URL'];
  if (!url) throw new Error('SLUICE_TEST_POSTGRES_URL is not set: these tests need the URL of a PostgreSQL superuser.');
  return new URL(url);
}

/** A database that is dropped when disposed of, and a plain client in it. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly client: Client;
  readonly source: SourceConfig;
  readonly destination: DestinationConfig;
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export async function testDatabase(): Promise<TestDatabase> {
  const database = plannedDatabase();
  await database.create();
  return database;
}

/** One whose name is known before it is there: for suites that are registered first. */
export function plannedDatabase(): TestDatabase & { create(): Promise<void> } {
  const url = serverUrl();
  const name = `wpg_${randomBytes(6).toString('hex')}`;
  const own = new URL(url);
  own.pathname = `/${name}`;
  const admin = new Client({ connectionString: url.href });
  const asText = { getTypeParser: () => (value: unknown) => value } as never;
  const client = new Client({ connectionString: own.href, types: asText });
  client.on('error', () => undefined);
  const base = {
    host: url.hostname,
    port: Number(url.port || 5432),
    database: name,
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  return {
    name,
    client,
    // Rows written a moment ago are to be read, and other suites' open transactions are none of this one's business.
    source: sourceConfig.parse({ ...base, cursor_lag_seconds: 0, cursor_wait_seconds: 0 }),
    destination: destinationConfig.parse(base),
    async create() {
      await admin.connect();
      await admin.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
      await client.connect();
      await client.query("SET timezone = 'UTC'");
    },
    query: async (sql, values) =>
      (await client.query(sql, values ? [...values] : undefined)).rows as Record<string, unknown>[],
    async [Symbol.asyncDispose]() {
      await client.end();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** A plain client of its own, for what another session does meanwhile. */
export async function secondClient({
  name,
  source: { host, port, username, password },
}: TestDatabase): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client({ host, port, database: name, user: username, password });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

export interface TestContext extends Context {
  readonly lines: string[];
  readonly abort: AbortController;
}
export function testContext(): TestContext {
  const abort = new AbortController();
  const lines: string[] = [];
  return {
    abort,
    lines,
    signal: abort.signal,
    dial: plainDial,
    log: (level, message) => lines.push(`${level} ${message}`),
  };
}

export const lane = (id: string, more: Partial<Lane> = {}): Lane => ({ id, fence: 1n, generation: 1, ...more });

export const withSource = async <T>(
  config: SourceConfig,
  use: (session: SourceSession, context: TestContext) => Promise<T>,
): Promise<T> => {
  const context = testContext();
  await using session = await openSource(config, context);
  return await use(session, context);
};
export const withDestination = async <T>(
  config: DestinationConfig,
  use: (session: DestinationSession, context: TestContext) => Promise<T>,
): Promise<T> => {
  const context = testContext();
  await using session = await openDestination(config, context);
  return await use(session, context);
};

export interface Pump {
  readonly source: SourceSession;
  readonly destination: DestinationSession;
  readonly lane: Lane;
  readonly request: StreamRequest;
  readonly target: Target;
  /** Called before each commit; what it throws ends the pump as a crash would. */
  readonly beforeCommit?: (checkpoint: Checkpoint, complete: string | undefined) => void | Promise<void>;
}

/** The engine's loop: resume, prepare, read, write, commit. Answers rows and commits. */
export async function pump({
  source,
  destination,
  lane: of,
  request,
  target,
  beforeCommit,
}: Pump): Promise<{ rows: number; commits: number }> {
  const after = await destination.resume(of);
  await destination.prepare(request.stream, target);
  let rows = 0;
  let commits = 0;
  for await (const batch of source.read([request], after)) {
    if (batch.kind === 'schema') continue;
    if (batch.kind !== 'idle' && batch.kind !== 'complete') rows += (await destination.write(batch)).rows;
    if (!batch.checkpoint) continue;
    const complete = batch.kind === 'complete' ? batch.stream : undefined;
    await beforeCommit?.(batch.checkpoint, complete);
    await destination.commit(batch.checkpoint, complete);
    commits++;
  }
  return { rows, commits };
}

export async function discoverOne(source: SourceSession, id: string): Promise<Stream> {
  const [stream] = await source.discover([id]);
  if (!stream) throw new Error(`no stream ${id}`);
  return stream;
}

export const target = (table: readonly string[], mode: Target['mode'], key: readonly string[] = []): Target => ({
  table,
  mode,
  key,
});
export const full = (stream: Stream, encoding?: Encoding): StreamRequest => ({
  stream,
  mode: 'full',
  ...(encoding ? { encoding } : {}),
});

/** Everything in a table, as text and in no order. */
export const contents = async (database: TestDatabase, table: string, columns = '*'): Promise<unknown[]> =>
  (await database.query(`SELECT ${columns} FROM ${table}`)).map((row) => JSON.stringify(row)).sort();
