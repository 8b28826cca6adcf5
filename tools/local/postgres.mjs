// @ts-check
/** A PostgreSQL server of our own: made at first use, started on a given port, found again at the next start. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { postgresUrl, withPostgres } from './postgres-client.mjs';
import { startChild } from './child.mjs';
import { UserError } from './say.mjs';
import { tailOf } from './log-files.mjs';
import { databaseUser } from './os-user.mjs';
import { postgresBinaries } from './postgres-binaries.mjs';
import { signalTree, startMark } from './process-identity.mjs';
import { reachablePlace } from './reachable.mjs';
import { outputOf } from './run-program.mjs';
import { waitFor } from './waiting.mjs';

/**
 * @typedef {object} PostgresOptions
 * @property {string} dataDir the cluster, unless the database user cannot reach it
 * @property {number} port
 * @property {string} password of the superuser `postgres`
 * @property {string} logFile
 * @property {Record<string, string>} [settings] on top of ours
 * @property {import('./say.mjs').Say} say
 * @property {AbortSignal | undefined} [signal] gives up making a cluster
 */
/** @typedef {import('./postgres-client.mjs').PostgresAddress} PostgresAddress */

/** The environment of a server: no setting of the user's shell may leak in. @param {string} dataDir */
const serverEnvironment = (dataDir) => ({ PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', PGDATA: dataDir });

/**
 * Makes a new cluster beside its final place and moves it there, so that a half-made one is never started.
 * @param {string} dataDir @param {string} binaries @param {PostgresOptions} options @param {import('./os-user.mjs').OsUser | undefined} user
 */
const makeCluster = async (dataDir, binaries, options, user) => {
  const next = `${dataDir}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { mode: 0o700 });
  const passwordFile = join(next, 'password');
  const cluster = join(next, 'cluster');
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  if (user) for (const path of [passwordFile, next]) chownSync(path, user.uid, user.gid);
  const args = [
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '-D',
    cluster,
  ];
  await outputOf(join(binaries, 'bin/initdb'), args, {
    env: serverEnvironment(cluster),
    cwd: '/',
    signal: options.signal,
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  renameSync(cluster, dataDir);
  rmSync(next, { recursive: true, force: true });
};

/**
 * A postmaster.pid may be left by a crash. PostgreSQL refuses to start when any process has that id, so a file that points
 * at a stranger is removed, and a server of ours that is still running is stopped.
 * @param {string} dataDir
 */
const clearStalePid = async (dataDir) => {
  const file = join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  if (isServerOf(pid, dataDir)) {
    signalTree(pid, 'SIGINT');
    await waitFor(() => startMark(pid) === undefined || undefined, {
      timeoutMs: 20_000,
      what: `earlier PostgreSQL (${pid})`,
    });
  }
  rmSync(file, { force: true });
};

/** @param {number} pid @param {string} dataDir */
const isServerOf = (pid, dataDir) => {
  if (!(pid > 0) || startMark(pid) === undefined) return false;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir); // a server works in its data directory
  } catch {
    const line = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
    return line.includes('postgres') && line.includes(dataDir);
  }
};

/**
 * Leaves a note in the data directory about a cluster that lives outside it. Without the note the cluster belongs to a data
 * directory that was deleted, with its password; it is moved aside, not deleted.
 * @param {string} outside @param {PostgresOptions} options @param {import('./os-user.mjs').OsUser | undefined} user
 */
const noteOutside = (outside, { dataDir, say }, user) => {
  const note = `${dataDir}.location`;
  if (!existsSync(note)) {
    if (existsSync(outside)) {
      const aside = `${outside}.${Date.now()}`;
      renameSync(outside, aside);
      say(`a database of an earlier, deleted data directory was moved to ${aside}`);
    }
    writeFileSync(note, `${outside}\n`);
  }
  say(`user ${user?.name} cannot enter ${dirname(dataDir)}: the database lives in ${outside}`);
};

/** @param {PostgresOptions} options @returns {string[]} */
const serverArguments = ({ port, settings }) => {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    wal_level: 'logical',
    max_wal_senders: '20',
    max_replication_slots: '20',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
};

/**
 * Prepares the cluster and says how to run the server; the caller starts it (`startPostgres`, or a supervisor).
 * @param {PostgresOptions} options
 * @returns {Promise<{ spec: () => Promise<import('./child.mjs').ChildSpec>, address: PostgresAddress, dataDir: string }>}
 */
export const preparePostgres = async (options) => {
  const user = databaseUser();
  const binaries = postgresBinaries(user, options.say);
  mkdirSync(dirname(options.dataDir), { recursive: true, mode: 0o755 });
  const dataDir = reachablePlace(user, options.dataDir);
  if (dataDir !== options.dataDir) noteOutside(dataDir, options, user);
  if (existsSync(join(dataDir, 'PG_VERSION'))) {
    chmodSync(dataDir, 0o700);
  } else {
    options.say(`making a PostgreSQL cluster${user ? ` (it runs as user ${user.name})` : ''}`);
    await makeCluster(dataDir, binaries, options, user);
  }
  const address = {
    host: '127.0.0.1',
    port: options.port,
    user: 'postgres',
    password: options.password,
    database: 'postgres',
  };
  const spec = async () => {
    await clearStalePid(dataDir);
    return {
      name: 'postgres',
      command: join(binaries, 'bin/postgres'),
      args: ['-D', dataDir, ...serverArguments(options)],
      env: serverEnvironment(dataDir),
      cwd: '/',
      logFile: options.logFile,
      stopSignal: /** @type {const} */ ('SIGINT'), // fast shutdown: clients are disconnected, data is safe
      graceMs: 20_000,
      ...(user && { uid: user.uid, gid: user.gid }),
    };
  };
  return { spec, address, dataDir };
};

/** Waits until the server answers a query. @param {PostgresAddress} address @param {() => import('./child.mjs').Exit | undefined} exit @param {string} logFile */
export const postgresReady = async (address, exit, logFile) => {
  const wrongPassword = '28P01';
  const probe = () =>
    withPostgres(postgresUrl(address), async () => 'ready').catch((error) => {
      if (error.code === wrongPassword) return wrongPassword;
      throw error;
    });
  const failed = () => (exit() ? `it ended at once:\n${tailOf(logFile)}` : undefined);
  const answer = await waitFor(probe, { timeoutMs: 60_000, everyMs: 50, what: 'PostgreSQL', failed });
  if (answer === wrongPassword) {
    throw new UserError(
      'The password in secrets.json is not the one of the kept database. Restore that file, or set another SLUICE_DATA_DIR.',
    );
  }
};

/** @param {PostgresOptions} options */
export const startPostgres = async (options) => {
  const { spec, address, dataDir } = await preparePostgres(options);
  const child = startChild(await spec());
  try {
    await postgresReady(address, () => child.exit, options.logFile);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { child, address, url: postgresUrl(address), dataDir };
};
