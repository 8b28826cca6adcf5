/** A PostgreSQL cluster of the system's own version, so that the system's own tools are its peers. */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { localTool, type Child, type OsUser } from '../local-tools.js';
import type { Address } from './address.js';
import type { WorkFolder } from './work-folder.js';

/** The same for source and destination; all else is PostgreSQL's default, fsync included. */
export const clusterSettings = {
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  wal_level: 'logical',
} as const;

export interface PostgresServer {
  readonly address: Address;
  readonly child: Child;
}

/** Connects, runs `use`, disconnects. */
export const withPostgres = async <T>(address: Address, use: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ ...address, connectionTimeoutMillis: 5000, application_name: 'sluice-bench' });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** No setting of the user's shell may reach a server. */
const environment = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

const asUser = (user: OsUser | undefined, command: string, args: readonly string[]): string => {
  const options = {
    env: environment,
    cwd: '/',
    encoding: 'utf8',
    ...(user && { uid: user.uid, gid: user.gid }),
  } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (status !== 0) throw new Error(`${command} failed: ${stderr || stdout || error?.message}`);
  return stdout;
};

/** Made beside its final place and moved there, so that a half-made cluster is never started. */
const makeCluster = (bin: string, dataDir: string, work: WorkFolder, user: OsUser | undefined): void => {
  const next = `${dataDir}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true, mode: 0o700 });
  const passwordFile = work.secretFile('initdb-password', work.password);
  if (user) for (const path of [next, passwordFile]) chownSync(path, user.uid, user.gid);
  const args = [
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
  ];
  asUser(user, join(bin, 'initdb'), [...args, '-D', next]);
  rmSync(passwordFile);
  renameSync(next, dataDir);
};

/** A server that an interrupted run left behind would be the one we talk to without knowing. */
const stopLeftover = (bin: string, dataDir: string, user: OsUser | undefined): void => {
  if (!existsSync(join(dataDir, 'postmaster.pid'))) return;
  try {
    asUser(user, join(bin, 'pg_ctl'), ['-D', dataDir, '-m', 'fast', '-w', 'stop']);
  } catch {
    // it was not running
  }
};

const untilReady = async (address: Address, child: Child, logFile: string): Promise<void> => {
  for (let waited = 0; ; waited += 50) {
    try {
      return await withPostgres(address, async () => undefined);
    } catch (error) {
      if (child.exit || waited > 60_000) {
        const { tailOf } = await localTool('log-files.mjs');
        throw new Error(`PostgreSQL did not start: ${tailOf(logFile)}`, { cause: error });
      }
    }
    await sleep(50);
  }
};

/** @param name of the cluster's folder and log */
export const startPostgresServer = async (bin: string, name: string, work: WorkFolder): Promise<PostgresServer> => {
  const [{ databaseUser }, { startChild }, { freePort }] = await Promise.all([
    localTool('os-user.mjs'),
    localTool('child.mjs'),
    localTool('ports.mjs'),
  ]);
  const user = databaseUser();
  const dataDir = join(work.path, name);
  if (!existsSync(dataDir)) makeCluster(bin, dataDir, work, user);
  stopLeftover(bin, dataDir, user);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    ...clusterSettings,
  };
  const logFile = join(work.folder('logs'), `${name}.log`);
  const child = startChild({
    name,
    command: join(bin, 'postgres'),
    args: ['-D', dataDir, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    env: environment,
    cwd: '/',
    logFile,
    stopSignal: 'SIGINT', // fast shutdown
    graceMs: 60_000,
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  const address = { host: '127.0.0.1', port, user: 'postgres', password: work.password, database: 'postgres' };
  await untilReady(address, child, logFile);
  return { address, child };
};

export const ensureDatabase = (address: Address, database: string): Promise<Address> =>
  withPostgres(address, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
    return { ...address, database };
  });

/** Writes all dirty pages back, so that no run pays for the one before it. */
export const checkpoint = (address: Address): Promise<void> =>
  withPostgres(address, async (client) => void (await client.query('CHECKPOINT')));

/** Version, and what is not at its default. */
export const describePostgres = (address: Address): Promise<{ version: string; settings: Record<string, string> }> =>
  withPostgres(address, async (client) => {
    const { rows } = await client.query<{ name: string; value: string }>(
      `SELECT name, current_setting(name) AS value FROM pg_settings
       WHERE source NOT IN ('default', 'override', 'client') AND setting IS DISTINCT FROM boot_val ORDER BY name`,
    );
    const version = await client.query<{ version: string }>('SELECT version()');
    const noise =
      /^(port|data_directory|.*_file|lc_.*|log_.*|listen_addresses|unix_socket_.*|default_text_search_config)$/;
    const settings = rows.filter(({ name }) => !noise.test(name)).map(({ name, value }) => [name, value] as const);
    return { version: version.rows[0]?.version ?? '', settings: Object.fromEntries(settings) };
  });
