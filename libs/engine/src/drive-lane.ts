/** A lane with its retries: what is transient is tried again from the destination's checkpoint; all else is its outcome. */
import { isSluiceError, type Lane } from '@sluice/connector-sdk';
import { backoffDelay, defaultBackoff, type Backoff } from './backoff.js';
import type { Ends } from './ends.js';
import { LaneMeter, type LaneCounts, type PartCounts } from './lane-meter.js';
import type { LanePart, LanePlan, MostParts } from './lane-plan.js';
import { lostPosition, tellStartOver, type LostPosition } from './lost-position.js';
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
  readonly parts?: MostParts;
  /** The parts are done: show the stream, instead of reading it. */
  readonly publish?: boolean;
  /** With `publish`: what the parts have committed. They have told their counts already; this lane's are zero. */
  readonly ofParts?: PartCounts;
  /**
   * A load whose position is lost is started over, once: by itself, or, when it is in parts, by whoever drives them (status 'lost').
   * 'now': its parts were lost, start over before anything else. 'never': it was started over already. Both: not once more.
   */
  readonly startOver?: 'now' | 'never';
}
export type LaneOutcome = { readonly counts: LaneCounts } & (
  | { readonly status: 'done' | 'already-done' | 'stopped' }
  /** Each part is a lane of its own now; `startedOver`: after a lost position, so they get `startOver` 'never'. */
  | { readonly status: 'split'; readonly parts: readonly LanePart[]; readonly startedOver: boolean }
  /** A part, or the publication, cannot go on: once all parts have ended, the lane without a part gets `startOver` 'now'. */
  | { readonly status: 'lost'; readonly lost: LostPosition }
  /** Another runner has the lane. (Invariant 4) */
  | { readonly status: 'fenced' }
  /** `scope` 'run': the other lanes would fail as well, since a system cannot be reached. */
  | { readonly status: 'failed'; readonly scope: 'lane' | 'run'; readonly error: unknown }
);

/** Never throws: what goes wrong is in the outcome, with the counts of what is durable. */
export async function driveLane(input: DriveInput): Promise<LaneOutcome> {
  const { ends, signal, listener, plan, backoff = defaultBackoff, meter = new LaneMeter() } = input;
  const over: StartOver = { due: input.startOver === 'now', left: input.startOver === undefined };
  let failures = 0;
  let durable = 0;
  for (;;) {
    const attempt = await tryLane({ ...input, meter }, over);
    const counts = meter.committed;
    if ('end' in attempt) return { ...endOf(attempt.end, over), counts };
    await ends.drop();
    const { error, opening, lost } = attempt;
    if (signal.aborted) return { status: 'stopped', counts };
    if (isSluiceError(error, 'fenced')) return { status: 'fenced', counts };
    if (lost !== undefined && over.left) {
      if (inParts(input)) return { status: 'lost', lost, counts };
      tellStartOver(listener.log, plan.request.stream.id, lost, attempt.rows);
      Object.assign(over, { due: true, left: false });
      failures = durable = 0;
      continue;
    }
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

/** The other parts would go on with what is gone: only all of them together can be started over. */
const inParts = ({ lane, publish = false }: DriveInput): boolean => lane.part !== undefined || publish;

interface StartOver {
  /** The destination has not said yet that it has forgotten. */
  due: boolean;
  /** It may be done; not once more, or a source that loses each position would be read for ever. */
  left: boolean;
}
type Ended = Exclude<LaneEnd, { readonly lost: unknown }>;
const endOf = (end: Ended, { left }: StartOver) =>
  typeof end === 'string'
    ? ({ status: end } as const)
    : ({ status: 'split', parts: end.parts, startedOver: !left } as const);

type Attempt = { readonly end: Ended } | Failure;
interface Failure {
  readonly error: unknown;
  readonly opening: boolean;
  /** What was committed is of no use any more, and may be forgotten. */
  readonly lost?: LostPosition;
  /** Read so far, those of earlier attempts included. */
  readonly rows: number;
}
async function tryLane(input: DriveInput & { readonly meter: LaneMeter }, over: StartOver): Promise<Attempt> {
  const { ends, signal, meter, publish = false } = input;
  let opening = true;
  try {
    const { source, destination } = await ends.both();
    opening = false;
    if (over.due) await destination.resume({ ...input.lane, startOver: true });
    over.due = false;
    const lane: LaneInput = { ...input, source, destination, offers: ends.openers.offers, signal };
    const end = await (publish ? publishParts(lane) : runLane(lane));
    const rows = meter.counts.rowsRead;
    if (typeof end === 'object' && 'lost' in end)
      return { error: end.lost, opening, lost: lostPosition(end.lost), rows };
    if (end === 'stopped') await ends.drop();
    return { end };
  } catch (error) {
    return { error, opening, rows: meter.counts.rowsRead };
  } finally {
    meter.rollback();
  }
}
