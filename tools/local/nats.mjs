// @ts-check
/** A nats-server of our own: JetStream on disk, every write synced, loopback only, with a user and a password. */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { root } from './paths.mjs';
import { startChild } from './child.mjs';
import { writePrivate } from './kept-secrets.mjs';
import { tailOf } from './log-files.mjs';
import { natsBinary } from './nats-binary.mjs';
import { authorization } from './nats-users.mjs';
import { waitFor } from './waiting.mjs';

/**
 * @typedef {object} NatsOptions
 * @property {string} dataDir of the streams and the configuration
 * @property {string} binDir of fetched binaries
 * @property {number} port
 * @property {string} [password] of user `sluice`, who may do everything: for tests
 * @property {Record<import('./nats-users.mjs').NatsUser, string>} [passwords] of one user per service
 * @property {string} logFile
 * @property {import('./say.mjs').Say} say
 * @property {AbortSignal | undefined} [signal] gives up fetching
 */

/** @param {NatsOptions} options @returns {string} */
const configuration = ({ dataDir, port, password, passwords }) =>
  [
    'listen: "127.0.0.1:' + port + '"',
    'server_name: sluice',
    'max_payload: 8MB',
    passwords
      ? authorization((user) => JSON.stringify(passwords[user]))
      : `authorization { user: sluice, password: ${JSON.stringify(password)} }`,
    `jetstream { store_dir: ${JSON.stringify(dataDir)}, sync_interval: always, max_memory_store: 256MB, max_file_store: 64GB }`,
    'lame_duck_duration: "30s"',
    '',
  ].join('\n');

/** @param {NatsOptions} options @param {import('./nats-users.mjs').NatsUser | 'sluice'} user */
export const natsUrl = ({ port, password = '', passwords }, user) =>
  `nats://${user}:${encodeURIComponent(user === 'sluice' || !passwords ? password : passwords[user])}@127.0.0.1:${port}`;

/**
 * Prepares the server and says how to run it.
 * @param {NatsOptions} options
 */
export const prepareNats = async (options) => {
  const { path, version } = await natsBinary(options.binDir, options.say, options.signal);
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const config = join(options.dataDir, 'nats.conf');
  writePrivate(config, configuration(options));
  /** @type {import('./child.mjs').ChildSpec} */
  const spec = {
    name: 'nats',
    command: path,
    args: ['--config', config],
    env: { PATH: process.env.PATH, TZ: 'UTC' },
    cwd: dirname(config),
    logFile: options.logFile,
    stopSignal: 'SIGTERM',
  };
  return {
    spec,
    path,
    version,
    url: natsUrl(options, options.passwords ? 'local' : 'sluice'),
  };
};

/**
 * Waits until the server answers and JetStream is there. Needs the installed NATS client.
 * @param {string} url @param {() => import('./child.mjs').Exit | undefined} exit @param {string} logFile
 * @param {number} [timeoutMs]
 */
export const natsReady = (url, exit, logFile, timeoutMs = 60_000) => {
  const { hostname, port, username, password } = new URL(url);
  const require = createRequire(join(root, 'package.json'));
  const { connect } = /** @type {typeof import('@nats-io/transport-node')} */ (require('@nats-io/transport-node'));
  const probe = async () => {
    const connection = await connect({
      servers: `${hostname}:${port || 4222}`,
      ...(username && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
      ...(/^\w+$/.test(username) && { inboxPrefix: `_INBOX.${username}` }), // the only inbox a service's user may read
      reconnect: false,
      timeout: 2000,
    });
    try {
      const { error } = (await connection.request('$JS.API.INFO', undefined, { timeout: 2000 })).json();
      if (error) throw new Error(`JetStream: ${error.description}`);
      return true;
    } finally {
      await connection.close();
    }
  };
  const failed = () => (exit() ? `it ended at once:\n${tailOf(logFile)}` : undefined);
  return waitFor(probe, { timeoutMs, everyMs: 50, what: 'NATS', failed });
};

/** @param {NatsOptions} options */
export const startNats = async (options) => {
  const { spec, url, path, version } = await prepareNats(options);
  const child = startChild(spec);
  try {
    await natsReady(url, () => child.exit, options.logFile);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { child, url, path, version };
};
