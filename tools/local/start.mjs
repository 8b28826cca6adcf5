// @ts-check
/** `npm start`: the platform on this machine, until Ctrl-C. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { startPlatform } from './platform.mjs';
import { elapsed, runMain, say } from './say.mjs';
import { onStopSignal } from './stop-signals.mjs';

export { startPlatform };

/** @param {import('./platform.mjs').Platform} platform */
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

/**
 * @param {{ stop: () => Promise<void> }} platform @param {Promise<NodeJS.Signals>} signal
 */
export const stayUntil = async (platform, signal) => {
  const name = await signal;
  say(`stopping (${name})`);
  const since = performance.now();
  await platform.stop();
  say(`stopped in ${elapsed(since)}`);
};

const isMain = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isMain) {
  await runMain(async () => {
    const { signal, abort } = onStopSignal();
    const since = performance.now();
    await bootstrap();
    if (abort.aborted) return;
    const platform = await startPlatform({ signal: abort }).catch((error) => {
      if (!abort.aborted) throw error;
    });
    if (!platform) return say('stopped while starting');
    say(`ready in ${elapsed(since)}`);
    announce(platform);
    await stayUntil(platform, signal);
  });
}
