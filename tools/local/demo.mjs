// @ts-check
/** `npm run demo`: the platform and the main job on real data; then it stays up (`-- --exit`, or CI: it ends). */
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { runMainJob } from './demo/main-job.mjs';
import { startPlatform } from './platform.mjs';
import { elapsed, runMain, say } from './say.mjs';
import { announce, stayUntil } from './start.mjs';
import { onStopSignal } from './stop-signals.mjs';

/** @param {import('./platform.mjs').Platform} platform @param {string} connectionId */
const hints = ({ url, dataDir }, connectionId) => {
  const local = JSON.stringify(join(dataDir, 'local.json'));
  const header = '-H "Authorization: Bearer $TOKEN" -H "X-Tenant-Id: $TENANT"';
  const lines = [
    'Try it from another terminal:',
    `  TOKEN=$(node -p 'require(${local}).token'); TENANT=$(node -p 'require(${local}).tenantId')`,
    `  curl -s ${header} ${url}/api/v1/sources`,
    `  curl -s ${header} -X POST ${url}/api/v1/syncs/connections/${connectionId}/trigger`,
    `  curl -s ${header} "${url}/api/v1/syncs?connectionId=${connectionId}"`,
  ];
  for (const line of lines) say(line);
};

await runMain(async () => {
  const leave = process.argv.includes('--exit') || Boolean(process.env.CI);
  const { signal, abort } = onStopSignal();
  const since = performance.now();
  await bootstrap();
  if (abort.aborted) return;
  const platform = await startPlatform({ signal: abort }).catch((error) => {
    if (!abort.aborted) throw error;
  });
  if (!platform) return say('stopped while starting');
  say(`the platform is ready after ${elapsed(since)}: ${platform.url}`);
  abort.addEventListener('abort', () => void platform.stop(), { once: true });
  try {
    const { connectionId } = await runMainJob(platform, say);
    say(`demo done in ${elapsed(since)}`);
    hints(platform, connectionId);
    if (!leave) {
      announce(platform);
      await stayUntil(platform, signal);
    }
  } catch (error) {
    if (!abort.aborted) throw error;
  } finally {
    await platform.stop();
  }
});
