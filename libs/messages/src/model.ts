/** The one model behind every API, as it travels between services. Times are ISO 8601 in UTC with milliseconds. */
import type { Finding, Json, Stream } from '@sluice/connector-sdk';

export type JsonObject = { readonly [key: string]: Json };
/** Who asks, for the audit trail: 'user:ann', 'key:3f..', 'scheduler'. */
export type Actor = string;
/** Every request about something that a tenant owns. (Invariant 11) */
export interface Scoped {
  readonly tenantId: string;
}
export interface ById extends Scoped {
  readonly id: string;
}

export type Permission = 'data:ingestion:read' | 'data:ingestion:manage' | 'admin';
export interface Principal {
  readonly tenantId: string;
  readonly subject: string;
  readonly permissions: readonly Permission[];
}

/** A source or a destination: a system that Sluice can reach. */
export interface EndpointView extends ById {
  readonly role: 'source' | 'destination';
  readonly name: string;
  readonly description: string | null;
  /** As the user named it: a plugin's id or one of its variants. */
  readonly connectorType: string;
  /** Without secrets; those are write-only (Invariant 12). */
  readonly config: JsonObject;
  readonly status: 'untested' | 'ok' | 'failed';
  /** What the last check found, worst first. */
  readonly findings: readonly Finding[];
  readonly lastTestedAt: string | null;
  readonly discoveredAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type SyncMode = 'full' | 'incremental' | 'changes';
/** Pipeline x stream. What is absent is chosen from the stream when a run is planned. */
export interface Binding {
  readonly stream: string;
  readonly cursor?: string;
  readonly key?: readonly string[];
  /** 'orders' or 'sales.orders', in the spelling of `streamId`. */
  readonly targetTable?: string;
  readonly columns?: readonly string[];
}
/** Five fields (minute hour day month weekday). `timezone` is an IANA name, UTC when absent. */
export interface CronSchedule {
  readonly kind: 'cron';
  readonly cron: string;
  readonly timezone?: string;
}
export type Schedule = CronSchedule;
export interface PipelineOptions {
  /** Lanes that run side by side, 1 to 32. */
  readonly parallelism?: number;
  /** Attempts of one run, the first included, 1 to 20. */
  readonly maxAttempts?: number;
  /** 'rows' turns byte pass-through off, for comparison and for trouble. */
  readonly encoding?: 'auto' | 'rows';
}
export interface PipelineView extends ById {
  readonly name: string;
  readonly sourceId: string;
  readonly sourceName: string;
  /** null: the tenant's only destination is used, when a run starts. */
  readonly destinationId: string | null;
  /** As the client named it; 'iceberg' when it did not. */
  readonly destinationType: string;
  readonly mode: SyncMode;
  readonly schedule: Schedule | null;
  /** null: every stream the source offers. */
  readonly bindings: readonly Binding[] | null;
  readonly options: PipelineOptions;
  readonly status: 'pending' | 'active' | 'paused' | 'error' | 'archived';
  readonly lastSyncAt: string | null;
  readonly nextRunAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type RunStatus = 'pending' | 'running' | 'cancelling' | 'succeeded' | 'partial' | 'failed' | 'cancelled';
export type RunTrigger = 'manual' | 'schedule' | 'retry';
export const activeStatuses: readonly RunStatus[] = ['pending', 'running', 'cancelling'];
/** Rows and bytes of a run or of one of its streams. read = written + rejected when it has succeeded. (Invariant 6) */
export interface Counts {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly rowsRejected: number;
  readonly bytes: number;
}
export interface RunError {
  /** The error's class in the connector contract; 'bug' for anything else, 'heartbeat' for a lost runner. */
  readonly class: 'config' | 'transient' | 'data' | 'lost-position' | 'fenced' | 'bug' | 'heartbeat';
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly stream?: string;
  /** Which end failed; absent where neither did. */
  readonly end?: EndpointView['role'];
  /** The system asked to be left alone for so many ms (`TransientError.retryAfter`). */
  readonly retryAfter?: number;
}
export interface RunStreamView extends Counts {
  readonly stream: string;
  readonly status: 'pending' | 'running' | 'succeeded' | 'failed';
  readonly estimatedRows: number | null;
  readonly error: RunError | null;
}
export interface RunView extends ById, Counts {
  readonly pipelineId: string;
  readonly pipelineName: string;
  readonly mode: SyncMode;
  readonly trigger: RunTrigger;
  readonly status: RunStatus;
  /** 1 for the first. Attempts are runs in a chain; `rootId` is the first of them, and counts are over the chain. */
  readonly attempt: number;
  readonly rootId: string;
  readonly previousId: string | null;
  readonly nextId: string | null;
  /** What happens now: 'queued', 'planning', 'loading', 'finishing', 'done'. */
  readonly phase: string;
  readonly estimatedRows: number | null;
  readonly error: RunError | null;
  readonly cancelRequestedAt: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}
/** An attempt that needs a decision: it failed in a retryable way, or its lease ran out. Counts are the attempt's own. */
export interface UnresolvedRun extends RunView {
  readonly maxAttempts: number;
  /** Attempts of the chain that ended without a row written or a checkpoint: in all, and since the last that made progress. */
  readonly fruitless: number;
  readonly fruitlessInARow: number;
  /** How many attempts of the chain ended with a lost runner. */
  readonly lostRunners: number;
}
export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

/** A plugin as the catalog lists it. */
export interface ConnectorView {
  readonly type: string;
  readonly pluginId: string;
  readonly role: 'source' | 'destination';
  readonly title: string;
  readonly variants: readonly { readonly type: string; readonly title: string; readonly description: string }[];
  readonly capabilities: JsonObject;
  readonly configSchema: JsonObject;
}
export type { Finding, Stream };
/** How an incremental run chooses a cursor where none is named: what is shown before is what happens then. */
export { suggestCursor } from '@sluice/connector-sdk';
