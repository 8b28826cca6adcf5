/**
 * Every command and query between services: subject -> request and reply. Served by Nest's NATS transport in the queue group
 * of the first word, so that any number of instances share the load. Replies travel as `Reply<T>`.
 */
import type {
  Actor,
  Binding,
  ById,
  ConnectorView,
  Counts,
  EndpointView,
  Finding,
  JsonObject,
  Page,
  Permission,
  PipelineOptions,
  PipelineView,
  Principal,
  RunError,
  RunStreamView,
  RunTrigger,
  RunView,
  Schedule,
  Scoped,
  Stream,
  SyncMode,
  UnresolvedRun,
} from './model.js';
import type { Sealed } from './sealed.js';

type By<T> = T & { readonly actor: Actor };
type Role = EndpointView['role'];
export interface EndpointInput {
  readonly name: string;
  readonly description?: string | null;
  readonly connectorType: string;
  /** With secrets: they leave this message only encrypted. */
  readonly config: JsonObject;
}
export interface PipelineInput {
  readonly name: string;
  readonly sourceId: string;
  readonly destinationId?: string | null;
  readonly destinationType?: string;
  readonly mode: SyncMode;
  readonly schedule?: Schedule | null;
  readonly bindings?: readonly Binding[] | null;
  readonly options?: PipelineOptions;
}
export interface RunQuery extends Scoped {
  readonly pipelineId?: string;
  /** Zero-based. */
  readonly page: number;
  readonly size: number;
  readonly sort: 'startedAt' | 'finishedAt' | 'status' | 'rowsWritten';
  readonly descending: boolean;
}
/** A plugin and the configuration to open it with; the secret half is sealed for one runner. */
export interface Opening {
  /** As the user named the endpoint: errors say it. */
  readonly name: string;
  readonly connectorType: string;
  readonly config: JsonObject;
  readonly secrets: Sealed;
}
/** All that a runner needs for one attempt. */
export interface Assignment extends ById {
  readonly pipelineId: string;
  readonly mode: SyncMode;
  readonly attempt: number;
  readonly rootId: string;
  /** Grows with every chain of attempts of a full load; constant for a cursor until it is reset. */
  readonly generation: number;
  /** Grows each time anyone claims a run. (Invariant 4) */
  readonly fence: string;
  readonly leaseSeconds: number;
  readonly bindings: readonly Binding[] | null;
  readonly options: PipelineOptions;
  /** What the run is to tell its user before it begins. */
  readonly warnings: readonly string[];
  readonly source: Opening;
  readonly destination: Opening;
}
interface Held {
  readonly runId: string;
  readonly runnerId: string;
  readonly fence: string;
}
export type Outcome =
  { readonly status: 'succeeded' | 'partial' | 'cancelled' } | { readonly status: 'failed'; readonly error: RunError };

export interface Rpc {
  'catalog.connectors.list': [Record<string, never>, readonly ConnectorView[]];
  /** Plugins that are installed and cannot be used, each in a sentence that names it and says why. */
  'catalog.connectors.refused': [Record<string, never>, readonly string[]];
  'catalog.endpoints.create': [By<Scoped & { role: Role } & EndpointInput>, EndpointView];
  'catalog.endpoints.getMany': [
    { readonly role: Role; readonly keys: readonly ById[] },
    readonly (EndpointView | null)[],
  ];
  'catalog.endpoints.list': [Scoped & { role: Role }, readonly EndpointView[]];
  'catalog.endpoints.update': [By<ById & { role: Role } & Partial<EndpointInput>>, EndpointView];
  'catalog.endpoints.delete': [By<ById & { role: Role }>, null];
  /** Runs `check` on a runner and stores what it found. */
  'catalog.endpoints.test': [By<ById & { role: Role }>, EndpointView];
  /** Runs `discover` on a runner and stores the streams; read them with `catalog.streams.list`. */
  'catalog.endpoints.discover': [By<ById>, { readonly count: number; readonly discoveredAt: string }];
  /** Streams of a source's last discovery, ordered by id, in pages bounded in bytes; `next` starts the next page. */
  'catalog.streams.list': [
    ById & { after?: string; only?: readonly string[] },
    { items: readonly Stream[]; next: string | null },
  ];

  'catalog.pipelines.create': [By<Scoped & PipelineInput>, PipelineView];
  'catalog.pipelines.get': [ById, PipelineView];
  'catalog.pipelines.list': [Scoped, readonly PipelineView[]];
  'catalog.pipelines.update': [By<ById & PipelineInput>, PipelineView];
  'catalog.pipelines.delete': [By<ById>, null];
  /**
   * The next run reads from the start. Conflict 'run-active' while a run is active. `keyless`: up to 100 of the streams whose
   * rows that run adds once more, since they have no key to overwrite by.
   */
  'catalog.pipelines.reset': [
    By<ById>,
    { readonly pipeline: PipelineView; readonly keyless: readonly string[]; readonly keylessCount: number },
  ];

  /** Starts a run now. Conflict 'run-active' while one of this pipeline is active. */
  'scheduler.runs.trigger': [By<ById>, RunView];
  /** As above; `dueAt` makes a scheduled start unique, `previousId` continues a chain of attempts not before `notBefore`. */
  'catalog.runs.create': [
    By<Scoped & { pipelineId: string; trigger: RunTrigger; dueAt?: string; previousId?: string; notBefore?: string }>,
    RunView,
  ];
  'catalog.runs.get': [ById, RunView];
  'catalog.runs.streams': [ById, readonly RunStreamView[]];
  'catalog.runs.list': [RunQuery, Page<RunView>];
  /** Cancels a pending run now, asks a running one to stop. Conflict 'run-over' when it has ended. */
  'catalog.runs.cancel': [By<ById & { reason?: string }>, RunView];
  /** A runner takes a run off the queue; null when it is not to be had any more. */
  'catalog.runs.claim': [{ runId: string; runnerId: string; publicKey: string }, Assignment | null];
  /** Every few seconds. `lost`: stop at once, another runner may have it. `cancel`: stop at the next boundary. */
  'catalog.runs.heartbeat': [Held, { readonly cancel: boolean; readonly lost: boolean }];
  /** The runner's last word on an attempt, with its final counts. */
  'catalog.runs.finish': [Held & { outcome: Outcome; counts: Counts; streams: readonly RunStreamView[] }, RunView];
  /** A runner that shuts down hands its run back; it goes to the next one as the same attempt. */
  'catalog.runs.release': [Held, null];

  /** For the scheduler: attempts that ended in a retryable way or whose lease ran out and that have no successor yet. */
  'catalog.runs.unresolved': [{ limit: number }, readonly UnresolvedRun[]];
  /** No further attempt follows a failed one: its chain has ended as it did. No-op when it was settled or has a successor. */
  'catalog.runs.settle': [{ runId: string }, RunView];
  /** Ends an attempt whose runner went silent. No-op when it is over or its lease was renewed meanwhile. */
  'catalog.runs.expire': [{ runId: string }, RunView];
  'catalog.schedules.list': [
    { after?: string; limit: number },
    readonly {
      pipelineId: string;
      tenantId: string;
      schedule: Schedule;
      lastDueAt: string | null;
      createdAt: string;
    }[],
  ];
  'catalog.schedules.planned': [{ pipelineId: string; nextRunAt: string | null }, null];

  /** A runner trades the ticket of a check or discovery for what to open. */
  'catalog.probes.redeem': [{ ticket: string; publicKey: string }, { role: Role; opening: Opening }];
  'catalog.probes.streams': [{ ticket: string; streams: readonly Stream[] }, null];
  'runner.probes.check': [{ ticket: string }, readonly Finding[]];
  /** Sends what it finds through `catalog.probes.streams`, in pages; answers how many there were. */
  /** Removes these lanes from a destination, or what a source keeps for a pipeline; answers what could not be removed. */
  'runner.probes.drop': [{ ticket: string; lanes: readonly string[] }, readonly Finding[]];
  'runner.probes.discover': [{ ticket: string }, { readonly count: number }];

  /** `hash`: SHA-256 of the key, hex. null: no such key, revoked or expired. */
  'catalog.keys.verify': [{ hash: string }, Principal | null];
  'catalog.keys.create': [
    By<Scoped & { name: string; permissions: readonly Permission[]; expiresAt?: string }>,
    { id: string; key: string },
  ];
  'catalog.keys.list': [
    Scoped,
    readonly {
      id: string;
      name: string;
      prefix: string;
      permissions: readonly Permission[];
      createdAt: string;
      expiresAt: string | null;
      revokedAt: string | null;
    }[],
  ];
  'catalog.keys.revoke': [By<ById>, null];
}
export type Subject = keyof Rpc;
export type Request<S extends Subject> = Rpc[S][0];
export type Answer<S extends Subject> = Rpc[S][1];
