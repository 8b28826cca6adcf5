/** One connection: TLS as configured, no password in clear, settings that fix the text of every value. */
import { type Context, tlsChecks, tlsModeOf } from '@sluice/connector-sdk';
import { ConnectTimeout, NoTls, dialBefore } from '@sluice/sql';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import type { ConnectionConfig } from './config.js';
import { type Attempt, ClearTextRefused, connectError } from './connect-error.js';
import { sqlState } from './errors.js';
import { watchGreeting } from './greeting.js';
import { literal } from './names.js';

/** Every value arrives as the text or bytes that PostgreSQL sent. */
const asText = { getTypeParser: () => (value: unknown) => value } as unknown as NonNullable<ClientConfig['types']>;

/** Settings of a session. Those that the server's version does not have are left out. */
const settings: Readonly<Record<string, string>> = {
  search_path: '',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmloption: 'content',
  array_nulls: 'on',
  quote_all_identifiers: 'off',
  row_security: 'on',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
};

export interface Connection {
  readonly client: Client;
  /** 150004 for 15.4. */
  readonly version: number;
  readonly encrypted: boolean;
  readonly serverEncoding: string;
  readonly pid: number;
}

type Dial = Pick<Context, 'dial'>;

/** 'replication': may also stream the change log of its database; takes simple statements only, none with parameters. */
export type ConnectionKind = 'sql' | 'replication';

/** Connects and sets the session up, within `connect_timeout`. Throws ConfigError for what the user must change, TransientError for what may pass. */
export async function connect(config: ConnectionConfig, host: Dial, kind: ConnectionKind = 'sql'): Promise<Connection> {
  const deadline = Date.now() + config.connect_timeout * 1000;
  const tries = attempts(config);
  for (const [index, ssl] of tries.entries()) {
    const far = { connected: false, spoke: false };
    try {
      return await open(config, kind, ssl, host, deadline, far);
    } catch (error) {
      if (index < tries.length - 1 && mayTryNext(config, error)) continue;
      throw connectError(error, { config, encrypted: ssl !== false, ...far });
    }
  }
  throw new Error('there is always an attempt');
}

/** TLS settings to try, in order; `false` is no TLS. */
function attempts(config: ConnectionConfig): (ConnectionOptions | false)[] {
  const { certificate, name } = tlsChecks(config);
  const tls: ConnectionOptions = {
    ...(config.ssl_root_cert !== undefined && { ca: config.ssl_root_cert }),
    rejectUnauthorized: certificate,
    ...(!name && { checkServerIdentity: () => undefined }),
  };
  switch (tlsModeOf(config)) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, tls];
    case 'prefer':
      return [tls, false];
    default:
      return [tls];
  }
}

function mayTryNext(config: ConnectionConfig, error: unknown): boolean {
  const mode = tlsModeOf(config);
  if (mode === 'allow') return sqlState(error) === '28000';
  return mode === 'prefer' && (error instanceof NoTls || sqlState(error) === '28000');
}

/** pg tells its stream to connect. This one has been, to an address that the host has judged. */
const dialled = (socket: Socket): Socket =>
  Object.assign(socket, {
    connect: () => {
      process.nextTick(() => socket.emit('connect'));
      return socket;
    },
  });

type Far = { -readonly [K in 'connected' | 'spoke']: Attempt[K] };

async function open(
  config: ConnectionConfig,
  kind: ConnectionKind,
  ssl: ConnectionOptions | false,
  host: Dial,
  deadline: number,
  far: Far,
): Promise<Connection> {
  const socket = await dialBefore(deadline, host, config);
  far.connected = true;
  const verified = ssl !== false && ssl.rejectUnauthorized === true;
  let clearTextAsked = false;
  const options: ClientConfig & { readonly replication?: 'database' } = {
    host: config.host,
    port: config.port,
    stream: () => dialled(socket),
    database: config.database,
    user: config.username,
    ssl,
    types: asText,
    application_name: 'sluice',
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    // Asked for when the server wants it: the last moment at which a password in clear can be held back.
    password: () => {
      if (clearTextAsked && !verified) throw new ClearTextRefused();
      return config.password;
    },
    ...(kind === 'replication' && { replication: 'database' }),
  };
  const client = new Client(options);
  const { connection } = client;
  connection.prependListener('authenticationCleartextPassword', () => (clearTextAsked = true));
  client.on('error', () => undefined); // a lost connection is told by the query that meets it
  const letGo = watchGreeting(connection, ssl !== false, far);
  const timer = setTimeout(() => connection.stream.destroy(new ConnectTimeout()), Math.max(1, deadline - Date.now()));
  try {
    await client.connect();
    const session = await setUp(client);
    letGo();
    return { client, encrypted: ssl !== false, ...session };
  } catch (error) {
    connection.stream.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function setUp(client: Client): Promise<Pick<Connection, 'version' | 'serverEncoding' | 'pid'>> {
  const values = Object.entries(settings).map(([name, value]) => `(${literal(name)}, ${literal(value)})`);
  await client.query(
    `SELECT pg_catalog.set_config(s.name, v.value, false) FROM pg_catalog.pg_settings s
       JOIN (VALUES ${values.join(', ')}) AS v(name, value) ON lower(s.name) = v.name`,
  );
  const result = await client.query<{ version: string; encoding: string; pid: string }>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding,
       pg_backend_pid()::text AS pid`,
  );
  const { version, encoding, pid } = result.rows[0]!;
  return { version: Number(version), serverEncoding: encoding, pid: Number(pid) };
}

/** Ends the connection; one that hangs or is lost is cut. */
export async function disconnect({ client }: Connection): Promise<void> {
  const { stream } = client.connection;
  const cut = setTimeout(() => stream.destroy(), 5000);
  try {
    await client.end();
  } catch {
    stream.destroy();
  } finally {
    clearTimeout(cut);
  }
}

/** Ends what the connection `pid` runs, by way of a second connection. */
export async function cancelBackend(config: ConnectionConfig, host: Dial, pid: number): Promise<void> {
  const other = await connect(config, host);
  try {
    await other.client.query('SELECT pg_catalog.pg_cancel_backend($1)', [pid]);
  } finally {
    await disconnect(other);
  }
}
