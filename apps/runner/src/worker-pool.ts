/** Workers that stand by with their plugins imported: a run that comes pays for no process start and no import. */
import type { Logger } from '@sluice/service';
import { pause } from '@sluice/engine';
import { WorkerProcess, type WorkerOptions } from './worker-process.js';

export interface PoolOptions extends WorkerOptions {
  /** How many stand by. */
  readonly warm: number;
  readonly logger: Pick<Logger, 'warn'>;
}
/** Connector types of recent work that new workers load ahead; beyond these the oldest is forgotten. */
const remembered = 8;
/** Milliseconds before a taken worker is replaced: the run that took it has the processor first, for longer while another stands by. */
const refillAfter = 500;
const refillWithin = 10_000;

export class WorkerPool implements AsyncDisposable {
  readonly #idle = new Set<WorkerProcess>();
  readonly #taken = new Set<WorkerProcess>();
  readonly #stop = new AbortController();
  #recent: readonly string[] = [];
  #filling: Promise<void> | undefined;
  /** The last worker that was started did start. */
  #starts = false;
  /** Milliseconds on the monotonic clock: when a worker was last taken. */
  #lastTaken = 0;

  constructor(private readonly options: PoolOptions) {
    this.#refill(0);
  }

  /** Workers at work, for the metrics. */
  get taken(): ReadonlySet<WorkerProcess> {
    return this.#taken;
  }
  /** Throws until a first worker stands by, and while workers do not start. That one is just being replaced is no reason. */
  requireWarm(): void {
    if (this.options.warm > 0 && !this.#starts) throw new Error('no worker is ready');
  }

  /** A warm worker, or a new one when none stands by. It belongs to the caller, who disposes of it: one piece of work each. */
  take(types: readonly string[]): WorkerProcess {
    this.#recent = [...new Set([...types, ...this.#recent])].slice(0, remembered);
    const warm = [...this.#idle].find(({ dead }) => !dead);
    const worker = warm ?? new WorkerProcess(this.options);
    this.#idle.delete(worker);
    this.#taken.add(worker);
    this.#lastTaken = performance.now();
    worker.onExit = () => void this.#taken.delete(worker);
    this.#refill(refillAfter);
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#filling;
    await Promise.all([...this.#idle, ...this.#taken].map((worker) => worker[Symbol.asyncDispose]()));
  }

  #refill(wait: number): void {
    this.#filling ??= this.#fill(wait).finally(() => {
      this.#filling = undefined;
      if (this.#idle.size < this.options.warm && !this.#stop.signal.aborted) this.#refill(refillAfter);
    });
  }

  /** Starts workers one after the other until enough stand by; a start that fails is tried again, ever more slowly. */
  async #fill(wait: number): Promise<void> {
    const { signal } = this.#stop;
    let delay = wait;
    while (!signal.aborted && this.#idle.size < this.options.warm) {
      await pause(delay, signal);
      while (this.#canWait() && !signal.aborted) await pause(refillAfter, signal);
      if (signal.aborted) return;
      delay = (await this.#startOne()) ? 0 : Math.min(30_000, Math.max(500, delay * 2));
    }
  }

  #canWait(): boolean {
    return this.#idle.size > 0 && this.#taken.size > 0 && performance.now() - this.#lastTaken < refillWithin;
  }

  async #startOne(): Promise<boolean> {
    const worker = new WorkerProcess(this.options);
    this.#taken.add(worker); // so that a stop in mid start ends it too
    try {
      await worker.ask('preload', { types: this.#recent });
      this.#idle.add(worker);
      this.#starts = true;
      worker.onExit = () => {
        this.#idle.delete(worker);
        this.#refill(refillAfter);
      };
      return true;
    } catch (error) {
      this.#starts = this.#stop.signal.aborted;
      this.options.logger.warn({ err: error }, 'a worker did not start');
      await worker[Symbol.asyncDispose]();
      return false;
    } finally {
      this.#taken.delete(worker);
    }
  }
}
