/** One connection: TLS as configured, no password in clear, settings that fix the text of every value. */
import {
  ConfigError,
  type Context,
  TransientError,
  codes,
  isSluiceError,
  isTlsFailure,
  tlsChecks,
  tlsMissing,
  tlsModeOf,
  tlsUntrusted,
} from '@sluice/connector-sdk';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import type { ConnectionConfig } from './config.js';
import { mapError, sqlState } from './errors.js';

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

/** Connects and sets the session up. Throws ConfigError for what the user must change, TransientError for what may pass. */
export async function connect(config: ConnectionConfig, host: Dial): Promise<Connection> {
  const failures: unknown[] = [];
  for (const ssl of attempts(config)) {
    try {
      return await open(config, ssl, host);
    } catch (error) {
      failures.push(error);
      if (!mayTryNext(config, error)) break;
    }
  }
  throw openError(failures.at(-1), config);
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
  return mode === 'prefer' && (noTls.test(messageOf(error)) || sqlState(error) === '28000');
}
const noTls = /does not support SSL|establishing an SSL connection/;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** pg tells its stream to connect. This one has been, to an address that the host has judged. */
const dialled = (socket: Socket): Socket =>
  Object.assign(socket, {
    connect: () => {
      process.nextTick(() => socket.emit('connect'));
      return socket;
    },
  });

async function open(config: ConnectionConfig, ssl: ConnectionOptions | false, host: Dial): Promise<Connection> {
  const timeout = config.connect_timeout * 1000;
  const socket = await host.dial({ host: config.host, port: config.port, timeout });
  const verified = ssl !== false && ssl.rejectUnauthorized === true;
  let clearTextAsked = false;
  const client = new Client({
    host: config.host,
    port: config.port,
    stream: () => dialled(socket),
    database: config.database,
    user: config.username,
    ssl,
    types: asText,
    application_name: 'sluice',
    connectionTimeoutMillis: timeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    // Asked for when the server wants it: the last moment at which a password in clear can be held back.
    password: () => {
      if (clearTextAsked && !verified) throw new ClearTextRefused();
      return config.password;
    },
  });
  client.connection.prependListener('authenticationCleartextPassword', () => (clearTextAsked = true));
  client.on('error', () => undefined); // a lost connection is told by the query that meets it
  try {
    await client.connect();
    return { client, encrypted: ssl !== false, ...(await setUp(client)) };
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}

class ClearTextRefused extends Error {}

async function setUp(client: Client): Promise<Pick<Connection, 'version' | 'serverEncoding' | 'pid'>> {
  const names = Object.keys(settings);
  await client.query(
    `SELECT pg_catalog.set_config(s.name, v.value, false) FROM pg_catalog.pg_settings s
       JOIN unnest($1::text[], $2::text[]) AS v(name, value) ON lower(s.name) = v.name`,
    [names, Object.values(settings)],
  );
  const result = await client.query<{ version: string; encoding: string; pid: string }>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding,
       pg_backend_pid()::text AS pid`,
  );
  const { version, encoding, pid } = result.rows[0]!;
  return { version: Number(version), serverEncoding: encoding, pid: Number(pid) };
}

const noWay = /^(EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/;

function openError(error: unknown, config: ConnectionConfig): unknown {
  if (isSluiceError(error)) return error;
  const { code } = (error ?? {}) as { code?: unknown };
  const place = `${config.host}:${config.port}`;
  if (error instanceof ClearTextRefused) {
    return new ConfigError(
      'The server asks for the password in clear, and the connection is not one with verified TLS.',
      {
        code: codes.tls,
        path: ['ssl_mode'],
        cause: error,
        fix: 'Set the TLS mode to verify-full, or have the server use scram-sha-256.',
      },
    );
  }
  if (noTls.test(messageOf(error))) return tlsMissing(config, error);
  if (isTlsFailure(code)) return tlsUntrusted(config, code, error);
  if (code === 'ENOTFOUND') {
    const message = `The name ${config.host} is not known.`;
    return new ConfigError(message, { code: codes.unreachable, path: ['host'], cause: error });
  }
  // A server that restarts looks just like a wrong port: the host tries again, and says what it met.
  const late = /timeout expired/.test(messageOf(error)) ? `no answer within ${config.connect_timeout} s` : undefined;
  if (late !== undefined || (typeof code === 'string' && noWay.test(code))) {
    const message = `PostgreSQL cannot be reached at ${place} (${late ?? String(code)}).`;
    return new TransientError(message, {
      code: codes.unreachable,
      cause: error,
      fix: 'Check host, port and firewall.',
    });
  }
  return stateError(error);
}

const paths: Readonly<Record<string, readonly string[]>> = {
  [codes.authentication]: ['password'],
  [codes.noSuchDatabase]: ['database'],
  [codes.permission]: ['username'],
};
function stateError(error: unknown): unknown {
  const mappedError = mapError(error);
  if (!(mappedError instanceof ConfigError)) {
    if (mappedError !== error || !/terminated|ended/i.test(messageOf(error))) return mappedError;
    return new TransientError('The server closed the connection while it was being set up.', { cause: error });
  }
  const { code, message, cause } = mappedError;
  return new ConfigError(message, { code, cause, path: paths[code] ?? [] });
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
