import type { Readable } from 'node:stream';
import { isIP } from 'node:net';
import {
  ConfigError,
  type Context,
  TransientError,
  codes,
  tlsChecks,
  tlsMissing,
  tlsModeOf,
  tlsUntrusted,
} from '@sluice/connector-sdk';
import mysql from 'mysql2';
import type { ConnectionConfig } from './config.js';
import { type Server, atLeast, parseServer } from './server.js';

export type Cells = readonly (string | null)[];

/** What the server answers to a statement that returns no rows. */
export interface Outcome {
  readonly affected: number;
  readonly warnings: number;
  /** 'Records: 3  Deleted: 0  Skipped: 0  Warnings: 0' after LOAD DATA. */
  readonly info: string;
}

interface Header {
  readonly affectedRows?: number;
  readonly warningStatus?: number;
  readonly info?: string;
}

/** One connection. Statements run one after another; every error is the driver's own, see errors.ts. */
export class Link implements AsyncDisposable {
  #lost: unknown;
  constructor(
    readonly connection: mysql.Connection,
    readonly server: Server,
  ) {
    // Without a listener a connection that dies between two statements would end the process.
    connection.on('error', (error: unknown) => (this.#lost ??= error));
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** All values as text. */
  async query(sql: string): Promise<readonly Cells[]> {
    return (await ask(this.connection, { sql })) as readonly Cells[];
  }

  async run(sql: string, infile?: () => Readable): Promise<Outcome> {
    const options = infile === undefined ? { sql } : { sql, infileStreamFactory: infile };
    const header = (await ask(this.connection, options)) as Header;
    return { affected: header.affectedRows ?? 0, warnings: header.warningStatus ?? 0, info: header.info ?? '' };
  }

  destroy(): void {
    this.#lost ??= new TransientError('The connection was closed.');
    this.connection.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.lost) return this.connection.destroy();
    await new Promise<void>((resolve) => {
      // A server that does not answer must not keep the host waiting.
      const timer = setTimeout(() => (this.connection.destroy(), resolve()), 2_000);
      this.connection.end(() => (clearTimeout(timer), resolve()));
    });
  }
}

function ask(connection: mysql.Connection, options: mysql.QueryOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const typeCast = (field: { string(): string | null }): string | null => field.string();
    connection.query({ ...options, rowsAsArray: true, typeCast }, (error, result) =>
      error === null ? resolve(result) : reject(error),
    );
  });
}

export interface OpenOptions {
  /** Only the loading connection of a destination; everywhere else the server cannot ask for a file at all. */
  readonly localFiles?: boolean;
  readonly variant?: string | undefined;
  /** What the connection is made with. */
  readonly dial: Context['dial'];
  /** Leave out `database`, to say what is wrong with it in words of our own. */
  readonly withoutDatabase?: boolean;
}

/** Connects and sets the session up: utf8mb4, UTC, a known sql_mode and patience with slow peers. */
export async function openLink(config: ConnectionConfig, options: OpenOptions): Promise<Link> {
  const connection = await connect(config, options);
  try {
    const [row] = (await ask(connection, { sql: 'SELECT VERSION()' })) as readonly Cells[];
    const server = parseServer(row?.[0] ?? '', options.variant);
    for (const sql of sessionSettings(server)) await ask(connection, { sql });
    return new Link(connection, server);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function connect(config: ConnectionConfig, options: OpenOptions): Promise<mysql.Connection> {
  const mode = tlsModeOf(config);
  const first = mode !== 'disable' && mode !== 'allow';
  try {
    return await attempt(config, options, first);
  } catch (error) {
    if (mode === 'prefer' && hasCode(error, 'HANDSHAKE_NO_SSL_SUPPORT')) return attempt(config, options, false);
    if (mode === 'allow' && insistsOnTls(error)) return attempt(config, options, true);
    throw error;
  }
}
const hasCode = (error: unknown, code: string): boolean => (error as { code?: unknown } | null)?.code === code;
/** ER_SECURE_TRANSPORT_REQUIRED, or an account that must come over TLS and is unknown without. */
const insistsOnTls = (error: unknown): boolean =>
  hasCode(error, 'ER_SECURE_TRANSPORT_REQUIRED') || hasCode(error, 'ER_ACCESS_DENIED_ERROR');

/** Without TLS nobody vouches for the key, and whoever sent it reads the password. */
const refuseKey = {
  onServerPublicKey: (): never => {
    throw new KeyRefused();
  },
};
class KeyRefused extends Error {}
const keyRefused = (cause: KeyRefused): ConfigError =>
  new ConfigError('The server wants the password under a key of its own, and the connection has no TLS.', {
    code: codes.tls,
    path: ['ssl_mode'],
    cause,
    fix: 'Set up TLS on the server, and choose ssl_mode verify-full or require.',
  });
const authPlugins = {
  caching_sha2_password: mysql.authPlugins.caching_sha2_password(refuseKey),
  sha256_password: mysql.authPlugins.sha256_password(refuseKey),
};

async function attempt(config: ConnectionConfig, options: OpenOptions, encrypted: boolean): Promise<mysql.Connection> {
  const { port } = config;
  const timeout = config.connect_timeout * 1000;
  const stream = await options.dial({ host: config.host, port, timeout });
  const connection = mysql.createConnection({
    host: certificateName(config.host),
    port,
    stream,
    user: config.username,
    password: config.password,
    connectTimeout: timeout,
    charset: 'utf8mb4',
    multipleStatements: false,
    disableEval: true,
    ...(config.database === undefined || options.withoutDatabase === true ? {} : { database: config.database }),
    ...(options.localFiles === true ? {} : { flags: ['-LOCAL_FILES'] }),
    ...(encrypted ? { ssl: tls(config) } : { authPlugins }),
  });
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(openError(error, config));
    // Not once: a second error that nobody listens for would end the process.
    connection.on('error', fail);
    connection.connect((error) => {
      if (error === null) return resolve(connection);
      connection.destroy();
      fail(error);
    });
  });
}

function openError(error: unknown, config: ConnectionConfig): unknown {
  if (error instanceof KeyRefused) return keyRefused(error);
  if (hasCode(error, 'HANDSHAKE_NO_SSL_SUPPORT') && tlsModeOf(config) !== 'prefer') return tlsMissing(config, error);
  if (!hasCode(error, 'HANDSHAKE_SSL_ERROR')) return error;
  // The driver writes its own code over that of Node; a certificate comes with the error when it is of another name.
  const { message, reason = message, ...more } = error as Error & { reason?: string; cert?: unknown };
  return tlsUntrusted(config, more.cert === undefined ? reason : 'ERR_TLS_CERT_ALTNAME_INVALID', error);
}

/**
 * The driver holds a certificate against a name only: for an address it asks for 'localhost'. With a dot at its end an address
 * passes for a name, and Node's own check takes the dot off again and looks among the certificate's addresses.
 */
const certificateName = (host: string): string => (isIP(host) === 0 ? host : `${host}.`);

function tls(config: ConnectionConfig): mysql.SslOptions {
  const { certificate, name } = tlsChecks(config);
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: certificate,
    verifyIdentity: name,
    ...(config.ssl_root_cert !== undefined && { ca: config.ssl_root_cert }),
  };
}

/** Back-pressure makes us a slow peer: with the default timeouts (30 and 60 s) the server would hang up. */
function sessionSettings(server: Server): readonly string[] {
  if (server.flavour === 'singlestore') return ['SET NAMES utf8mb4', `SET SESSION time_zone = '+00:00'`];
  const mode = [
    'STRICT_ALL_TABLES',
    'NO_ZERO_DATE',
    'NO_ZERO_IN_DATE',
    'NO_ENGINE_SUBSTITUTION',
    'NO_AUTO_VALUE_ON_ZERO',
    'ERROR_FOR_DIVISION_BY_ZERO',
  ].join(',');
  const patience = 'SESSION net_write_timeout = 3600, SESSION net_read_timeout = 3600, SESSION wait_timeout = 28800';
  const settings = `SET NAMES utf8mb4`;
  const limit =
    server.flavour === 'mariadb'
      ? ['SET SESSION max_statement_time = 0']
      : atLeast(server, 5, 7, 8)
        ? ['SET SESSION max_execution_time = 0']
        : [];
  return [settings, `SET SESSION time_zone = '+00:00', SESSION sql_mode = '${mode}', ${patience}`, ...limit];
}
