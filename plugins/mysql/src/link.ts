import type { Readable } from 'node:stream';
import { isIP } from 'node:net';
import { ConfigError, type Context, type TlsMode, TransientError, tlsChecks, tlsModeOf } from '@sluice/connector-sdk';
import { ConnectTimeout, OtherServer, dialBefore } from '@sluice/sql';
import mysql from 'mysql2';
import type { ConnectionConfig } from './config.js';
import { KeyRefused, connectError } from './connect-error.js';
import { type Far, askSpeaker, watchGreeting } from './greeting.js';
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

/**
 * Connects and sets the session up, within `connect_timeout`: utf8mb4, UTC, a known sql_mode and patience with slow peers. Throws ConfigError
 * for what the user must change, TransientError for what may pass.
 */
export async function openLink(config: ConnectionConfig, options: OpenOptions): Promise<Link> {
  if (config.host.includes('/')) {
    throw new ConfigError('The host is a path; only TCP connections are made.', {
      path: ['host'],
      fix: 'Give a host name or an address.',
    });
  }
  const deadline = Date.now() + config.connect_timeout * 1000;
  const tries = attempts[tlsModeOf(config)] ?? [true];
  for (const [index, encrypted] of tries.entries()) {
    const far = { connected: false, spoke: false };
    try {
      return await attempt(config, options, encrypted, deadline, far);
    } catch (error) {
      if (index < tries.length - 1 && mayTryNext(encrypted, error)) continue;
      throw connectError(await silentSpeaker(error, config, options, far), { config, ...far });
    }
  }
  throw new Error('there is always an attempt');
}

/** TLS or not, in the order they are tried; TLS alone where a mode is not named. */
const attempts: { readonly [mode in TlsMode]?: readonly boolean[] } = {
  disable: [false],
  allow: [false, true],
  prefer: [true, false],
};
const mayTryNext = (encrypted: boolean, error: unknown): boolean =>
  encrypted ? hasCode(error, 'HANDSHAKE_NO_SSL_SUPPORT') : insistsOnTls(error);
const hasCode = (error: unknown, code: string): boolean => (error as { code?: unknown } | null)?.code === code;
/** An account that must come over TLS is unknown without. */
const insistsOnTls = (error: unknown): boolean =>
  hasCode(error, 'ER_SECURE_TRANSPORT_REQUIRED') || hasCode(error, 'ER_ACCESS_DENIED_ERROR');

/** Who waits to be spoken to is no MySQL, which speaks first: then its answer tells who it is. */
async function silentSpeaker(
  error: unknown,
  config: ConnectionConfig,
  host: Pick<Context, 'dial'>,
  { connected, spoke }: Far,
): Promise<unknown> {
  if (!(error instanceof ConnectTimeout) || !connected || spoke) return error;
  const speaker = await askSpeaker(host, config);
  return speaker === undefined ? error : new OtherServer(speaker);
}

async function attempt(
  config: ConnectionConfig,
  options: OpenOptions,
  encrypted: boolean,
  deadline: number,
  far: Far,
): Promise<Link> {
  const stream = await dialBefore(deadline, options, config);
  far.connected = true;
  const connection = mysql.createConnection({ ...connectOptions(config, options, encrypted), stream });
  const watched = watchGreeting(connection, far, deadline);
  try {
    await Promise.race([login(connection), watched.failure]);
    return await Promise.race([setUp(connection, options), watched.failure]);
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    watched.stop();
  }
}

async function setUp(connection: mysql.Connection, { variant }: OpenOptions): Promise<Link> {
  const [row] = (await ask(connection, { sql: 'SELECT VERSION()' })) as readonly Cells[];
  const server = parseServer(row?.[0] ?? '', variant);
  for (const sql of sessionSettings(server)) await ask(connection, { sql });
  return new Link(connection, server);
}
const refuseKey = {
  onServerPublicKey: (): never => {
    throw new KeyRefused();
  },
};
const authPlugins = {
  caching_sha2_password: mysql.authPlugins.caching_sha2_password(refuseKey),
  sha256_password: mysql.authPlugins.sha256_password(refuseKey),
};

const connectOptions = (
  config: ConnectionConfig,
  options: OpenOptions,
  encrypted: boolean,
): mysql.ConnectionOptions => ({
  host: certificateName(config.host),
  port: config.port,
  user: config.username,
  password: config.password,
  connectTimeout: 0, // see `deadline`, which holds for the session's first statements too
  charset: 'utf8mb4',
  multipleStatements: false,
  disableEval: true,
  ...(config.database === undefined || options.withoutDatabase === true ? {} : { database: config.database }),
  ...(options.localFiles === true ? {} : { flags: ['-LOCAL_FILES'] }),
  ...(encrypted ? { ssl: tls(config) } : { authPlugins }),
});

const login = (connection: mysql.Connection): Promise<void> =>
  new Promise((resolve, reject) => {
    // Not once: a second error that nobody listens for would end the process.
    connection.on('error', reject);
    connection.connect((error) => (error === null ? resolve() : reject(error)));
  });

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
