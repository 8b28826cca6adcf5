// @ts-check
/** `npm start`: the platform on this machine, until Ctrl-C. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { bootstrap, checkNode } from './bootstrap.mjs';
import { commandLine } from './command-line.mjs';
import { startPlatform } from './platform.mjs';
import { requireStartable } from './preflight.mjs';
import { elapsed, runMain, say } from './say.mjs';
import { onStopSignal } from './stop-signals.mjs';

export { startPlatform };

const usage = `
usage: npm start

Starts Sluice on this machine: nats-server, PostgreSQL, catalog, scheduler, runner and gateway. What is missing is
installed, built or fetched first. Prints the addresses and a token, and keeps them in .sluice/local.json.
Ctrl-C stops everything; the data stays.

  SLUICE_PORT=8081       port of the API and of Swagger UI, default 8080
  SLUICE_DATA_DIR=path   where data, keys and logs are kept, default .sluice
  docs/configuration.md  has the other settings
`;

/**
 * From a checkout to a running platform.
 * @param {AbortSignal} abort
 * @returns {Promise<import('./platform.mjs').Platform | undefined>} undefined when it was stopped meanwhile; nothing is then left running
 */
export const launch = async (abort) => {
  try {
    checkNode();
    await requireStartable();
    await bootstrap({ signal: abort });
    return await startPlatform({ signal: abort });
  } catch (error) {
    if (!abort.aborted) throw error;
    say('stopped while starting');
    return undefined;
  }
};

/** Says where everything is: the one place where the token is shown. @param {import('./platform.mjs').Platform} platform */
export const announce = ({ url, token, tenantId, dataDir }) => {
  const lines = [
    '',
    `  API         ${url}/api/v1`,
    `  Swagger UI  ${url}/docs`,
    `  Tenant      ${tenantId}`,
    `  Token       ${token}`,
    `  Kept in     ${join(dataDir, 'local.json')}`,
    '',
    '  Ctrl-C stops everything; the data stays.',
    '',
  ];
  for (const line of lines) say(line);
};

/** @param {{ stop: () => Promise<void> }} platform @param {NodeJS.Signals} [why] */
export const stopPlatform = async (platform, why) => {
  say(why ? `stopping (${why})` : 'stopping');
  const since = performance.now();
  await platform.stop();
  say(`stopped in ${elapsed(since)}`);
};

const isMain = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isMain) {
  await runMain(async () => {
    commandLine(usage);
    const { signal, abort } = onStopSignal();
    const since = performance.now();
    const platform = await launch(abort);
    if (!platform) return;
    say(`ready in ${elapsed(since)}`);
    announce(platform);
    await stopPlatform(platform, await signal);
  });
}
