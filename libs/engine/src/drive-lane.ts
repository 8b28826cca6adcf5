/** A lane with its retries: what is transient is tried again from the destination's checkpoint; all else is its outcome. */
import { isSluiceError, type Lane } from '@sluice/connector-sdk';
import { backoffDelay, defaultBackoff, type Backoff } from './backoff.js';
import type { Ends } from './ends.js';
import { LaneMeter, type LaneCounts } from './lane-meter.js';
import type { LanePart, LanePlan } from './lane-plan.js';
import { publishParts, runLane, type LaneEnd, type LaneInput, type LaneListener } from './run-lane.js';
import { pause } from './within.js';

export interface DriveInput {
  readonly ends: Ends;
  readonly plan: LanePlan;
  readonly lane: Lane;
  readonly signal: AbortSignal;
  readonly listener: LaneListener;
  readonly meter?: LaneMeter;
  readonly backoff?: Backoff;
  readonly chunkBytes?: number;
  /** More than 1: a full read that has not begun may be cut into so many parts. */
  readonly parts?: number;
  /** The parts are done: show the stream, instead of reading it. */
  readonly publish?: boolean;
}
export type LaneOutcome = { readonly counts: LaneCounts } & (
  | { readonly status: 'done' | 'already-done' | 'stopped' }
  /** Each part is a lane of its own now. */
  | { readonly status: 'split'; readonly parts: readonly LanePart[] }
  /** Another runner has the lane. (Invariant 4) */
  | { readonly status: 'fenced' }
  /** `scope` 'run': the other lanes would fail as well, since a system cannot be reached. */
  | { readonly status: 'failed'; readonly scope: 'lane' | 'run'; readonly error: unknown }
);

/** Never throws: what goes wrong is in the outcome, with the counts of what is durable. */
export async function driveLane(input: DriveInput): Promise<LaneOutcome> {
  const { ends, signal, listener, backoff = defaultBackoff, meter = new LaneMeter() } = input;
  let failures = 0;
  let durable = 0;
  for (;;) {
    const attempt = await tryLane({ ...input, meter });
    if ('end' in attempt) return { ...endOf(attempt.end), counts: meter.committed };
    await ends.drop();
    const { error, opening } = attempt;
    const counts = meter.committed;
    if (signal.aborted) return { status: 'stopped', counts };
    if (isSluiceError(error, 'fenced')) return { status: 'fenced', counts };
    if (!isSluiceError(error, 'transient')) return { status: 'failed', scope: opening ? 'run' : 'lane', error, counts };
    failures = counts.rowsWritten > durable ? 1 : failures + 1;
    durable = counts.rowsWritten;
    const wait = backoffDelay(backoff, failures, error.retryAfter);
    if (failures >= backoff.tries || wait > longestWait) return { status: 'failed', scope: 'run', error, counts };
    listener.log('warn', `trying again: ${error.message}`, { code: error.code, failures, waitMs: Math.round(wait) });
    await pause(wait, signal);
  }
}
/** Milliseconds. A longer rest is the scheduler's business: it ends the attempt and frees the runner. */
const longestWait = 120_000;

const endOf = (end: LaneEnd) =>
  typeof end === 'string' ? ({ status: end } as const) : ({ status: 'split', parts: end.parts } as const);

type Attempt = { readonly end: LaneEnd } | { readonly error: unknown; readonly opening: boolean };
async function tryLane(input: DriveInput & { readonly meter: LaneMeter }): Promise<Attempt> {
  const { ends, signal, publish = false } = input;
  let opening = true;
  try {
    const { source, destination } = await ends.both();
    opening = false;
    const lane: LaneInput = { ...input, source, destination, offers: ends.openers.offers, signal };
    const end = await (publish ? publishParts(lane) : runLane(lane));
    if (end === 'stopped') await ends.drop();
    return { end };
  } catch (error) {
    return { error, opening };
  } finally {
    input.meter.rollback();
  }
}
