/** One connection: TLS as configured, no password in clear, settings that fix the text of every value. */
import { ConfigError, TransientError, codes } from '@sluice/connector-sdk';
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

/** Connects and sets the session up. Throws ConfigError for what the user must change, TransientError for what may pass. */
export async function connect(config: ConnectionConfig): Promise<Connection> {
  const failures: unknown[] = [];
  for (const ssl of attempts(config)) {
    try {
      return await open(config, ssl);
    } catch (error) {
      failures.push(error);
      if (!mayTryNext(config, error)) break;
    }
  }
  throw openError(failures.at(-1), config);
}

/** TLS settings to try, in order; `false` is no TLS. */
function attempts(config: ConnectionConfig): (ConnectionOptions | false)[] {
  const ca = config.ssl_root_cert === undefined ? {} : { ca: config.ssl_root_cert };
  const unchecked: ConnectionOptions = { ...ca, rejectUnauthorized: false };
  const chain: ConnectionOptions = { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  switch (config.ssl_mode) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, unchecked];
    case 'prefer':
      return [unchecked, false];
    case 'require':
      return [config.ssl_root_cert === undefined ? unchecked : chain];
    case 'verify-ca':
      return [chain];
    case 'verify-full':
      return [{ ...ca, rejectUnauthorized: true }];
  }
}

function mayTryNext({ ssl_mode: mode }: ConnectionConfig, error: unknown): boolean {
  if (mode === 'allow') return sqlState(error) === '28000';
  return mode === 'prefer' && (noTls.test(messageOf(error)) || sqlState(error) === '28000');
}
const noTls = /does not support SSL|establishing an SSL connection/;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function open(config: ConnectionConfig, ssl: ConnectionOptions | false): Promise<Connection> {
  const verified = ssl !== false && ssl.rejectUnauthorized === true;
  let clearTextAsked = false;
  const client = new Client({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.username,
    ssl,
    types: asText,
    application_name: 'sluice',
    connectionTimeoutMillis: config.connect_timeout * 1000,
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
  if (noTls.test(messageOf(error))) return tlsError('The server does not offer TLS.', error);
  if (typeof code === 'string' && /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME)/.test(code)) {
    return tlsError(`The server's certificate was not accepted (${code}).`, error);
  }
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

const tlsError = (message: string, cause: unknown): ConfigError =>
  new ConfigError(message, { code: codes.tls, path: ['ssl_mode'], cause });

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
export async function cancelBackend(config: ConnectionConfig, pid: number): Promise<void> {
  const other = await connect(config);
  try {
    await other.client.query('SELECT pg_catalog.pg_cancel_backend($1)', [pid]);
  } finally {
    await disconnect(other);
  }
}
