/** What is left to do of a run, handed out lane by lane; a stream that was cut comes back as its parts, then to be published. */
import type { LanePlan, MostParts, PartCounts } from '@sluice/engine';
import type { LaneAnswer, LaneTask } from './worker/protocol.js';

/** Bytes, as the source guesses: below, several connections to one table cost more than they give. */
const worthCutting = 32 * 1024 * 1024;

/** How many lanes of a run work at once, and into how many parts one stream is cut at the most. */
export interface Parallelism {
  readonly lanes: number;
  readonly parts: MostParts;
}

export class LaneBoard {
  #queue: LaneTask[];
  /** Parts that are not yet done, by lane. */
  readonly #parts = new Map<string, Set<string>>();
  /** What parts that are done have committed, by lane. */
  readonly #committed = new Map<string, PartCounts>();
  /** Tasks in hand, by lane. */
  readonly #inHand = new Map<string, number>();
  /** Lanes whose parts were lost: to be started over once none of them is in hand. */
  readonly #lost = new Set<string>();
  #running = 0;
  #closed = false;
  #wake: (() => void)[] = [];

  constructor(
    plans: readonly LanePlan[],
    private readonly parallelism: Parallelism,
  ) {
    // The longest first, or the last worker would have the longest all by itself.
    const ordered = parallelism.lanes > 1 ? [...plans].sort((a, b) => bytesOf(b) - bytesOf(a)) : plans;
    this.#queue = ordered.map((plan) => this.#whole(plan));
  }

  /** How many workers have something to do; a stream that is cut makes it more. */
  get width(): number {
    return Math.max(1, Math.min(this.parallelism.lanes, this.#running + this.#queue.length));
  }

  /** The next task; waits while one that is running may still bring others. undefined: nothing will come any more. */
  async next(): Promise<LaneTask | undefined> {
    while (this.#queue.length === 0 && this.#running > 0)
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    const task = this.#queue.shift();
    if (task === undefined) return undefined;
    this.#running++;
    this.#hold(task, 1);
    return task;
  }

  /** `answer` undefined: its worker is gone, and with it the run. */
  ended(task: LaneTask, answer: LaneAnswer | undefined): void {
    this.#running--;
    const inHand = this.#hold(task, -1);
    if (this.#closed) return this.#wakeAll();
    if (answer?.status === 'split') this.#cut(task, answer);
    else if (answer?.status === 'lost') this.#lose(task);
    else if (task.part !== undefined) this.#partEnded(task, task.part, answer);
    if (inHand === 0 && this.#lost.delete(task.plan.id)) this.#startOver(task);
    this.#wakeAll();
  }

  /** Nothing more is handed out. */
  clear(): void {
    this.#closed = true;
    this.#queue = [];
    this.#wakeAll();
  }

  #hold({ plan }: LaneTask, more: 1 | -1): number {
    const count = (this.#inHand.get(plan.id) ?? 0) + more;
    this.#inHand.set(plan.id, count);
    return count;
  }

  #cut({ plan }: LaneTask, { parts, startedOver }: LaneAnswer & { status: 'split' }): void {
    this.#parts.set(plan.id, new Set(parts.map(({ name }) => name)));
    this.#committed.set(plan.id, { rowsWritten: 0, bytes: 0 });
    const tasks = parts.map(({ name, part }) => ({
      plan: { ...plan, request: { ...plan.request, part } },
      part: name,
      ...(startedOver && { startOver: 'never' as const }),
    }));
    this.#queue.unshift(...tasks);
  }

  #partEnded({ plan, startOver }: LaneTask, part: string, answer: LaneAnswer | undefined): void {
    const left = this.#parts.get(plan.id);
    if (answer?.status === 'stopped' && this.#lost.has(plan.id)) return; // told to give up
    if (answer?.status !== 'done' && answer?.status !== 'already-done') {
      this.#dismiss(plan);
      this.#lost.delete(plan.id); // the stream has failed: a later attempt may start it over
      this.#parts.delete(plan.id);
      return;
    }
    left?.delete(part);
    const ofParts = this.#count(plan, answer.counts);
    if (left?.size !== 0) return;
    this.#queue.unshift({ plan: wholeOf(plan), publish: true, ofParts, ...(startOver && { startOver }) });
  }

  #count({ id }: LanePlan, { rowsWritten, bytes }: PartCounts): PartCounts {
    const before = this.#committed.get(id) ?? { rowsWritten: 0, bytes: 0 };
    const now = { rowsWritten: before.rowsWritten + rowsWritten, bytes: before.bytes + bytes };
    this.#committed.set(id, now);
    return now;
  }

  #lose({ plan }: LaneTask): void {
    this.#dismiss(plan);
    if (this.#parts.has(plan.id)) this.#lost.add(plan.id);
  }

  #startOver({ plan }: LaneTask): void {
    this.#parts.delete(plan.id);
    this.#queue.unshift({ ...this.#whole(wholeOf(plan)), startOver: 'now' });
  }

  #whole(plan: LanePlan): LaneTask {
    return bytesOf(plan) >= worthCutting ? { plan, parts: this.parallelism.parts } : { plan };
  }

  #dismiss({ id }: LanePlan): void {
    this.#queue = this.#queue.filter(({ plan }) => plan.id !== id);
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
const bytesOf = ({ request }: LanePlan): number => request.stream.estimate?.bytes ?? 0;
const wholeOf = ({ request: { part: _, ...request }, ...plan }: LanePlan): LanePlan => ({ ...plan, request });
