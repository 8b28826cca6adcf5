/** What a runner and its worker processes say to each other over the IPC channel ('advanced' serialization: bigint survives). */
import type { Checkpoint, Finding, Json, Stream } from '@sluice/connector-sdk';
import type {
  ErrorReport,
  LaneCounts,
  LanePart,
  LanePlan,
  LogLevel,
  LostPosition,
  MostParts,
  PartCounts,
  Phase,
  StreamBinding,
} from '@sluice/engine';
import type { OutboundSettings } from '@sluice/outbound';

/** What a worker is started with, as one argument of JSON: no secret is in it. */
export interface WorkerSettings {
  readonly pluginRoots: readonly string[];
  readonly outbound: OutboundSettings;
}

type JsonObject = { readonly [key: string]: Json };
export type Role = 'source' | 'destination';
/** With secrets: this channel is the only way they reach a worker. (Invariant 12) */
export interface OpenOrder {
  /** As the user named the endpoint. */
  readonly name: string;
  readonly type: string;
  readonly config: JsonObject;
  readonly secrets: JsonObject;
}
/** An error on its way out, with the end that threw it. */
export type Report = ErrorReport & { readonly end?: Role };
export interface RunOrder {
  readonly pipelineId: string;
  readonly mode: 'full' | 'incremental' | 'changes';
  readonly fence: bigint;
  readonly generation: number;
  /** Of the chain of attempts: counts go on where an earlier attempt's commits ended. */
  readonly rootId: string;
  readonly bindings: readonly StreamBinding[] | null;
  readonly encoding: 'auto' | 'rows';
  readonly source: OpenOrder;
  readonly destination: OpenOrder;
}
export interface PlanAnswer {
  readonly lanes: readonly LanePlan[];
  readonly refused: readonly { readonly stream: string; readonly error: Report }[];
}
export type LaneAnswer = { readonly counts: LaneCounts } & (
  | { readonly status: 'done' | 'already-done' | 'stopped' | 'fenced' }
  | { readonly status: 'split'; readonly parts: readonly LanePart[]; readonly startedOver: boolean }
  /** Of a part or a publication: its whole stream is to be started over. */
  | { readonly status: 'lost'; readonly lost: LostPosition }
  | { readonly status: 'failed'; readonly scope: 'lane' | 'run'; readonly error: Report }
);
export interface LaneTask {
  readonly plan: LanePlan;
  /** The name of the part that the plan's request is of. */
  readonly part?: string;
  /** More than 1: the lane may be cut into so many. */
  readonly parts?: MostParts;
  /** All parts are done: show the stream. */
  readonly publish?: boolean;
  /** With `publish`: what they have committed. */
  readonly ofParts?: PartCounts;
  /** 'now': its parts were lost. 'never': it was started over before, in this attempt. */
  readonly startOver?: 'now' | 'never';
}
/** Order -> answer. */
export interface Orders {
  /** Imports plugins ahead of their use: these connector types, or with none of them those of the platform itself. */
  preload: [{ readonly types: readonly string[] }, null];
  check: [{ readonly role: Role; readonly opening: OpenOrder }, readonly Finding[]];
  /** What could not be removed. */
  drop: [{ readonly role: Role; readonly opening: OpenOrder; readonly lanes: readonly string[] }, readonly Finding[]];
  /** Streams come before the answer, in `streams` notes. */
  discover: [{ readonly opening: OpenOrder }, { readonly count: number }];
  /** The run that this worker now works for. */
  begin: [RunOrder, null];
  /** Opens both ends, asks what there is and plans. */
  plan: [null, PlanAnswer];
  lane: [LaneTask, LaneAnswer];
}
export type OrderKind = keyof Orders;
export type ToWorker =
  | { readonly [K in OrderKind]: { readonly id: number; readonly kind: K; readonly body: Orders[K][0] } }[OrderKind]
  /** Finish or roll back what is in hand; with `lane`, if it is of that lane, and take other lanes then. */
  | { readonly kind: 'abort'; readonly reason: string; readonly lane?: string };

/** Wall clock of this machine, ms: so that parent and worker measure one trigger together. */
export type Stage = 'opened' | 'planned' | 'first-data';
export type Note =
  | { readonly kind: 'beat' }
  | { readonly kind: 'stage'; readonly stage: Stage; readonly at: number }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields?: JsonObject }
  | { readonly kind: 'phase'; readonly stream: string; readonly phase: Phase }
  | {
      readonly kind: 'counts';
      readonly stream: string;
      readonly part?: string;
      readonly counts: LaneCounts;
      readonly committed: LaneCounts;
    }
  | { readonly kind: 'committed'; readonly lane: string; readonly checkpoint: Checkpoint; readonly complete: boolean }
  | { readonly kind: 'streams'; readonly streams: readonly Stream[] };
export type FromWorker =
  | Note
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: Report };
