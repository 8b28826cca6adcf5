// @ts-check
/** `npm run demo`: the platform and the main job on real data; then it stays up (`-- --exit`, or CI: it ends). */
import { join } from 'node:path';
import { commandLine } from './command-line.mjs';
import { runMainJob } from './demo/main-job.mjs';
import { elapsed, runMain, say } from './say.mjs';
import { announce, launch, stopPlatform } from './start.mjs';
import { onStopSignal } from './stop-signals.mjs';

const usage = `
usage: npm run demo [-- --exit]

Starts Sluice as npm start does, loads the cities of the world into one PostgreSQL database, syncs them to another over
the REST API, compares every value, and stays up until Ctrl-C.

  --exit   stop when the comparison is done; so it is when CI is set
`;

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
  const leave = commandLine(usage, { exit: { type: 'boolean' } }).exit || Boolean(process.env.CI);
  const { signal, abort } = onStopSignal();
  const since = performance.now();
  const platform = await launch(abort);
  if (!platform) return;
  say(`the platform is ready after ${elapsed(since)}: ${platform.url}`);
  const job = runMainJob(platform, say);
  const done = await Promise.race([job, signal]).catch(async (error) => {
    await platform.stop();
    throw error;
  });
  if (typeof done === 'string') {
    job.catch(() => undefined); // the stop takes its platform away
    return stopPlatform(platform, done);
  }
  say(`demo done in ${elapsed(since)}`);
  if (leave) {
    await stopPlatform(platform);
    return say(`The data stays in ${platform.dataDir}; npm start finds it again.`);
  }
  hints(platform, done.connectionId);
  announce(platform);
  await stopPlatform(platform, await signal);
});
