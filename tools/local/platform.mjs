// @ts-check
/** The whole platform on this machine: nats-server, PostgreSQL and the four apps, each a supervised process. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { appEnvironment, appMain, appNames, errorIn } from './apps.mjs';
import { describeExit } from './child.mjs';
import { adminToken } from './jwt.mjs';
import { keptSecrets, writePrivate } from './kept-secrets.mjs';
import { rotatedLog, tailOf } from './log-files.mjs';
import { binDirectory, dataDirectory, root } from './paths.mjs';
import { provideNats, providePostgres } from './platform-servers.mjs';
import { stablePort } from './ports.mjs';
import { portFrom, requirePort } from './preflight.mjs';
import { takeDirectory } from './run-state.mjs';
import { UserError, say as sayToConsole } from './say.mjs';
import { Stack } from './stack.mjs';
import { waitFor } from './waiting.mjs';

/**
 * @typedef {object} PlatformOptions
 * @property {string} [dataDir] default `SLUICE_DATA_DIR` or `.sluice`
 * @property {number} [port] of the gateway; 0 for any free one; default `SLUICE_PORT` or 8080
 * @property {string} [catalogUrl] an external PostgreSQL database; default `SLUICE_CATALOG_URL`, else ours
 * @property {string} [natsUrl] an external NATS; default `SLUICE_NATS_URL`, else ours
 * @property {string} [binDir] of fetched binaries; default `bin` in the data directory
 * @property {string} [logLevel] default `LOG_LEVEL` or info
 * @property {Record<string, string>} [env] for every app, on top
 * @property {string} [appsDir] default `apps` of the workspace
 * @property {AbortSignal} [signal] gives up while starting; what has been started is stopped
 * @property {import('./say.mjs').Say} [say]
 */
/** @typedef {{ name: string, readonly pid: number | undefined }} PlatformProcess */
/**
 * @typedef {object} Platform
 * @property {string} url
 * @property {string} tenantId
 * @property {string} token
 * @property {string} apiKey
 * @property {import('./postgres-client.mjs').PostgresAddress} postgres of the catalog's database
 * @property {string} dataDir
 * @property {Record<string, PlatformProcess>} processes by name; a process that was killed is started again under a new pid
 * @property {() => Promise<void>} stop
 */

/** @param {string} appsDir */
const requireApps = (appsDir) => {
  const missing = appNames.map((name) => appMain(name, { appsDir })).filter((file) => !existsSync(file));
  if (missing.length > 0) throw new UserError(`${missing.join(', ')} missing: build first (npm run build)`);
};

/** @param {string} file @returns {Record<string, number>} */
const keptPorts = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});

/** @typedef {import('./platform-servers.mjs').Context} Context */

/** @param {Context} context @param {import('./apps.mjs').AppName} name @param {import('./apps.mjs').AppSettings} settings */
const startApp = async ({ stack, logDir, say }, name, settings) => {
  const main = appMain(name, settings);
  const logFile = rotatedLog(logDir, name);
  const onLine = (/** @type {string} */ line) => {
    const error = errorIn(line);
    if (error) say(`[${name}] ${error}`);
  };
  const spec = () => ({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', main],
    env: appEnvironment(name, settings),
    cwd: root,
    logFile,
    onLine,
  });
  const supervisor = await stack.start({ name, spec, say });
  const port = name === 'gateway' ? settings.port : settings.healthPorts[name];
  const failed = () =>
    supervisor.exit ? `it ended (${describeExit(supervisor.exit)}):\n${tailOf(logFile)}` : undefined;
  const probe = async () =>
    (await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) })).ok ? true : undefined;
  await waitFor(probe, { timeoutMs: 120_000, what: `${name} (log: ${logFile})`, failed });
};

/** What the catalog wrote at its first start. @param {string} file @returns {{ tenantId: string, apiKey: string }} */
const readBootstrap = (file) => {
  if (!existsSync(file)) throw new Error(`the catalog did not write ${file}`);
  return JSON.parse(readFileSync(file, 'utf8'));
};

/**
 * Starts everything and waits until it is ready.
 * @param {PlatformOptions} [options]
 * @returns {Promise<Platform>}
 */
export const startPlatform = async (options = {}) => {
  const say = options.say ?? sayToConsole;
  const dataDir = resolve(options.dataDir ?? dataDirectory());
  const wantedPort = options.port ?? portFrom();
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const state = await takeDirectory(dataDir, say);
  const stack = new Stack(state);
  options.signal?.addEventListener('abort', () => void stack.stop(), { once: true });
  try {
    await requirePort(wantedPort);
    const appsDir = options.appsDir ?? join(root, 'apps');
    requireApps(appsDir);
    const context = {
      dataDir,
      logDir: join(dataDir, 'logs'),
      stack,
      secrets: keptSecrets(dataDir),
      say,
      signal: options.signal,
    };
    const ports = await choosePorts(dataDir, wantedPort);
    const [natsUrl, postgres] = await settleAll([
      provideNats(
        context,
        options.natsUrl ?? process.env.SLUICE_NATS_URL,
        ports.nats,
        options.binDir ?? binDirectory(dataDir),
      ),
      providePostgres(context, options.catalogUrl ?? process.env.SLUICE_CATALOG_URL, ports.postgres),
    ]);
    const settings = {
      appsDir,
      dataDir,
      catalogUrl: postgres.url,
      natsUrl,
      // Our own Postgres stays open: its user has the password in local.json, for tables of his own.
      ownServers: postgres.ownServer,
      port: ports.gateway,
      healthPorts: ports,
      keyring: context.secrets.keyring,
      jwtSecret: context.secrets.jwtSecret,
      bootstrapFile: join(dataDir, 'bootstrap.json'),
      logLevel: options.logLevel ?? process.env.LOG_LEVEL ?? 'info',
      extra: options.env ?? {},
    };
    say('starting catalog, scheduler, runner and gateway');
    await startApp(context, 'catalog', settings); // it makes the tables, the first tenant and its key
    await settleAll(appNames.filter((name) => name !== 'catalog').map((name) => startApp(context, name, settings)));
    options.signal?.throwIfAborted();
    stack.settle();
    return describePlatform(context, settings, postgres.address);
  } catch (error) {
    await stack.stop();
    throw error;
  }
};

/** Fails with the first failure, but only when all have come to an end, so that nothing starts behind a stop. @template {readonly unknown[]} T @param {T} work @returns {Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>} */
const settleAll = async (work) => {
  await Promise.allSettled(work);
  return Promise.all(work);
};

/** Ports of the servers and health endpoints stay the same over restarts while they are free. @param {string} dataDir @param {number} gateway */
const choosePorts = async (dataDir, gateway) => {
  const file = join(dataDir, 'ports.json');
  const kept = keptPorts(file);
  const ports = { nats: 0, postgres: 0, catalog: 0, scheduler: 0, runner: 0, gateway };
  for (const [name, chosen] of /** @type {[keyof typeof ports, number][]} */ (Object.entries(ports)))
    if (!chosen) ports[name] = await stablePort(kept[name], Object.values(ports));
  writePrivate(file, `${JSON.stringify(ports)}\n`);
  return ports;
};

/** @param {Context} context @param {import('./apps.mjs').AppSettings} settings @param {import('./postgres-client.mjs').PostgresAddress} postgres @returns {Platform} */
const describePlatform = ({ dataDir, secrets, stack }, settings, postgres) => {
  const { tenantId, apiKey } = readBootstrap(settings.bootstrapFile);
  const url = `http://127.0.0.1:${settings.port}`;
  const token = adminToken(tenantId, secrets.jwtSecret);
  writePrivate(join(dataDir, 'local.json'), `${JSON.stringify({ url, tenantId, token, apiKey, postgres }, null, 2)}\n`);
  const processes = Object.fromEntries(stack.supervisors.map((supervisor) => [supervisor.name, supervisor]));
  return { url, tenantId, token, apiKey, postgres, dataDir, processes, stop: () => stack.stop() };
};
