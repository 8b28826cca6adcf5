// @ts-check
/** Waiting for something to become true, with a limit. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until `probe` answers something other than undefined.
 * @template T
 * @param {() => Promise<T | undefined> | T | undefined} probe a rejection counts as "not yet"
 * @param {{ timeoutMs: number, everyMs?: number, what: string, failed?: () => string | undefined }} options
 *   `failed` ends the wait early with its text
 * @returns {Promise<T>}
 */
export const waitFor = async (probe, { timeoutMs, everyMs = 100, what, failed }) => {
  const end = Date.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    const failure = failed?.();
    if (failure) throw new Error(`${what}: ${failure}`);
    if (Date.now() > end) throw new Error(`${what}: not ready after ${timeoutMs / 1000} s${last ? ` (${last})` : ''}`);
    await sleep(everyMs);
  }
};

/**
 * @template T
 * @param {Promise<T>} promise @param {number} ms
 * @returns {Promise<T | undefined>} undefined when the time is over first
 */
export const within = async (promise, ms) => {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
};
