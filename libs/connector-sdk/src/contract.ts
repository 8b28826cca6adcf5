/**
 * The connector contract, version 1: what a plugin is, what it is lent, what it yields and what it takes.
 *
 * This file is types and two identity functions. The rules that types cannot say are in this package's README; those a test
 * can see are enforced by `@sluice/connector-kit`. Invariants are numbered in docs/invariants.md.
 */
import type { Socket } from 'node:net';
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One schema per connector: validates at run time, types `open`, and renders the form, Swagger and README. */
export type ConfigSchema<C> = StandardSchemaV1<unknown, C> & StandardJSONSchemaV1<unknown, C>;

/** How far a read has come. Opaque to everyone but the source that made it; `v` is that source's own format version. */
export type Checkpoint = { readonly v: number } & { readonly [key: string]: Json };

/** A named byte format, e.g. 'csv/1', 'copy-text/1', 'copy-binary/1'. Its page in docs/encodings fixes every rendering. */
export type Encoding = `${string}/${number}`;

/** 'full': the whole stream as of now. 'cursor': what a cursor column says is new. 'changes': the system's change log. */
export type ReadMode = 'full' | 'cursor' | 'changes';

/** 'append' adds rows, 'upsert' replaces rows by key, 'replace' fills a shadow table and swaps it in at `complete`. */
export type WriteMode = 'append' | 'upsert' | 'replace';

/**
 * What a column means, whatever its system calls it. docs/encodings/rows.md gives the JavaScript value of each.
 * 'duration' is a signed span of hours to microseconds (MySQL TIME); spans with months are 'string'.
 */
export type LogicalType =
  | 'boolean'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'decimal'
  | 'string'
  | 'bytes'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'duration'
  | 'uuid'
  | 'json';

export interface Column {
  readonly name: string;
  readonly type: LogicalType;
  readonly nullable: boolean;
  /** The type as the source's own system spells it: 'numeric(12,2)'. Read together with `Stream.system`. */
  readonly native: string;
  /** For 'decimal': total digits; absent when the source sets no limit. */
  readonly precision?: number;
  /** For 'decimal': digits after the point. For time types: digits of the second's fraction. */
  readonly scale?: number;
  /** For 'string' (characters) and 'bytes' (bytes): the greatest length; absent when unlimited. */
  readonly length?: number;
}

/** What a source offers to read: a table, view, collection, endpoint or folder. */
export interface Stream {
  /** Stable and unique within the source: `streamId(path)`, e.g. 'public.orders'. */
  readonly id: string;
  /** The name's parts as the source has them, outermost first: ['public', 'orders']. */
  readonly path: readonly string[];
  /** Whose spelling `Column.native` uses: 'postgres', 'mysql'. A destination of the same system may keep native types. */
  readonly system?: string;
  readonly kind?: 'table' | 'view';
  readonly columns: readonly Column[];
  /** Column names of the primary or unique key, in order; empty when the source has none. */
  readonly key: readonly string[];
  readonly modes: readonly ReadMode[];
  /** Columns fit for mode 'cursor'. */
  readonly cursors: readonly string[];
  /** The source's own guess, for progress and planning only; absent when it has none. */
  readonly estimate?: { readonly rows: number; readonly bytes: number };
}

/** `null` is NULL; `undefined` means "unchanged, not sent" and is legal only in the `after` of an update. */
export type Value = null | undefined | boolean | number | bigint | string | Uint8Array;
/** Values by position in `Stream.columns`. */
export type Row = readonly Value[];
export type Change =
  | { readonly op: 'insert'; readonly stream: string; readonly after: Row }
  | { readonly op: 'update'; readonly stream: string; readonly before?: Row; readonly after: Row }
  | { readonly op: 'delete'; readonly stream: string; readonly before: Row }
  | { readonly op: 'truncate'; readonly stream: string };

/** Bytes of one stream in an agreed encoding. Consumed once; chunk edges mean nothing. */
export interface RawData {
  readonly kind: 'raw';
  readonly stream: string;
  readonly encoding: Encoding;
  /** Its end says that it is whole; an abort makes it throw, so that a torn one is never committed. */
  readonly body: AsyncIterable<Uint8Array>;
  /** How many rows the body held, as the source itself counts them. Asked only after the body has ended. (Invariant 6) */
  rows(): number;
}
export interface RowData {
  readonly kind: 'rows';
  readonly stream: string;
  readonly rows: readonly Row[];
}
export interface ChangeData {
  readonly kind: 'changes';
  readonly changes: readonly Change[];
}
export type Data = RawData | RowData | ChangeData;

/**
 * What a source yields, in order. A batch with a `checkpoint` ends on a consistent boundary: a source transaction is never
 * split across checkpoints (Invariant 3), and nothing written becomes durable before the commit of its checkpoint.
 */
export type Batch =
  | (Data & { readonly checkpoint?: Checkpoint })
  /** The stream's shape from here on. Comes before the first data of that shape. */
  | { readonly kind: 'schema'; readonly stream: Stream }
  /** The position moved, no data did. Only when nothing is staged. */
  | { readonly kind: 'idle'; readonly checkpoint: Checkpoint }
  /**
   * A full read of this stream has ended and all of it was yielded: a destination in mode 'replace' swaps its shadow table in
   * with this checkpoint. Once per full read, for an empty stream too; never after an abort or an error. (Invariant 5)
   */
  | { readonly kind: 'complete'; readonly stream: string; readonly checkpoint: Checkpoint };

/** One stream to read, with the columns and the key that the pipeline selected. */
export interface StreamRequest {
  readonly stream: Stream;
  readonly mode: ReadMode;
  /** Agreed by the engine out of what both sides offer; absent: yield 'rows'. */
  readonly encoding?: Encoding;
  /** The cursor column; set in mode 'cursor'. */
  readonly cursor?: string;
  /** One of the answers of `split`; absent: all of the stream. */
  readonly part?: Json;
}

/** A server to connect to, as the configuration or the system itself names it. */
export interface Endpoint {
  /** A host name or an IP address; no URL and no path. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds for the lookup and the connection together; 30,000 when left out. */
  readonly timeout?: number;
}

/** All that the host lends a plugin. Plugins read no environment, open no log, set no global timer or signal handler. */
export interface Context {
  /** The variant the connection was made for, one of `Plugin.variants`; absent when the plugin has none. */
  readonly variant?: string;
  /** Abort: finish the rows in hand and return; a raw body throws the signal's reason. */
  readonly signal: AbortSignal;
  /**
   * The only way out to a host that the user or the system names: looks it up once, refuses what the operator does not allow
   * (ConfigError 'outbound-denied' at path 'host'), and answers a connected socket to the very address that was judged. TLS
   * goes on top of it, and checks the certificate against the name. A failure to look up or connect is Node's own error.
   */
  dial(to: Endpoint): Promise<Socket>;
  log(level: 'debug' | 'info' | 'warn', message: string, fields?: Readonly<Record<string, Json>>): void;
}

/** One thing `check` found. `check` returns every finding, not the first; ready means none of severity 'error'. */
export interface Finding {
  /** Stable, kebab-case: 'wal-level'. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What to do, as a statement to run where there is one: 'GRANT SELECT ON public.orders TO reader'. */
  readonly fix?: string;
}

/**
 * An open source: one connection (or one small set) to the system. The host never runs two members of one session at once,
 * but for `confirm`, which it calls between two batches. All full reads of one session see one moment where the system can.
 */
export interface SourceSession extends AsyncDisposable {
  /** At any time before `read`. Changes nothing in the source. Throws only when it cannot even say what is wrong. */
  check(): Promise<readonly Finding[]>;
  /** The streams the source offers, or those of `only` (stream ids) that exist. Ordered by id. */
  discover(only?: readonly string[]): Promise<readonly Stream[]>;
  /**
   * Reads from the boundary `after` (a checkpoint this source made; absent: from the start). Pulled: the next batch is made
   * when asked for. Ends when the read is done, or when the signal aborts. Called again for further lanes of the same run.
   */
  read(requests: readonly StreamRequest[], after?: Checkpoint): AsyncIterable<Batch>;
  /** At most `parts` opaque pieces of a full read that may run at once, of one moment while this session stays open. */
  split?(stream: Stream, parts: number): Promise<readonly Json[]>;
  /** Durable downstream: the log may be freed up to here. May come late, rarely or never. (Invariant 2) */
  confirm?(checkpoint: Checkpoint): Promise<void>;
  /** The pipeline is gone: remove what the source keeps for it (slots, publications). Best effort; says what is left. */
  drop?(): Promise<readonly Finding[]>;
}

/** Checkpoints and shadow tables belong to a lane: one reader, one writer. */
export interface Lane {
  /** Stable over runs: a pipeline's stream, or its change stream. */
  readonly id: string;
  /** Present when this lane is one of several that fill one shadow table together; each has its own checkpoint. */
  readonly part?: string;
  /** Grows each time the lane changes hands; a commit with a lower one is refused. (Invariant 4) */
  readonly fence: bigint;
  /** Grows from one load to the next: the checkpoint and the shadow table of an older generation are forgotten. */
  readonly generation: number;
  /**
   * Start this generation over, as what it has committed is of no use any more. Set on a lane without a part only, in `resume`:
   * see there. Absent or false: go on.
   */
  readonly startOver?: boolean;
}
/** Where a stream goes. */
export interface Target {
  /** ['orders'] (in the connection's own schema or database) or ['sales', 'orders']. */
  readonly table: readonly string[];
  readonly mode: WriteMode;
  /** Column names; not empty in mode 'upsert'. */
  readonly key: readonly string[];
  /**
   * True: this lane, or the parts it shares a shadow table with, has committed data for this target before, so its table (mode
   * 'replace': the shadow table) must be there. Absent or false: it may have to be made. Set by the host in `prepare`.
   */
  readonly committed?: boolean;
}
/** What one `write` took. */
export interface Written {
  readonly rows: number;
  readonly bytes: number;
}

/** An open destination. The host never runs two members of one session at once. */
export interface DestinationSession extends AsyncDisposable {
  /** As `SourceSession.check`; says too whether tables can be made, filled and swapped. Leaves nothing behind. */
  check(): Promise<readonly Finding[]>;
  /**
   * Takes the lane: registers its fence (FencedError when a higher one is known), discards what was staged and never
   * committed, finishes a swap that is due, and answers the lane's last commit in this generation.
   *
   * With `lane.startOver` it then forgets, all or nothing, what this generation has committed: the lane's last commit, those of
   * all its parts and the shadow tables; parts take the lane's fence, and the target stays as it is. Answers undefined. Repeatable.
   */
  resume(lane: Lane): Promise<Checkpoint | undefined>;
  /** Encodings it takes for this stream, best first; 'rows' and 'changes' go without saying. */
  accepts(stream: Stream, target: Target): readonly Encoding[];
  /**
   * Idempotent and additive. Mode 'replace': makes the empty shadow table, or finds the one the lane's last commit left, and
   * never touches the target. Else: makes the target or adds what it lacks. Returns the statements it ran.
   *
   * Throws LostPositionError, and makes nothing, when `target.committed` says that there are rows, and the table that had them
   * (the shadow table, in mode 'replace') is gone: an empty one in its place would lack them. (Invariant 7)
   */
  prepare(stream: Stream, target: Target): Promise<readonly string[]>;
  /** Stages. Resolves when it can take more: that is the back-pressure. Holds no lock on the target. */
  write(data: Data): Promise<Written>;
  /**
   * Makes all staged data and the checkpoint durable as one (Invariant 1). 'append' and 'upsert' publish the data with it;
   * 'replace' adds it to the shadow table, and publishes that when `complete` names its stream (Invariant 5).
   */
  commit(checkpoint: Checkpoint, complete?: string): Promise<void>;
  /** The lane is gone: forget its checkpoints, fence and shadow table. Leaves the target alone. */
  drop(lane: Pick<Lane, 'id'>): Promise<void>;
}

/** A flavour of a plugin under a name of its own, e.g. 'mariadb' of the MySQL plugin. Names are unique over all plugins. */
export interface Variant {
  readonly title: string;
  readonly description: string;
}
interface Plugin<C, Kind extends string, Can, Session> {
  readonly contract: 1;
  readonly kind: Kind;
  /** Lower case: [a-z][a-z0-9-]*. A source and a destination of one system share it. */
  readonly id: string;
  readonly title: string;
  readonly variants?: Readonly<Record<string, Variant>>;
  readonly config: ConfigSchema<C>;
  /** Claims. The kit tests every one, and that what is not claimed is refused. Nothing outside a plugin asks for its id. */
  readonly can: Readonly<Can>;
  /** Connects. Throws ConfigError (wrong password, no such host) or TransientError (not now). */
  open(config: C, context: Context): Promise<Session>;
}
export type SourcePlugin<C = unknown> = Plugin<
  C,
  'source',
  { modes: readonly ReadMode[]; encodings: readonly Encoding[]; split: boolean },
  SourceSession
>;
export type DestinationPlugin<C = unknown> = Plugin<
  C,
  'destination',
  {
    modes: readonly WriteMode[];
    encodings: readonly Encoding[];
    /** 'atomic': data and checkpoint as one. 'idempotent': repeated without harm. 'at-least-once': may repeat rows. */
    commit: 'atomic' | 'idempotent' | 'at-least-once';
    evolve: readonly ('add-column' | 'widen')[];
  },
  DestinationSession
>;
export type AnyPlugin = SourcePlugin<never> | DestinationPlugin<never>;

/** Identity with types: the whole of a source plugin is the object given here. */
export const defineSource = <C>(plugin: Omit<SourcePlugin<C>, 'contract' | 'kind'>): SourcePlugin<C> => ({
  contract: 1,
  kind: 'source',
  ...plugin,
});
/** Identity with types: the whole of a destination plugin is the object given here. */
export const defineDestination = <C>(
  plugin: Omit<DestinationPlugin<C>, 'contract' | 'kind'>,
): DestinationPlugin<C> => ({
  contract: 1,
  kind: 'destination',
  ...plugin,
});
