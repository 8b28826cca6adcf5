// @ts-check
/** Keeps one process running: starts it again after a crash, later and later while it keeps crashing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeExit, startChild } from './child.mjs';

const steadyAfterMs = 30_000;
const longestPauseMs = 30_000;

/** @param {number} crashes in a row @returns {number} milliseconds before the next start */
export const pauseAfter = (crashes) => Math.min(500 * 2 ** Math.max(0, crashes - 1), longestPauseMs);

/**
 * @typedef {object} SupervisorOptions
 * @property {string} name
 * @property {() => Promise<import('./child.mjs').ChildSpec> | import('./child.mjs').ChildSpec} spec asked before each start
 * @property {import('./say.mjs').Say} say
 * @property {(child: import('./child.mjs').RunningChild, spec: import('./child.mjs').ChildSpec) => void} [onStart]
 * @property {(name: string) => void} [onStop] when it has ended and is not started again
 */

/** One supervised process. Until `settle` is called a crash is final, so that a start that cannot work fails at once. */
export class Supervisor {
  /** @type {string} */ name;
  /** @type {SupervisorOptions} */ #options;
  /** @type {import('./child.mjs').RunningChild | undefined} */ #child;
  /** @type {Promise<void> | undefined} */ #watching;
  #ending = new AbortController();
  #settled = false;

  /** @param {SupervisorOptions} options */
  constructor(options) {
    this.name = options.name;
    this.#options = options;
  }

  /** Process id of the present incarnation; undefined while it is down. */
  get pid() {
    return this.#child && !this.#child.exit ? this.#child.pid : undefined;
  }

  /** How the present incarnation ended, if it has. */
  get exit() {
    return this.#child?.exit;
  }

  async start() {
    await this.#launch();
    this.#watching = this.#watch();
  }

  /** From now on a crash is followed by a new start. */
  settle() {
    this.#settled = true;
  }

  async stop() {
    this.#ending.abort();
    await this.#child?.stop();
    await this.#watching;
    this.#options.onStop?.(this.name);
  }

  async #launch() {
    const spec = await this.#options.spec();
    if (this.#ending.signal.aborted) return;
    this.#child = startChild(spec);
    this.#options.onStart?.(this.#child, spec);
  }

  async #watch() {
    let crashes = 0;
    while (this.#child) {
      const since = Date.now();
      const exit = await this.#child.exited;
      if (this.#ending.signal.aborted || !this.#settled) return;
      await this.#child.stop(); // what is left of its group
      crashes = Date.now() - since > steadyAfterMs ? 1 : crashes + 1;
      const pause = pauseAfter(crashes);
      this.#options.say(`${this.name} ended (${describeExit(exit)}); starting it again in ${pause / 1000} s`);
      await sleep(pause, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      if (this.#ending.signal.aborted) return;
      await this.#launch().catch((error) =>
        this.#options.say(`${this.name}: ${error instanceof Error ? error.message : error}`),
      );
    }
  }
}
