/** The pump: everything that one lane does between two open sessions. */
import {
  DataError,
  LostPositionError,
  codes,
  isSluiceError,
  type Batch,
  type Checkpoint,
  type DestinationSession,
  type Encoding,
  type Json,
  type Lane,
  type SourceSession,
  type StreamRequest,
  type Target,
} from '@sluice/connector-sdk';
import { agree } from './agree.js';
import { dataBytes } from './chunks.js';
import {
  checkpointOfParts,
  isComplete,
  markComplete,
  markCounts,
  markShape,
  markTarget,
  partsOf,
  shapeIn,
  shapeOf,
  targetIn,
  withoutMarks,
} from './engine-marks.js';
import type { LaneMeter, PartCounts } from './lane-meter.js';
import type { LanePart, LanePlan, MostParts } from './lane-plan.js';
import { within } from './within.js';
import { writeBatch } from './write-batch.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, Json>>) => void;
export type Phase = 'planning' | 'loading' | 'finishing';
/** What a lane tells whoever runs it. All are called synchronously and must be quick. */
export interface LaneListener {
  readonly log: Log;
  phase?(phase: Phase): void;
  /** Counts have moved; read them off the meter. */
  moved?(): void;
  /** A commit at the destination. */
  committed?(checkpoint: Checkpoint, complete: boolean): void;
}
export interface LaneInput {
  readonly source: SourceSession;
  readonly destination: DestinationSession;
  readonly plan: LanePlan;
  readonly lane: Lane;
  /** Encodings the source can make; none turns byte pass-through off. */
  readonly offers: readonly Encoding[];
  /** Abort: the batch in hand is finished or rolled back. */
  readonly signal: AbortSignal;
  readonly meter: LaneMeter;
  readonly listener: LaneListener;
  /** Most bytes of rows in one `write`, and the size above which no batch is read ahead. (Invariant 10) */
  readonly chunkBytes?: number;
  /** More than 1: a full read that has not begun may be cut into so many parts. */
  readonly parts?: MostParts;
  /** With `publishParts`: what they have committed, for an attempt that finds them published. */
  readonly ofParts?: PartCounts;
}
/**
 * 'done': all was read and committed. 'already-done': by an earlier attempt. 'stopped': by the signal. With `parts`: nothing was
 * read; each part is now a lane of its own, and `publishParts` ends the matter. The session that cut them stays open until then.
 * With `lost`: it cannot go on from what was committed, of which nothing is visible yet, so it may be started over.
 */
export type LaneEnd =
  'done' | 'already-done' | 'stopped' | { readonly parts: readonly LanePart[] } | { readonly lost: LostPositionError };

const defaultChunkBytes = 8 * 1024 * 1024;

/** Moves one lane from its last commit to the end of the source, or until it is aborted. */
export function runLane(input: LaneInput): Promise<LaneEnd> {
  return orLost(input, async (goesOn) => {
    const { destination, plan, lane, signal } = input;
    const last = await destination.resume(lane);
    input.meter.resumed(last);
    if (plan.request.mode === 'full' && isComplete(last)) return 'already-done';
    refuseOtherTarget(plan, last);
    refuseOtherShape(plan, last);
    if (signal.aborted) return 'stopped';
    if (lane.part === undefined) {
      if (last === undefined) goesOn(false);
      const parts = partsOf(last) ?? (last === undefined ? await cut(input) : undefined);
      if (parts !== undefined) return { parts };
    }
    return await pumpFrom(input, last);
  });
}

/** A part always goes on: from where its stream was cut, at the latest. `goesOn(false)`: nothing was committed before. */
async function orLost(
  { plan, meter }: LaneInput,
  work: (goesOn: (yes: boolean) => void) => Promise<LaneEnd>,
): Promise<LaneEnd> {
  let going = true;
  try {
    return await work((yes) => (going = yes));
  } catch (error) {
    // Invariant 5: what 'replace' has committed so far is not visible to anyone. In the other modes it is, and a person decides.
    const unseen = plan.request.mode === 'full' && plan.target.mode === 'replace';
    if ((going || meter.committed.rowsWritten > 0) && unseen && isSluiceError(error, 'lost-position'))
      return { lost: error };
    throw error;
  }
}

async function pumpFrom(input: LaneInput, last: Checkpoint | undefined): Promise<LaneEnd> {
  const { destination, source, plan, lane, listener } = input;
  const { stream } = plan.request;
  // The cut of a stream into parts was committed together with the shadow table, so that a part finds it from the first.
  const target = last === undefined && lane.part === undefined ? plan.target : committed(plan.target);
  logStatements(listener, plan, await destination.prepare(stream, target));
  const request = withEncoding(plan.request, encodingOf(input));
  listener.log('debug', `reading ${stream.id}`, {
    encoding: request.encoding ?? 'rows',
    resumed: last !== undefined,
  });
  listener.phase?.('loading');
  const batches = source.read([request], last === undefined ? undefined : withoutMarks(last))[Symbol.asyncIterator]();
  const pump = new Pump(input, request, target);
  try {
    return await pump.run(batches);
  } finally {
    // Bounded: a source that hangs must not keep the failure to itself; its session is closed next.
    if (!pump.ended) await within(5_000, batches.return?.());
  }
}

const committed = (target: Target): Target => ({ ...target, committed: true });

/** Going on into another table would leave it without the rows that were read before. (Invariant 7) */
function refuseOtherTarget({ request, target }: LanePlan, last: Checkpoint | undefined): void {
  const [before, now] = [targetIn(last), target.table.join('.')];
  if (before === undefined || before === now) return;
  const message = `${request.stream.id} was loaded into ${before} so far, and now goes to ${now}, which lacks those rows`;
  throw new LostPositionError(message, before, now, {
    fix: `set the target back to ${before}, or make a new pipeline for ${now}`,
  });
}

const encodingOf = ({ offers, destination, plan }: LaneInput): Encoding | undefined =>
  agree(offers, destination.accepts(plan.request.stream, plan.target));

/**
 * A column that came, went or changed since this load began is in one half of its rows only; no destination could tell, as the
 * shadow table takes both. (Invariants 7 and 9)
 */
function refuseOtherShape({ request: { stream }, target }: LanePlan, last: Checkpoint | undefined): void {
  const [before, now] = [shapeIn(last), shapeOf(stream)];
  if (before === undefined || before === now || target.mode !== 'replace') return;
  const message = `the columns or the key of ${stream.id} are not those that its load began with`;
  throw new LostPositionError(message, `shape ${before}`, `shape ${now}`, { fix: 'start the load over' });
}

/** Cuts a large full read; the pieces are committed before any row of theirs, together with the shadow table they share. */
async function cut(input: LaneInput): Promise<readonly LanePart[] | undefined> {
  const { source, destination, plan, listener } = input;
  const { stream, mode } = plan.request;
  const most = input.parts?.[encodingOf(input) === undefined ? 'rows' : 'bytes'] ?? 1;
  if (most < 2 || mode !== 'full' || plan.target.mode !== 'replace' || source.split === undefined) return undefined;
  const pieces = await source.split(stream, most);
  if (pieces.length < 2) return undefined;
  logStatements(listener, plan, await destination.prepare(stream, plan.target));
  const checkpoint = markShape(checkpointOfParts(pieces), stream);
  await destination.commit(checkpoint);
  listener.committed?.(checkpoint, false);
  return partsOf(checkpoint);
}

/** All parts are durable: shows the stream. Repeatable; the part-less lane of `input` takes the fence once more. (Invariant 5) */
export function publishParts(input: LaneInput): Promise<LaneEnd> {
  return orLost(input, async () => {
    const { destination, plan, lane, listener } = input;
    const last = await destination.resume(lane);
    if (isComplete(last)) return 'already-done';
    const { stream } = plan.request;
    await destination.prepare(stream, committed(plan.target));
    listener.phase?.('finishing');
    const complete = markComplete({ ...last, v: last?.v ?? 1 });
    const checkpoint = input.ofParts ? markCounts(complete, input.meter.ofParts(input.ofParts)) : complete; // Invariant 6
    await destination.commit(checkpoint, stream.id);
    listener.committed?.(checkpoint, true);
    return 'done';
  });
}

const withEncoding = (request: StreamRequest, encoding: Encoding | undefined): StreamRequest =>
  encoding === undefined ? request : { ...request, encoding };

function logStatements({ log }: LaneListener, { request }: LanePlan, statements: readonly string[]): void {
  for (const statement of statements) log('info', statement, { stream: request.stream.id });
}

/** One read from its first batch to its end. */
class Pump {
  /** The iterator is exhausted or has thrown: there is nothing to return. */
  ended = false;
  #completed = false;
  #target: Target;

  constructor(
    private readonly input: LaneInput,
    private readonly request: StreamRequest,
    target: Target,
  ) {
    this.#target = target;
  }

  async run(batches: AsyncIterator<Batch>): Promise<LaneEnd> {
    const { signal, meter } = this.input;
    let ahead = this.#next(batches);
    for (;;) {
      const { done, value: batch } = await ahead;
      if (done === true) break;
      const early = this.#mayReadAhead(batch) ? this.#next(batches) : undefined;
      // Told apart from a failure of this batch, which comes first; awaited in the next turn.
      early?.catch(() => undefined);
      if (!(await this.#take(batch)) || signal.aborted) return 'stopped';
      ahead = early ?? this.#next(batches);
    }
    if (signal.aborted) return 'stopped';
    if (meter.staged > 0) throw this.#uncommitted(meter.staged);
    if (this.request.mode === 'full' && !this.#completed)
      throw new Error(`the source ended the full read of ${this.#stream} without saying that it is complete`);
    return 'done';
  }

  get #stream(): string {
    return this.request.stream.id;
  }

  #next(batches: AsyncIterator<Batch>): Promise<IteratorResult<Batch>> {
    return batches.next().then(
      (result) => {
        if (result.done === true) this.ended = true;
        return result;
      },
      (error: unknown) => {
        this.ended = true;
        throw error;
      },
    );
  }

  /**
   * Rows are written while the next are read: one batch at most, and none above the budget (Invariant 10). Never with a raw
   * body, which is the source's connection itself, nor where a `confirm` has to come between two batches.
   */
  #mayReadAhead(batch: Batch): boolean {
    if (batch.kind !== 'rows' && batch.kind !== 'changes') return false;
    if (this.input.source.confirm !== undefined && batch.checkpoint !== undefined) return false;
    return dataBytes(batch) <= (this.input.chunkBytes ?? defaultChunkBytes);
  }

  /** False: the batch came after an abort and must not count. */
  async #take(batch: Batch): Promise<boolean> {
    const { destination, plan, listener, meter, signal } = this.input;
    if (batch.kind === 'schema') {
      logStatements(listener, plan, await destination.prepare(batch.stream, this.#target));
      return true;
    }
    if (batch.kind === 'complete' && signal.aborted) return false; // Invariant 5: an aborted load never shows
    this.#check(batch);
    if (batch.kind !== 'idle' && batch.kind !== 'complete') await this.#write(batch);
    else if (batch.kind === 'idle' && meter.staged > 0)
      throw new Error(`the source sent an idle checkpoint of ${this.#stream} inside a transaction`); // Invariant 3
    if (batch.checkpoint !== undefined) await this.#commit(batch.checkpoint, batch.kind === 'complete');
    return true;
  }

  async #write(data: Exclude<Batch, { kind: 'schema' | 'idle' | 'complete' }>): Promise<void> {
    const { destination, meter, listener, chunkBytes = defaultChunkBytes } = this.input;
    await writeBatch({ destination, meter, chunkBytes, moved: () => listener.moved?.() }, data, this.#stream);
  }

  async #commit(checkpoint: Checkpoint, complete: boolean): Promise<void> {
    const { destination, source, meter, listener, lane } = this.input;
    if (complete) listener.phase?.('finishing');
    const { request, target } = this.input.plan;
    const marked =
      request.mode === 'full' ? markShape(checkpoint, request.stream) : markTarget(checkpoint, target.table);
    const kept = markCounts(complete ? markComplete(marked) : marked, meter.next);
    // Invariant 1: data and checkpoint become durable together. Invariant 5: the last one publishes. A part publishes nothing.
    await destination.commit(kept, complete && lane.part === undefined ? this.#stream : undefined);
    meter.commit();
    this.#target = committed(this.#target);
    if (complete) this.#completed = true;
    listener.committed?.(kept, complete && lane.part === undefined);
    listener.moved?.();
    await source.confirm?.(checkpoint); // Invariant 2: the source forgets only what is durable
  }

  /** Mistakes of a source that would otherwise pass for data. */
  #check(batch: Exclude<Batch, { kind: 'schema' }>): void {
    if (this.#completed) throw new Error(`the source sent more of ${this.#stream} after saying that it is complete`);
    if ('stream' in batch && batch.stream !== this.#stream)
      throw new Error(`the source sent ${batch.stream} where ${this.#stream} was asked for`);
    if (batch.kind === 'raw' && batch.encoding !== this.request.encoding)
      throw new Error(`the source sent ${batch.encoding} where ${this.request.encoding ?? 'rows'} was agreed`);
  }

  #uncommitted(rows: number): DataError {
    return new DataError(
      `the source ended with ${rows} rows of ${this.#stream} that no checkpoint covers; they were not committed`,
      {
        stream: this.#stream,
        code: codes.rowsLost,
      },
    );
  }
}
