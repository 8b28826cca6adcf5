/** What a run says while it runs: JetStream `RUN_EVENTS`, subject `run-events.<runId>.<kind>`. Read by catalog and gateway. */
import type { Counts, JsonObject, RunStreamView } from './model.js';

import type { Outcome } from './rpc.js';

interface Base {
  readonly runId: string;
  readonly tenantId: string;
  readonly fence: string;
  /** ISO 8601. */
  readonly at: string;
}
export interface StartedEvent extends Base {
  readonly kind: 'started';
  readonly runnerId: string;
}
/** Once a second, and at every change of phase. Counts are over the chain of attempts; `streams` holds only those that moved. */
export interface ProgressEvent extends Base, Counts {
  readonly kind: 'progress';
  readonly phase: 'planning' | 'loading' | 'finishing';
  readonly estimatedRows: number | null;
  readonly streams: readonly RunStreamView[];
}
export interface LogEvent extends Base {
  readonly kind: 'log';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields?: JsonObject;
}
/** A commit at the destination: what a lane has made durable so far. The truth stays there; this is the copy. */
export interface CheckpointEvent extends Base {
  readonly kind: 'checkpoint';
  readonly lane: string;
  readonly checkpoint: JsonObject;
  readonly complete: boolean;
}
export interface FinishedEvent extends Base, Counts {
  readonly kind: 'finished';
  readonly outcome: Outcome;
}
export type RunEvent = StartedEvent | ProgressEvent | LogEvent | CheckpointEvent | FinishedEvent;

export const streams = {
  /** Work queue: one message per attempt, `runs.start.<connectorType>`, body `StartMessage`. */
  runs: { name: 'RUNS', subjects: ['runs.start.>'] },
  /** Everything runs say, kept for seven days: `run-events.<runId>.<kind>`. */
  runEvents: { name: 'RUN_EVENTS', subjects: ['run-events.>'] },
} as const;
export interface StartMessage {
  readonly runId: string;
}
export const startSubject = (connectorType: string): string => `runs.start.${connectorType}`;
export const eventSubject = (runId: string, kind: RunEvent['kind']): string => `run-events.${runId}.${kind}`;
/** Core NATS, best effort: tells the runner that holds it that a run is to stop. The heartbeat says so too. */
export const cancelSubject = (runId: string): string => `run-control.${runId}.cancel`;
/** Core NATS, best effort: a pipeline's schedule changed; the scheduler reads it again. */
export const scheduleChanged = 'catalog-changed.schedules';
