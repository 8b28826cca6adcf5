/** The worker's side of a run: both ends, the plan, one lane after the other. */
import { ConfigError, codes, type Json, type Stream, type WriteMode } from '@sluice/connector-sdk';
import { Ends, LaneMeter, driveLane, planRun, reportError, type Log } from '@sluice/engine';
import { reportWithEnd } from './ends.js';
import { readyDestination, readySource, type Host } from './open-plugin.js';
import type { LaneAnswer, LaneTask, Note, PlanAnswer, Report, RunOrder, Stage } from './protocol.js';

type Tell = (note: Note) => void;
interface ReadyRun {
  readonly ends: Ends;
  readonly writeModes: readonly WriteMode[];
}

export class RunSide implements AsyncDisposable {
  #ready: Promise<ReadyRun> | undefined;
  #opened = false;
  #seenData = false;
  #inHand: { readonly lane: string; readonly stop: AbortController } | undefined;

  constructor(
    private readonly order: RunOrder,
    private readonly host: Host,
    private readonly signal: AbortSignal,
    private readonly tell: Tell,
  ) {}

  /** Throws what opening or discovering threw; a stream that cannot be planned is in the answer. */
  async plan(): Promise<PlanAnswer> {
    const { ends, writeModes } = await this.#ends();
    const { source } = await ends.both();
    this.#stage('opened');
    const { pipelineId, mode, bindings } = this.order;
    if (mode === 'changes')
      throw new ConfigError("mode 'changes' is not offered yet", {
        code: codes.unsupported,
        fix: "choose mode 'full' or mode 'incremental'",
      });
    const streams = await this.#streams((only) => source.discover(only));
    const { lanes, refused } = planRun({ pipelineId, mode, streams, bindings, writeModes });
    this.#stage('planned');
    return { lanes, refused: refused.map(({ stream, error }) => ({ stream, error: reportError(error, stream) })) };
  }

  /** Those that are bound, or all of them when one is not found by its id: then names and choices matter. */
  async #streams(discover: (only?: readonly string[]) => Promise<readonly Stream[]>): Promise<readonly Stream[]> {
    const wanted = this.order.bindings?.map(({ stream }) => stream);
    if (wanted === undefined) return discover();
    const found = await discover(wanted);
    const known = new Set(found.map(({ id }) => id));
    return wanted.every((id) => known.has(id)) ? found : discover();
  }

  /** Ends the lane in hand at its next batch, if it is this one. */
  giveUp(lane: string, reason: Error): void {
    if (this.#inHand?.lane === lane) this.#inHand.stop.abort(reason);
  }

  async lane(task: LaneTask): Promise<LaneAnswer> {
    const stop = new AbortController();
    this.#inHand = { lane: task.plan.id, stop };
    try {
      return await this.#lane(task, AbortSignal.any([this.signal, stop.signal]));
    } finally {
      this.#inHand = undefined;
    }
  }

  async #lane({ plan, part, ...how }: LaneTask, signal: AbortSignal): Promise<LaneAnswer> {
    const { fence, generation, rootId } = this.order;
    const stream = plan.request.stream.id;
    const ofPart = part === undefined ? {} : { part };
    const name = part === undefined ? plan.id : `${plan.id} part ${part}`;
    const meter = new LaneMeter(rootId);
    const report = (): void =>
      this.tell({ kind: 'counts', stream, ...ofPart, counts: meter.counts, committed: meter.committed });
    let due = false;
    const timer = setInterval(() => {
      if (due) report();
      due = false;
    }, countsEvery);
    try {
      const { ends } = await this.#ends();
      const outcome = await driveLane({
        ends,
        plan,
        ...how,
        lane: { id: plan.id, fence, generation, ...ofPart },
        signal,
        meter,
        listener: {
          log: this.#log(stream),
          phase: (phase) => this.tell({ kind: 'phase', stream, phase }),
          moved: () => {
            due = true;
            if (!this.#seenData && meter.firstDataAt !== undefined) this.#firstData();
          },
          committed: (checkpoint, complete) => {
            this.tell({ kind: 'committed', lane: name, checkpoint, complete });
            report();
          },
        },
      });
      if (outcome.status !== 'failed') return outcome;
      this.#trace(outcome.error, stream);
      return { ...outcome, error: this.#withReset(reportWithEnd(outcome.error, stream)) };
    } finally {
      clearInterval(timer);
    }
  }

  /** Invariant 7: rows that others see are read anew by a person's decision only, and this is how to take it. */
  #withReset(error: Report): Report {
    const { mode, pipelineId } = this.order;
    if (error.class !== 'lost-position' || mode === 'full') return error;
    const reset = `reset the connection, POST /api/v1/connections/${pipelineId}/reset, and the next run reads everything again`;
    return { ...error, fix: error.fix === undefined ? reset : `${error.fix.replace(/\.$/, '')}; or ${reset}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ready = await this.#ready?.catch(() => undefined);
    await ready?.ends[Symbol.asyncDispose]();
  }

  #ends(): Promise<ReadyRun> {
    this.#ready ??= this.#makeEnds();
    return this.#ready;
  }
  async #makeEnds(): Promise<ReadyRun> {
    const { encoding, source: from, destination: to } = this.order;
    const log = this.#log();
    const [source, destination] = await Promise.all([
      readySource(this.host, from, log),
      readyDestination(this.host, to, log),
    ]);
    const offers = encoding === 'rows' ? [] : source.can.encodings;
    const ends = new Ends({ offers, source: source.open, destination: destination.open }, this.signal);
    return { ends, writeModes: destination.can.modes };
  }

  /** For whoever mends the plugin: the user gets the message alone. */
  #trace(error: unknown, stream: string): void {
    if (!(error instanceof Error)) return;
    const cause = error.cause instanceof Error ? { cause: error.cause.stack ?? error.cause.message } : {};
    this.#log(stream)('debug', 'where it failed', { stack: error.stack ?? '', ...cause });
  }

  #log(stream?: string): Log {
    return (level, message, fields) => {
      const all: Record<string, Json> = { ...(stream !== undefined && { stream }), ...fields };
      this.tell({ kind: 'log', level, message, ...(Object.keys(all).length > 0 && { fields: all }) });
    };
  }

  #firstData(): void {
    this.#seenData = true;
    this.#stage('first-data');
  }
  #stage(stage: Stage): void {
    if (stage === 'opened' && this.#opened) return;
    this.#opened ||= stage === 'opened';
    this.tell({ kind: 'stage', stage, at: Date.now() });
  }
}
/** Milliseconds between two reports of a lane's counts; commits report at once. */
const countsEvery = 250;
