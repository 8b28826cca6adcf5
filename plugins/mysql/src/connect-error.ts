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
import { errorNumber, toSluiceError } from './errors.js';
import { nameProblem, quoteName } from './quote.js';

export interface Attempt extends ConnectAttempt {
  readonly config: ConnectionConfig;
}
const expected: Expected = { name: 'MySQL', port: 3306, listens: 'bind_address' };

/** Without TLS nobody vouches for the key, and whoever sent it reads the password. */
export class KeyRefused extends Error {}

/** The contract's error for `error`. */
export function connectError(error: unknown, attempt: Attempt): unknown {
  if (isSluiceError(error)) return error;
  const words =
    keyRefused(error) ??
    serverWords(error, attempt.config) ??
    tlsProblem(error, attempt) ??
    networkProblem(error, attempt, expected) ??
    loginWords(error, attempt.config) ??
    otherServer(attempt, expected, error instanceof OtherServer ? error.message : undefined);
  return connectErrorOf(words, error);
}

function keyRefused(error: unknown): ConnectWords | undefined {
  if (!(error instanceof KeyRefused)) return undefined;
  return tlsWords(
    'The server wants the password under a key of its own, and the connection has no TLS.',
    'Set up TLS on the server, and set ssl_mode to verify-full or require.',
  );
}

type Told = readonly [kind: 'config' | 'transient', code: Code, path: string | undefined, message: string, fix: string];

/** By number. The server's words go along: they tell what it knows, and hold no row. */
function serverWords(error: unknown, config: ConnectionConfig): ConnectWords | undefined {
  const number = errorNumber(error);
  if (number === undefined) return undefined;
  const said = `The server says: ${serverText(error)} (${number})`;
  const told = toldBy(number, config);
  if (told) {
    const [kind, code, path, message, fix] = told;
    return { kind, code, ...(path === undefined ? {} : { path }), message: `${message} ${said}`, fix };
  }
  const mapped: unknown = toSluiceError(error);
  const kind = isSluiceError(mapped, 'transient') ? 'transient' : 'config';
  const code = isSluiceError(mapped) ? mapped.code : 'mysql.refused';
  const message = `The server refused the connection. ${said}`;
  return { kind, code, message, fix: 'See what the server says, and its log.' };
}

function toldBy(number: number, { username, database }: ConnectionConfig): Told | undefined {
  const user = accountOf(username);
  switch (number) {
    case 1045:
    case 1698: {
      const fix = `Check user name and password, and that the user may come from this host; ALTER USER ${user} IDENTIFIED BY '...' sets a new password.`;
      return ['config', codes.authentication, 'password', 'The server refused the user name or password.', fix];
    }
    case 1049:
      return [
        'config',
        codes.noSuchDatabase,
        'database',
        'The database does not exist.',
        `CREATE DATABASE ${called(database)}`,
      ];
    case 1044: {
      const fix = `GRANT SELECT ON ${called(database)}.* TO ${user}`;
      return ['config', codes.permission, 'username', 'The user may not use the database.', fix];
    }
    case 1130: {
      const fix = `CREATE USER ${called(username)}@'<address of Sluice>' IDENTIFIED BY '...', with the rights it needs.`;
      return ['config', codes.permission, 'host', 'The server does not let this host in.', fix];
    }
    case 1129: {
      const fix = 'FLUSH HOSTS, and see in the log of the server why connections from this host broke off.';
      return [
        'config',
        codes.permission,
        'host',
        'The server has locked this host out after too many broken connections.',
        fix,
      ];
    }
    case 3159: {
      const fix = 'Set ssl_mode to require or verify-full.';
      return ['config', codes.tls, 'ssl_mode', 'The server does not let this host in without TLS.', fix];
    }
    case 1251:
      return [
        'config',
        codes.authentication,
        'username',
        'The server asks for a way to log in that is not supported.',
        otherLogin(username),
      ];
    case 1040:
    case 1203:
    case 1226: {
      const fix = 'End idle sessions, or raise max_connections (or max_user_connections, or the limit of the user).';
      return ['transient', codes.throttled, undefined, 'The server has no connection left.', fix];
    }
    case 1053: {
      const fix = 'Wait until the server takes connections; its log says how far it is.';
      return ['transient', codes.connectionLost, undefined, 'The server is starting up or shutting down.', fix];
    }
    default:
      return undefined;
  }
}

const otherLogin = (username: string): string =>
  `ALTER USER ${accountOf(username)} IDENTIFIED WITH caching_sha2_password BY '...' (mysql_native_password on MariaDB)`;
const accountOf = (username: string): string => `${called(username)}@'%'`;
/** A name that cannot be one cannot stand in a statement either. */
const called = (name: string | undefined): string =>
  name === undefined || nameProblem(name) !== undefined ? '...' : quoteName(name);

/** What the driver says of the login. */
function loginWords(error: unknown, { username }: ConnectionConfig): ConnectWords | undefined {
  const { code } = error as { code?: unknown };
  if (code !== 'AUTH_SWITCH_PLUGIN_ERROR' || /no auth plugin instance/.test(serverText(error))) return undefined;
  const message = `The server asks for a way to log in that is not supported (${serverText(error)}).`;
  return { kind: 'config', code: codes.authentication, path: 'username', message, fix: otherLogin(username) };
}
