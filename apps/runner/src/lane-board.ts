/** What is left to do of a run, handed out lane by lane; a stream that was cut comes back as its parts, then to be published. */
import type { LanePlan } from '@sluice/engine';
import type { LaneAnswer, LaneTask } from './worker/protocol.js';

/** Bytes, as the source guesses: below, several connections to one table cost more than they give. */
const worthCutting = 32 * 1024 * 1024;

export class LaneBoard {
  #queue: LaneTask[];
  /** Parts that are not yet done, by lane. */
  readonly #parts = new Map<string, Set<string>>();
  #running = 0;
  #closed = false;
  #wake: (() => void)[] = [];

  constructor(
    plans: readonly LanePlan[],
    private readonly parallelism: number,
  ) {
    // The longest first, or the last worker would have the longest all by itself.
    const ordered = parallelism > 1 ? [...plans].sort((a, b) => bytesOf(b) - bytesOf(a)) : plans;
    this.#queue = ordered.map((plan) => ({ plan, parts: bytesOf(plan) >= worthCutting ? parallelism : 1 }));
  }

  /** How many can work at once. */
  get width(): number {
    const wanted = this.#queue.reduce((sum, { parts }) => sum + (parts ?? 1), 0);
    return Math.max(1, Math.min(this.parallelism, wanted));
  }

  /** The next task; waits while one that is running may still bring others. undefined: nothing will come any more. */
  async next(): Promise<LaneTask | undefined> {
    while (this.#queue.length === 0 && this.#running > 0)
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    const task = this.#queue.shift();
    if (task !== undefined) this.#running++;
    return task;
  }

  /** `answer` undefined: its worker is gone, and with it the run. */
  ended(task: LaneTask, answer: LaneAnswer | undefined): void {
    this.#running--;
    if (this.#closed) return this.#wakeAll();
    if (answer?.status === 'split') this.#cut(task, answer.parts);
    else if (task.part !== undefined) this.#partEnded(task, task.part, answer);
    this.#wakeAll();
  }

  /** Nothing more is handed out. */
  clear(): void {
    this.#closed = true;
    this.#queue = [];
    this.#wakeAll();
  }

  #cut({ plan }: LaneTask, parts: (LaneAnswer & { status: 'split' })['parts']): void {
    this.#parts.set(plan.id, new Set(parts.map(({ name }) => name)));
    const tasks = parts.map(({ name, part }) => ({
      plan: { ...plan, request: { ...plan.request, part } },
      part: name,
    }));
    this.#queue.unshift(...tasks);
  }

  #partEnded({ plan }: LaneTask, part: string, answer: LaneAnswer | undefined): void {
    const left = this.#parts.get(plan.id);
    if (answer?.status !== 'done' && answer?.status !== 'already-done') {
      this.#queue = this.#queue.filter((other) => other.plan.id !== plan.id);
      return;
    }
    left?.delete(part);
    if (left?.size !== 0) return;
    const { part: _, ...request } = plan.request;
    this.#queue.unshift({ plan: { ...plan, request }, publish: true });
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
const bytesOf = ({ request }: LanePlan): number => request.stream.estimate?.bytes ?? 0;
