/** Starts scheduled runs when they are due: one timer for all of them, however many. */
import type { Answer, Schedule } from '@sluice/messages';
import type { Logger } from '@sluice/service';
import { Heap } from './heap.js';
import { occurrencesOf, type Occurrences } from './occurrences.js';

export type Entry = Answer<'catalog.schedules.list'>[number];
/** 'later': it could not be asked for, try again soon. */
export type Started = 'started' | 'skipped' | 'gone' | 'later';

export interface ClockDeps {
  /** Asks for the run that is due at `dueAt`; twice for one time is started once. Never throws. */
  start(entry: Entry, dueAt: Date): Promise<Started>;
  /** Tells when the pipeline runs next. Never throws. */
  planned(pipelineId: string, nextRunAt: Date | null): Promise<void>;
  readonly logger: Pick<Logger, 'warn'>;
}

interface Planned {
  readonly entry: Entry;
  readonly occurrences: Occurrences;
  /** When the timer is to look at it; null while it is being started or when it never comes again. */
  at: number | null;
}

/** The clock may be set while a timer runs, so that no timer runs for long. */
const longestTimer = 30_000;
const againAfter = 5000;
/** Schedules that are planned in one go, before other work gets a turn. */
const chunk = 200;

export class Clock {
  readonly #plans = new Map<string, Planned>();
  readonly #heap = new Heap<Planned>();
  #timer: NodeJS.Timeout | undefined;
  #load = 0;
  constructor(private readonly deps: ClockDeps) {}

  get size(): number {
    return this.#plans.size;
  }

  /** Takes these schedules in place of all it had. Those that did not change go on undisturbed. */
  async load(entries: readonly Entry[]): Promise<void> {
    const load = ++this.#load;
    const wanted = new Set(entries.map(({ pipelineId }) => pipelineId));
    for (const id of this.#plans.keys()) if (!wanted.has(id)) this.#plans.delete(id);
    for (const [i, entry] of entries.entries()) {
      if (i % chunk === chunk - 1) await new Promise((resolve) => setImmediate(resolve));
      if (load !== this.#load) return;
      const known = this.#plans.get(entry.pipelineId);
      if (!known || !same(known.entry.schedule, entry.schedule)) this.#add(entry);
    }
    this.#arm();
  }

  stop(): void {
    this.#load++;
    this.#plans.clear();
    this.#heap.clear();
    clearTimeout(this.#timer);
  }

  #add(entry: Entry): void {
    try {
      const plan: Planned = { entry, occurrences: occurrencesOf(entry.schedule), at: null };
      this.#plans.set(entry.pipelineId, plan);
      // What fell due after the last start is caught up with once, however often it was missed.
      const since = Math.max(Date.parse(entry.createdAt), Date.parse(entry.lastDueAt ?? entry.createdAt));
      this.#plan(plan, new Date(since));
    } catch (error) {
      this.deps.logger.warn({ err: error, pipeline: entry.pipelineId }, 'a schedule cannot be understood');
    }
  }

  #plan(plan: Planned, since: Date): void {
    const next = plan.occurrences.after(since);
    plan.at = next?.getTime() ?? null;
    if (plan.at !== null) this.#heap.push(plan.at, plan);
    if (plan.at === null || plan.at > Date.now()) void this.deps.planned(plan.entry.pipelineId, next);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#heap.peek();
    if (next) this.#timer = setTimeout(() => this.#tick(), Math.min(Math.max(next.at - Date.now(), 0), longestTimer));
  }

  #tick(): void {
    const now = Date.now();
    for (let top = this.#heap.peek(); top && top.at <= now; top = this.#heap.peek()) {
      this.#heap.pop();
      const plan = top.value;
      // What was planned anew or dropped meanwhile is still in the heap under its old time.
      if (this.#plans.get(plan.entry.pipelineId) === plan && plan.at === top.at) void this.#fire(plan, new Date(now));
    }
    this.#arm();
  }

  async #fire(plan: Planned, now: Date): Promise<void> {
    plan.at = null;
    const due = plan.occurrences.upTo(now) ?? now;
    const outcome = await this.deps.start(plan.entry, due);
    if (this.#plans.get(plan.entry.pipelineId) !== plan) return;
    if (outcome === 'gone') this.#plans.delete(plan.entry.pipelineId);
    else if (outcome === 'later') this.#heap.push((plan.at = Date.now() + againAfter), plan);
    else this.#plan(plan, due);
    this.#arm();
  }
}

const same = (a: Schedule, b: Schedule): boolean =>
  a.cron === b.cron && (a.timezone ?? 'UTC') === (b.timezone ?? 'UTC');
