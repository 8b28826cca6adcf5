/** What went wrong while connecting, and what to do: no error of this phase leaves without a `fix`. */
import { type Code, codes, isSluiceError } from '@sluice/connector-sdk';
import {
  type ConnectAttempt,
  type ConnectWords,
  type Expected,
  OtherServer,
  connectErrorOf,
  networkProblem,
  otherServer,
  serverText,
  tlsProblem,
  tlsWords,
} from '@sluice/sql';
import type { ConnectionConfig } from './config.js';
import { mapError, sqlState } from './errors.js';
import { literal, quote } from './names.js';

export interface Attempt extends ConnectAttempt {
  readonly config: ConnectionConfig;
  readonly encrypted: boolean;
}
const expected: Expected = { name: 'PostgreSQL', port: 5432, listens: 'listen_addresses' };

/** The server wants the password in clear, and nobody vouches for it. */
export class ClearTextRefused extends Error {}
/** A message that PostgreSQL would not send. */
export class BrokenProtocol extends Error {}

/** The contract's error for `error`. */
export function connectError(error: unknown, attempt: Attempt): unknown {
  if (isSluiceError(error)) return error;
  const words =
    clearText(error) ??
    serverWords(error, attempt) ??
    tlsProblem(error, attempt) ??
    networkProblem(error, attempt, expected) ??
    loginWords(error) ??
    otherServer(attempt, expected, error instanceof OtherServer ? error.message : undefined);
  return connectErrorOf(words, error);
}

function clearText(error: unknown): ConnectWords | undefined {
  if (!(error instanceof ClearTextRefused)) return undefined;
  return tlsWords(
    'The server asks for the password in clear, and the connection is not one with verified TLS.',
    'Set ssl_mode to verify-full, or have the server use scram-sha-256.',
  );
}

type Told = readonly [kind: 'config' | 'transient', code: Code, path: string | undefined, message: string, fix: string];

/** By SQLSTATE. The server's words go along: they tell what it knows, and hold no row. */
function serverWords(error: unknown, { config, encrypted }: Attempt): ConnectWords | undefined {
  const state = sqlState(error);
  if (state === undefined) return undefined;
  const said = `PostgreSQL says: ${serverText(error)} (${state})`;
  const told = told28(error, state, config, encrypted) ?? toldBy(state, config);
  if (told) {
    const [kind, code, path, message, fix] = told;
    return { kind, code, ...(path === undefined ? {} : { path }), message: `${message} ${said}`, fix };
  }
  const mapped: unknown = mapError(error);
  const kind = isSluiceError(mapped, 'transient') ? 'transient' : 'config';
  const code = isSluiceError(mapped) ? mapped.code : 'postgres.refused';
  const message = `The server refused the connection. ${said}`;
  return { kind, code, message, fix: 'See what PostgreSQL says, and its log.' };
}

function toldBy(state: string, { database, username }: ConnectionConfig): Told | undefined {
  switch (state) {
    case '3D000':
      return [
        'config',
        codes.noSuchDatabase,
        'database',
        'The database does not exist.',
        `CREATE DATABASE ${named(database)}`,
      ];
    case '42501':
      return [
        'config',
        codes.permission,
        'username',
        'The role may not connect to the database.',
        `GRANT CONNECT ON DATABASE ${named(database)} TO ${named(username)}`,
      ];
    case '53300':
      return [
        'transient',
        codes.throttled,
        undefined,
        'The server has no connection left.',
        'End idle sessions, or raise max_connections (or the CONNECTION LIMIT of the role or the database).',
      ];
    case '57P03':
      return [
        'transient',
        codes.connectionLost,
        undefined,
        'The server is starting up or shutting down.',
        'Wait until the server takes connections; its log says how far it is.',
      ];
    default:
      return undefined;
  }
}

/** The messages are in the server's language; the routine that speaks is not. */
function told28(error: unknown, state: string, config: ConnectionConfig, encrypted: boolean): Told | undefined {
  if (!state.startsWith('28')) return undefined;
  const { routine } = error as { routine?: unknown };
  if (routine === 'InitializeSessionUserId') {
    const fix = `CREATE ROLE ${named(config.username)} LOGIN PASSWORD '...'`;
    return ['config', codes.authentication, 'username', 'There is no such role, or it may not log in.', fix];
  }
  if (routine !== 'ClientAuthentication') {
    const fix = `Check user name and password; ALTER ROLE ${named(config.username)} PASSWORD '...' sets a new one.`;
    return ['config', codes.authentication, 'password', 'The server refused the user name or password.', fix];
  }
  if (!encrypted && config.ssl_mode === 'disable' && /no encryption|SSL off/.test(serverText(error))) {
    const fix = `Set ssl_mode to require or verify-full; when that is refused too, ${hbaFix(config, true)}`;
    return ['config', codes.tls, 'ssl_mode', 'The server does not let this host in without TLS.', fix];
  }
  return [
    'config',
    codes.permission,
    'host',
    'The server does not let this host in.',
    capital(hbaFix(config, encrypted)),
  ];
}

const hbaFix = ({ database, username }: ConnectionConfig, encrypted: boolean): string =>
  `add a line such as "${encrypted ? 'hostssl' : 'host'} ${database} ${username} <address of Sluice>/32 scram-sha-256" to pg_hba.conf, and run SELECT pg_reload_conf().`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A name that cannot be one cannot stand in a statement either. */
function named(name: string): string {
  try {
    return quote(name);
  } catch {
    return literal(name);
  }
}

/** What the driver says of the login. */
function loginWords(error: unknown): ConnectWords | undefined {
  const message = serverText(error);
  if (/password must be a (non-empty )?string/.test(message)) {
    return {
      kind: 'config',
      code: codes.authentication,
      path: 'password',
      message: 'The server asks for a password, and none is given.',
      fix: 'Give the password of the role.',
    };
  }
  const method = /Unknown authenticationOk message type (\d+)/.exec(message)?.[1];
  if (method === undefined && !/Only mechanism/.test(message)) return undefined;
  return {
    kind: 'config',
    code: codes.authentication,
    path: 'username',
    message: `The server asks for a way to log in that is not supported${method === undefined ? '' : ` (authentication request ${method})`}.`,
    fix: 'Have pg_hba.conf use scram-sha-256 for this role; Kerberos, SSPI and the like are not supported.',
  };
}
