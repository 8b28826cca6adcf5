/** One attempt of a run, from the assignment to the last word. The work itself is done in worker processes. */
import { reportError, runOutcome, tellStartOver, type ErrorReport, type LostPosition } from '@sluice/engine';
import type { Assignment, Counts, JsonObject, Outcome } from '@sluice/messages';
import type { Logger } from '@sluice/service';
import { LaneBoard, type Parallelism } from './lane-board.js';
import type { RunEvents } from './run-events.js';
import { evenly } from './runner-settings.js';
import { RunProgress } from './run-progress.js';
import type { RunnerMetrics } from './runner-metrics.js';
import type { RunStages } from './run-stages.js';
import { WorkerFailure, type WorkerProcess } from './worker-process.js';
import type { WorkerPool } from './worker-pool.js';
import type { LaneAnswer, LaneTask, Note, RunOrder } from './worker/protocol.js';
import type { Scrub } from './worker/scrub.js';

export interface AttemptDeps {
  readonly pool: Pick<WorkerPool, 'take'>;
  readonly events: RunEvents;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Pick<RunnerMetrics, 'rows' | 'bytes' | 'lane'>;
  readonly stages: RunStages;
  /** Where the run does not say. */
  readonly parallelism: Parallelism;
}
/** 'lost': somebody else has the run, say no more. 'released': what is left is for another runner. */
export type AttemptEnd = Outcome | { readonly status: 'lost' } | { readonly status: 'released' };
/** Why the work is to stop before its end. */
type StopReason = 'cancel' | 'release' | 'lost' | 'failed';

export class RunAttempt {
  readonly progress = new RunProgress();
  readonly #workers = new Set<WorkerProcess>();
  readonly #inHand = new Map<WorkerProcess, LaneTask>();
  #board = new LaneBoard([], evenly(1));
  readonly #serving: Promise<void>[] = [];
  /** Why a stream that is read in parts is started over, by lane. */
  readonly #lost = new Map<string, LostPosition>();
  #stopped: StopReason | undefined;
  #cut: ErrorReport | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #reported = { rowsRead: 0, rowsWritten: 0, bytes: 0 };
  #phase = '';
  #hastened = 0;

  constructor(
    private readonly assignment: Assignment,
    private readonly order: RunOrder,
    private readonly scrub: Scrub,
    private readonly deps: AttemptDeps,
  ) {}

  async run(): Promise<AttemptEnd> {
    const timer = setInterval(() => this.#report(), 1000);
    this.#report();
    try {
      await this.#work();
    } catch (error) {
      this.#cut ??= reportError(error);
      this.deps.logger.error({ err: error, runId: this.assignment.id }, 'a run failed in the runner itself');
    } finally {
      clearInterval(timer);
      clearTimeout(this.#deadline);
      await Promise.all([...this.#workers].map((worker) => worker[Symbol.asyncDispose]()));
      this.#report();
    }
    return this.#end();
  }

  /** Bytes: the most that one of its workers took. */
  get peakMemory(): number {
    return Math.max(0, ...[...this.#workers].map(({ peakMemory }) => peakMemory));
  }

  /** Stops at the next boundary; whoever has not stopped after `grace` seconds is killed. The first reason counts, but for 'lost'. */
  stop(reason: StopReason, grace: number): void {
    if (this.#stopped !== undefined && reason !== 'lost') return;
    this.#stopped = reason;
    this.#board.clear();
    for (const worker of this.#workers) worker.abort(reason);
    clearTimeout(this.#deadline);
    const kill = (): void => this.#killAll(`the worker did not stop within ${grace} s`);
    if (grace === 0) kill();
    else this.#deadline = setTimeout(kill, grace * 1000);
  }

  #killAll(message: string): void {
    for (const worker of this.#workers) worker.kill({ class: 'transient', code: 'worker-killed', message });
  }

  #end(): AttemptEnd {
    const views = this.progress.views;
    const whole = views.length > 0 && views.every(({ status }) => status === 'succeeded' || status === 'failed');
    if (this.#stopped === 'lost') return { status: 'lost' };
    if (this.#stopped === 'cancel' && !whole) return { status: 'cancelled' };
    if (this.#stopped === 'release' && !whole) return { status: 'released' };
    return runOutcome(
      views.map(({ status, error }) => ({
        status: status === 'running' ? 'pending' : status,
        error: error as ErrorReport | null,
      })),
      this.#cut,
    );
  }

  async #work(): Promise<void> {
    const first = await this.#hire();
    const plan = await this.#ask(first, () => first.ask('plan', null));
    if (plan === undefined) return;
    this.progress.plan(plan);
    for (const { stream, error } of plan.refused) this.#say('error', error.message, { stream, code: error.code });
    this.#report();
    const { parallelism } = this.assignment.options;
    this.#board = new LaneBoard(plan.lanes, parallelism === undefined ? this.deps.parallelism : evenly(parallelism));
    if (this.#stopped !== undefined) this.#board.clear();
    this.#employ(this.#serve(first));
    this.#grow();
    for (let known = 0; known < this.#serving.length;) {
      known = this.#serving.length;
      await Promise.all(this.#serving);
    }
  }

  /** As many workers as there is work for now. */
  #grow(): void {
    while (this.#serving.length < this.#board.width) this.#employ(this.#hire().then((worker) => this.#serve(worker)));
  }
  #employ(work: Promise<void>): void {
    work.catch(() => undefined); // awaited with all the others, maybe later than it fails
    this.#serving.push(work);
  }

  async #hire(): Promise<WorkerProcess> {
    const { source, destination } = this.order;
    const worker = this.deps.pool.take([source.type, destination.type]);
    this.#workers.add(worker);
    worker.onNote = (note) => this.#hear(note);
    if (this.#stopped !== undefined) worker.abort(this.#stopped);
    await this.#ask(worker, () => worker.ask('begin', this.order));
    return worker;
  }

  /** Lane after lane until none is left, or until the run is cut. */
  async #serve(worker: WorkerProcess): Promise<void> {
    for (let task = await this.#board.next(); task !== undefined; task = await this.#board.next()) {
      const lane = task;
      if (lane.startOver === 'now') this.#startOver(lane);
      this.progress.begin(lane);
      const done = this.deps.metrics.lane.startTimer();
      this.#inHand.set(worker, lane);
      const answer = await this.#ask(worker, () => worker.ask('lane', lane));
      this.#inHand.delete(worker);
      done({ status: answer?.status ?? 'crashed' });
      if (answer === undefined) this.progress.lost(lane);
      else this.#laneEnded(lane, answer);
      this.#board.ended(lane, answer);
      this.#grow();
    }
  }

  /** What the other parts of the stream still read would be in vain. */
  #lose(id: string, lost: LostPosition): void {
    this.#lost.set(id, lost);
    for (const [worker, { plan }] of this.#inHand) if (plan.id === id) worker.abort('a part is lost', id);
  }

  /** Invariant 7: never in silence. */
  #startOver(task: LaneTask): void {
    const lost = this.#lost.get(task.plan.id);
    const rows = this.progress.startOver(task);
    if (lost === undefined) throw new Error(`${task.plan.id} is to be started over, and nobody said why`);
    tellStartOver((...line) => this.#say(...line), task.plan.request.stream.id, lost, rows);
  }

  #laneEnded(task: LaneTask, answer: LaneAnswer): void {
    this.progress.end(task, answer);
    const stream = task.plan.request.stream.id;
    if (answer.status === 'fenced') {
      this.#say('warn', `another runner has ${stream}`, { stream });
      this.stop('lost', 0); // Invariant 4
    } else if (answer.status === 'failed') {
      const { error } = answer;
      this.#say('error', error.message, {
        stream,
        code: error.code,
        ...(error.fix !== undefined && { fix: error.fix }),
        ...(error.end !== undefined && { end: error.end }),
      });
      if (answer.scope === 'run') this.#cutShort(error);
    } else if (answer.status === 'lost') {
      this.#lose(task.plan.id, answer.lost);
    } else if (answer.status === 'split') {
      this.#say('info', `${stream} is read in ${answer.parts.length} parts`, { stream });
    } else if (answer.status !== 'stopped') {
      const { rowsWritten: rows, bytes } = answer.counts;
      const earlier = answer.status === 'already-done';
      const what = task.part === undefined ? stream : `part ${task.part} of ${stream}`;
      this.#say('info', `${what} is done`, { stream, rows, bytes, earlier });
    }
    this.#report();
  }

  /** A worker's failure ends the attempt, unless it was stopped on purpose. */
  async #ask<T>(worker: WorkerProcess, order: () => Promise<T>): Promise<T | undefined> {
    try {
      return await order();
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error;
      const expected = this.#stopped !== undefined;
      if (!expected || this.#stopped === 'cancel') this.#tellFailure(error, worker);
      if (!expected) this.#cutShort(error.report);
      return undefined;
    }
  }

  #tellFailure({ report, dead, stderr }: WorkerFailure, { peakMemory }: WorkerProcess): void {
    const { code, message, fix, end } = report;
    const crash = dead ? { peakMemory, ...(stderr !== '' && { stderr: this.scrub(stderr) }) } : {};
    if (dead) this.deps.logger.warn({ code, ...crash, runId: this.assignment.id }, message);
    this.#say('error', message, {
      code,
      ...(fix !== undefined && { fix }),
      ...(end !== undefined && { end }),
      ...crash,
    });
  }

  #cutShort(error: ErrorReport): void {
    this.#cut ??= error;
    this.stop('failed', 10);
  }

  #hear(note: Note): void {
    this.progress.note(note);
    if (note.kind === 'log') this.#pass(note);
    else if (note.kind === 'committed') {
      const { lane, checkpoint, complete } = note;
      this.deps.events.publish({ kind: 'checkpoint', lane, checkpoint, complete });
      this.#hasten();
    } else if (note.kind === 'stage') this.#stage(note.stage, note.at);
    else if (note.kind === 'phase' && this.progress.phase !== this.#phase) this.#report();
  }

  /** Traces go to the runner's own log too: clients are not shown them. */
  #pass({ level, message, fields }: Note & { kind: 'log' }): void {
    if (fields?.['stack'] !== undefined) this.deps.logger.warn({ ...fields, runId: this.assignment.id }, message);
    this.#say(level, message, fields);
  }

  #stage(stage: Parameters<RunStages['mark']>[0], at: number): void {
    const { stages } = this.deps;
    if (!stages.mark(stage, at) || stage !== 'first-data') return;
    this.#say('info', `first data after ${stages.total} ms`, stages.fields);
  }

  #say(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: JsonObject): void {
    this.deps.events.publish({ kind: 'log', level, message, ...(fields !== undefined && { fields }) });
  }

  /** A commit is told soon, so that little is unknown should this runner die; but not a hundred times a second. */
  #hasten(): void {
    const now = performance.now();
    if (now - this.#hastened < 200) return;
    this.#hastened = now;
    setImmediate(() => this.#report());
  }

  #report(): void {
    const { phase, estimatedRows, counts } = this.progress;
    const streams = this.progress.moved();
    this.#count(counts);
    if (streams.length === 0 && phase === this.#phase) return;
    this.#phase = phase;
    for (let at = 0; at === 0 || at < streams.length; at += perEvent)
      this.deps.events.publish({
        kind: 'progress',
        phase,
        estimatedRows,
        ...counts,
        streams: streams.slice(at, at + perEvent),
      });
  }

  /** Rows that were rolled back and read again count once. */
  #count({ rowsRead, rowsWritten, bytes }: Pick<Counts, 'rowsRead' | 'rowsWritten' | 'bytes'>): void {
    const { metrics } = this.deps;
    const last = this.#reported;
    metrics.rows.inc({ direction: 'read' }, Math.max(0, rowsRead - last.rowsRead));
    metrics.rows.inc({ direction: 'written' }, Math.max(0, rowsWritten - last.rowsWritten));
    metrics.bytes.inc(Math.max(0, bytes - last.bytes));
    this.#reported = {
      rowsRead: Math.max(rowsRead, last.rowsRead),
      rowsWritten: Math.max(rowsWritten, last.rowsWritten),
      bytes: Math.max(bytes, last.bytes),
    };
  }
}
/** Streams in one progress event, which must stay well below the bus's 1 MiB. */
const perEvent = 500;
