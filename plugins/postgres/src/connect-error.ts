/** What went wrong while connecting, and what to do: no error of this phase leaves without a `fix`. */
import { type Code, ConfigError, TransientError, codes, isSluiceError } from '@sluice/connector-sdk';
import type { ConnectionConfig } from './config.js';
import { mapError, sqlState } from './errors.js';
import { literal, quote } from './names.js';

/** How far an attempt came. */
export interface Attempt {
  readonly config: ConnectionConfig;
  readonly encrypted: boolean;
  /** The address took the connection. */
  readonly connected: boolean;
  /** The server said something. */
  readonly spoke: boolean;
}

/** The server wants the password in clear, and nobody vouches for it. */
export class ClearTextRefused extends Error {}
/** What answers is no PostgreSQL server; the message says what it is. */
export class NotPostgres extends Error {}
/** A message that PostgreSQL would not send. */
export class BrokenProtocol extends Error {}
/** The server has no TLS, or none for us. */
export class NoTls extends Error {}
/** The time for connecting is over. */
export class ConnectTimeout extends Error {}

interface Words {
  readonly kind: 'config' | 'transient';
  readonly code: string;
  readonly path?: string;
  readonly message: string;
  readonly fix: string;
}

/** The contract's error for `error`. */
export function connectError(error: unknown, attempt: Attempt): unknown {
  if (isSluiceError(error)) return error;
  const { kind, code, path, message, fix } = wordsFor(error, attempt);
  return kind === 'config'
    ? new ConfigError(message, { code, fix, path: path === undefined ? [] : [path], cause: error })
    : new TransientError(message, { code, fix, cause: error });
}

function wordsFor(error: unknown, attempt: Attempt): Words {
  return (
    ownWords(error, attempt.config) ??
    serverWords(error, attempt) ??
    tlsWords(error) ??
    networkWords(error, attempt) ??
    loginWords(error) ??
    strangeWords(attempt)
  );
}

const placeOf = ({ host, port }: ConnectionConfig): string => `${host}:${port}`;

function ownWords(error: unknown, config: ConnectionConfig): Words | undefined {
  if (error instanceof ClearTextRefused) {
    return {
      kind: 'config',
      code: codes.tls,
      path: 'ssl_mode',
      message: 'The server asks for the password in clear, and the connection is not one with verified TLS.',
      fix: 'Set ssl_mode to verify-full, or have the server use scram-sha-256.',
    };
  }
  if (error instanceof NoTls) {
    return {
      kind: 'config',
      code: codes.tls,
      path: 'ssl_mode',
      message: 'The server offers no TLS.',
      fix: 'Set up TLS on the server (ssl = on), or set ssl_mode to prefer or disable.',
    };
  }
  if (!(error instanceof NotPostgres)) return undefined;
  return notPostgres(`At ${placeOf(config)} answers ${error.message}, not PostgreSQL.`);
}

const notPostgres = (message: string): Words => ({
  kind: 'config',
  code: codes.notThisServer,
  path: 'port',
  message,
  fix: 'Give the host and port of a PostgreSQL server; 5432 is the usual port.',
});

type Told = readonly [kind: 'config' | 'transient', code: Code, path: string | undefined, message: string, fix: string];

/** By SQLSTATE. The server's words go along: they tell what it knows, and hold no row. */
function serverWords(error: unknown, { config, encrypted }: Attempt): Words | undefined {
  const state = sqlState(error);
  if (state === undefined) return undefined;
  const told = told28(error, state, config, encrypted) ?? toldBy(state, config);
  if (told) {
    const [kind, code, path, message, fix] = told;
    return { kind, code, ...(path === undefined ? {} : { path }), message: `${message} ${quoted(error, state)}`, fix };
  }
  const mapped: unknown = mapError(error);
  const kind = isSluiceError(mapped, 'transient') ? 'transient' : 'config';
  const code = isSluiceError(mapped) ? mapped.code : 'postgres.refused';
  return {
    kind,
    code,
    message: `The server refused the connection. ${quoted(error, state)}`,
    fix: 'See what PostgreSQL says, and its log.',
  };
}

/** Capped, and free of what would colour a terminal. */
const quoted = (error: unknown, state: string): string =>
  `PostgreSQL says: ${messageOf(error)
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
    .slice(0, 300)} (${state})`;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

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
  if (!encrypted && config.ssl_mode === 'disable' && /no encryption|SSL off/.test(messageOf(error))) {
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

const tlsPattern = /^(CERT_|ERR_TLS|ERR_SSL|ERR_OSSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME|EPROTO)/;

function tlsWords(error: unknown): Words | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code !== 'string' || !tlsPattern.test(code)) return undefined;
  const words = (message: string, fix: string): Words => ({
    kind: 'config',
    code: codes.tls,
    path: 'ssl_mode',
    message: `${message} (${code})`,
    fix,
  });
  if (code === 'CERT_HAS_EXPIRED')
    return words("The server's certificate has expired.", 'Renew the certificate of the server.');
  if (/ALTNAME|HOSTNAME/.test(code)) {
    return words(
      "The server's certificate is not for this host name.",
      'Give the host by a name that the certificate holds, or set ssl_mode to verify-ca.',
    );
  }
  if (/^(ERR_SSL|ERR_OSSL|EPROTO)/.test(code)) {
    return words(
      'TLS could not be set up with the server.',
      'Check the TLS settings of the server; it must offer TLS 1.2 or later.',
    );
  }
  return words(
    "The server's certificate is not trusted.",
    'Give the certificate of its authority in ssl_root_cert, or set ssl_mode to require, which does not check it.',
  );
}

const netCodes = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|EPIPE|ECONNABORTED|ENETDOWN)$/;

/** A server that restarts looks just like a wrong port: the host tries again, and says what it met. */
function networkWords(error: unknown, { config, connected, spoke }: Attempt): Words | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const kind = code === 'ENOTFOUND' ? 'config' : 'transient';
    const message =
      code === 'ENOTFOUND'
        ? `The name ${config.host} is not known.`
        : `The name ${config.host} could not be looked up just now.`;
    return {
      kind,
      code: codes.unreachable,
      path: 'host',
      message,
      fix: 'Check the host name, and the DNS of the machine that Sluice runs on.',
    };
  }
  const cannot = (how: string, fix: string): Words => ({
    kind: 'transient',
    code: codes.unreachable,
    message: `PostgreSQL cannot be reached at ${placeOf(config)} (${how}).`,
    fix,
  });
  const check = 'Check host, port and firewall.';
  if (error instanceof ConnectTimeout) {
    if (!connected) return cannot(`no answer within ${config.connect_timeout} s`, check);
    return cannot(
      `the connection was taken, but ${spoke ? 'the server stopped in the middle of its greeting' : 'nothing was said'} within ${config.connect_timeout} s`,
      'Check that PostgreSQL listens at this port; if it does, it is overloaded, or a proxy before it has no server behind it.',
    );
  }
  const ended = /^Connection terminated/.test(messageOf(error));
  if (!ended && !(typeof code === 'string' && netCodes.test(code))) return undefined;
  if (!connected)
    return cannot(
      String(code),
      code === 'ECONNREFUSED'
        ? 'Check host and port, that PostgreSQL runs, and that listen_addresses lets it listen there.'
        : check,
    );
  if (!spoke)
    return cannot(
      'it closed the connection without a word',
      'Check that PostgreSQL listens at this port; a proxy closes so when it has no server behind it.',
    );
  return {
    kind: 'transient',
    code: codes.connectionLost,
    message: 'The server closed the connection while it was being set up.',
    fix: 'See the log of the server; it may be restarting.',
  };
}

/** What the driver says of the login. */
function loginWords(error: unknown): Words | undefined {
  const message = messageOf(error);
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

const strangeWords = ({ config }: Attempt): Words =>
  notPostgres(`At ${placeOf(config)} answers something that breaks the protocol of PostgreSQL.`);
