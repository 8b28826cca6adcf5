// @ts-check
/**
 * Runs the platform for another process, which speaks to it over IPC: `{ start }` is answered with `{ ready }` or `{ failed }`,
 * `{ pids }` with `{ pids }`; `{ stop }`, or the end of that process, stops everything.
 */
import { startPlatform } from './platform.mjs';
import { binDirectory } from './paths.mjs';
import { onStopSignal } from './stop-signals.mjs';

const { signal, abort } = onStopSignal();
/** @type {import('./platform.mjs').Platform | undefined} */
let platform;
const stopping = new AbortController();
abort.addEventListener('abort', () => stopping.abort());

/** @param {unknown} message */
const answer = (message) => {
  if (process.connected) process.send?.(message);
};

/** @param {import('./platform.mjs').PlatformOptions} options */
const start = async (options) => {
  const say = (/** @type {string} */ line) => void (/ended|\[\w+\]/.test(line) && process.stdout.write(`${line}\n`));
  try {
    platform = await startPlatform({ port: 0, binDir: binDirectory(), ...options, say, signal: stopping.signal });
    const { url, tenantId, token, apiKey, postgres, dataDir } = platform;
    answer({ ready: { url, tenantId, token, apiKey, postgres, dataDir } });
  } catch (error) {
    answer({ failed: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
};

const stop = async () => {
  stopping.abort();
  await platform?.stop();
  process.exit(0);
};

process.on(
  'message',
  (/** @type {{ start?: import('./platform.mjs').PlatformOptions, pids?: true, stop?: true }} */ message) => {
    if (message.start) void start(message.start);
    if (message.pids) {
      answer({
        pids: Object.fromEntries(Object.values(platform?.processes ?? {}).map(({ name, pid }) => [name, pid])),
      });
    }
    if (message.stop) void stop();
  },
);
process.on('disconnect', () => void stop());
void signal.then(stop);
