// @ts-check
/** Throw-away servers for tests: own data directories, free ports, all gone at the end. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { binDirectory } from './paths.mjs';
import { startMariadb } from './mariadb.mjs';
import { startNats } from './nats.mjs';
import { freePort } from './ports.mjs';
import { startPostgres } from './postgres.mjs';
import { isAlive } from './process-identity.mjs';
import { endStale, readState, takeDirectory } from './run-state.mjs';

/** @typedef {'postgres' | 'mariadb' | 'nats'} ServerName */
/** @type {readonly ServerName[]} */
export const serverNames = ['postgres', 'mariadb', 'nats'];

const prefix = 'sluice-servers-';

/** Settings that make tests quick and crashes of the machine unsafe: never for anything that measures durability. */
const withoutSync = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * @typedef {object} TestServers
 * @property {Record<string, string>} env `SLUICE_TEST_POSTGRES_URL` (superuser), `SLUICE_TEST_MARIADB_URL`, `SLUICE_TEST_NATS_URL`,
 *   and `SLUICE_NATS_SERVER`, so that a platform started by a test fetches nothing
 * @property {() => Promise<void>} stop
 */

/** Removes what earlier owners that were killed left behind. @param {import('./say.mjs').Say} say */
const sweep = async (say) => {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const directory = join(tmpdir(), name);
    const state = readState(join(directory, 'running.json'));
    if (!state || isAlive(state.owner.pid, state.owner.mark)) continue;
    await endStale(state.children, say);
    rmSync(directory, { recursive: true, force: true });
  }
};

/**
 * @param {ServerName[]} names
 * @param {{ say: import('./say.mjs').Say, fsync?: boolean, binDir?: string, signal?: AbortSignal }} options fsync off is for unit
 *   tests only; `signal` gives up fetching
 * @returns {Promise<TestServers>}
 */
export const startServers = async (names, { say, fsync = true, binDir = binDirectory(), signal }) => {
  await sweep(say);
  const directory = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(directory, 0o755); // the database user passes through
  const state = await takeDirectory(directory, say);
  /** @type {Record<string, string>} */
  const env = {};
  /** @type {Array<import('./child.mjs').RunningChild>} */
  const children = [];
  /** @type {string[]} */
  const outside = [];
  const common = async (/** @type {ServerName} */ name) => ({
    dataDir: join(directory, name),
    binDir,
    port: await freePort(),
    password: randomBytes(18).toString('base64url'),
    logFile: join(directory, `${name}.log`),
    say,
    signal,
  });
  const keep = (/** @type {import('./child.mjs').RunningChild} */ child, /** @type {NodeJS.Signals} */ signal) => {
    children.push(child);
    state.add(child.name, child.pid, signal);
  };
  const starters = {
    postgres: async () => {
      const server = await startPostgres({ ...(await common('postgres')), settings: fsync ? {} : withoutSync });
      keep(server.child, 'SIGINT');
      env.SLUICE_TEST_POSTGRES_URL = server.url;
      if (!server.dataDir.startsWith(directory)) outside.push(dirname(server.dataDir)); // the temporary folder is closed to the database user
    },
    mariadb: async () => {
      const server = await startMariadb(await common('mariadb'));
      keep(server.child, 'SIGTERM');
      env.SLUICE_TEST_MARIADB_URL = server.url;
    },
    nats: async () => {
      const server = await startNats(await common('nats'));
      keep(server.child, 'SIGTERM');
      env.SLUICE_TEST_NATS_URL = server.url;
      env.SLUICE_NATS_SERVER = server.path;
    },
  };
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
    state.release();
    for (const path of [directory, ...outside]) rmSync(path, { recursive: true, force: true });
  };
  const started = await Promise.allSettled(names.map((name) => starters[name]()));
  const failure = started.find((result) => result.status === 'rejected');
  if (failure) {
    await stop();
    throw failure.reason;
  }
  return { env, stop };
};
