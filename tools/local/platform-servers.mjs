// @ts-check
/** The servers that the apps need: ours, or the user's own. */
import { join } from 'node:path';
import { rotatedLog } from './log-files.mjs';
import { natsReady, natsUrl, prepareNats } from './nats.mjs';
import { postgresReady, preparePostgres } from './postgres.mjs';
import { ensureDatabase, parsePostgresUrl, postgresUrl, withPostgres } from './postgres-client.mjs';
import { UserError } from './say.mjs';
import { waitFor } from './waiting.mjs';

const database = 'sluice';

/** How long servers that are not ours may take to answer. */
const externalLimitMs = 5000;

/**
 * @typedef {object} Context
 * @property {string} dataDir
 * @property {string} logDir
 * @property {import('./stack.mjs').Stack} stack
 * @property {import('./kept-secrets.mjs').Secrets} secrets
 * @property {import('./say.mjs').Say} say
 * @property {AbortSignal | undefined} [signal]
 */

/** @param {Context} context @param {string | undefined} external @param {number} port @param {string} binDir @returns {Promise<(name: import('./apps.mjs').AppName) => string>} the URL for each app */
export const provideNats = async ({ dataDir, logDir, stack, secrets, say, signal }, external, port, binDir) => {
  if (external) {
    const urlOf = (/** @type {string} */ name) => process.env[`SLUICE_NATS_URL_${name.toUpperCase()}`] || external;
    await natsReady(urlOf('catalog'), () => undefined, '', externalLimitMs).catch((error) => {
      throw new UserError(`SLUICE_NATS_URL: ${error instanceof Error ? error.message : error}`);
    });
    return urlOf;
  }
  const logFile = rotatedLog(logDir, 'nats');
  const options = {
    dataDir: join(dataDir, 'nats'),
    binDir,
    port,
    passwords: secrets.natsPasswords,
    logFile,
    say,
    signal,
  };
  const { spec, url, version } = await prepareNats(options);
  const supervisor = await stack.start({ name: 'nats', spec: () => spec, say });
  await natsReady(url, () => supervisor.exit, logFile);
  say(`nats-server ${version} on port ${port}`);
  return (name) => natsUrl(options, name);
};

/** @param {Context} context @param {string | undefined} external @param {number} port */
export const providePostgres = async ({ dataDir, logDir, stack, secrets, say, signal }, external, port) => {
  if (external) {
    const probe = () => withPostgres(external, async () => true);
    await waitFor(probe, { timeoutMs: externalLimitMs, what: 'PostgreSQL' }).catch((error) => {
      throw new UserError(`SLUICE_CATALOG_URL: ${error instanceof Error ? error.message : error}`);
    });
    const address = parsePostgresUrl(external);
    const ownServer = /^(?:%2f|$)/i.test(address.host) ? undefined : `${address.host}:${address.port}`; // not a socket's path
    return { url: external, address, ownServer };
  }
  const logFile = rotatedLog(logDir, 'postgres');
  const prepared = await preparePostgres({
    dataDir: join(dataDir, 'postgres'),
    port,
    password: secrets.postgresPassword,
    logFile,
    say,
    signal,
  });
  const supervisor = await stack.start({ name: 'postgres', spec: prepared.spec, say });
  await postgresReady(prepared.address, () => supervisor.exit, logFile);
  await ensureDatabase(postgresUrl(prepared.address), database);
  say(`PostgreSQL on port ${port}`);
  const address = { ...prepared.address, database };
  return { url: postgresUrl(address), address, ownServer: undefined };
};
