export { agree } from './agree.js';
export { backoffDelay, defaultBackoff, type Backoff } from './backoff.js';
export { isComplete } from './engine-marks.js';
export { driveLane, type DriveInput, type LaneOutcome } from './drive-lane.js';
export { Ends, type Openers } from './ends.js';
export { LaneMeter, type LaneCounts, type PartCounts } from './lane-meter.js';
export type { LaneMode, LanePart, LanePlan, MostParts, Refusal, RunPlan } from './lane-plan.js';
export { lostPosition, tellStartOver, type LostPosition } from './lost-position.js';
export { planRun, type PlanInput, type StreamBinding } from './plan-run.js';
export {
  runLane,
  type LaneEnd,
  type LaneInput,
  type LaneListener,
  type Log,
  type LogLevel,
  type Phase,
} from './run-lane.js';
export { reportError, runOutcome, type ErrorReport, type RunOutcome, type StreamEnd } from './run-outcome.js';
export { pause, within } from './within.js';
