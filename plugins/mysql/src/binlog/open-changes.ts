/** The change stream of a server of the MySQL family. */
import { type Batch, type Checkpoint, type Context, type Stream, TransientError } from '@sluice/connector-sdk';
import type { SourceConfig } from '../config.js';
import { toSluiceError } from '../errors.js';
import { type Link, openLink } from '../link.js';
import { type BinlogDump, openDump } from './binlog-link.js';
import type { DumpStart } from './replica-requests.js';
import { MalformedEvent } from './bytes.js';
import { loadCharsets } from './charsets.js';
import { scanDdl } from './ddl-scan.js';
import { EventReader } from './event-reader.js';
import { MysqlGtids } from './gtid-set.js';
import { LogCursor } from './log-cursor.js';
import {
  type LogPosition,
  type Place,
  checkPosition,
  currentPosition,
  earliest,
  toCheckpoint,
  toLogPosition,
} from './position.js';
import { type CapturedStream, SchemaHistory } from './schema-history.js';
import { Since } from './since.js';
import { Transactions } from './transactions.js';

export interface ChangesOptions {
  /** The pipeline's id, for the log. */
  readonly pipeline: string;
  readonly streams: readonly CapturedStream[];
  /** By stream id: the place of the log that a stream's copy was made at. What was committed up to there is not read again. */
  readonly since?: Readonly<Record<string, Checkpoint>> | undefined;
  /** Where to go on. Absent: at the earliest place of `since`; without that, at the end of the log. */
  readonly after?: Checkpoint | undefined;
  /** End at what is the end of the log now (`rds.mysql`), instead of waiting for more (`rds.mysqlc`). */
  readonly untilEnd: boolean;
  /** What to do when another table is renamed to a captured one; 'stop' with a DataError when left out. */
  readonly onReplace?: 'stop' | 'follow';
  /** Seconds of silence after which the server says that it is there; 5 when left out. */
  readonly heartbeat?: number;
}

export interface Changes extends AsyncIterable<Batch> {
  /** Durable downstream. The server keeps its log by age and not by reader: there is nothing to let go. */
  confirm(checkpoint: Checkpoint): Promise<void>;
}

/** Milliseconds between two batches that only say that the position moved. */
const idleEvery = 1000;

/**
 * Nothing is connected before the first batch is asked for. Throws LostPositionError before the first batch when the server
 * cannot go on from there; DataError for what cannot be read with certainty. Ends when `context.signal` aborts.
 */
export function openChanges(config: SourceConfig, context: Context, options: ChangesOptions): Changes {
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield* follow(config, context, options);
      } catch (error) {
        throw error instanceof MalformedEvent
          ? new TransientError(error.message, { code: 'mysql.malformed-event', cause: error })
          : toSluiceError(error);
      }
    },
    confirm: async () => undefined,
  };
}

interface Plan {
  readonly start: LogPosition;
  readonly dumpStart: DumpStart;
  readonly end: LogPosition;
  readonly flavour: 'mysql' | 'mariadb';
  readonly charsets: Awaited<ReturnType<typeof loadCharsets>>;
}

async function* follow(config: SourceConfig, context: Context, options: ChangesOptions): AsyncGenerator<Batch> {
  const connect = (): Promise<Link> =>
    openLink(config, { dial: context.dial, variant: context.variant, withoutDatabase: true });
  const plan = await makePlan(connect, options);
  const ids = options.streams.map(({ stream }) => stream.id);
  const dumpOptions = { dial: context.dial, variant: context.variant };
  const history = new SchemaHistory({
    streams: options.streams,
    charsets: plan.charsets,
    zeroDates: config.zero_dates,
    connect,
    scan: (from, to) => scanDdl(config, dumpOptions, { from, to, streams: ids, signal: context.signal }),
  });
  await history.load();
  const since = Object.entries(options.since ?? {}).map(([id, at]) => [id, toLogPosition(at)] as const);
  const transactions = new Transactions({
    history,
    cursor: new LogCursor(plan.start, plan.end.server, plan.flavour),
    since: new Since(new Map(since), plan.end.server, plan.flavour),
    streams: ids,
    dropped: plan.start.dropped ?? [],
    onReplace: options.onReplace ?? 'stop',
    warn: (message, stream) => context.log('warn', message, { stream, pipeline: options.pipeline }),
  });
  await using dump = await openDump(
    config,
    {
      ...dumpOptions,
      untilEnd: options.untilEnd,
      ...(options.heartbeat === undefined ? {} : { heartbeat: options.heartbeat }),
    },
    plan.dumpStart,
  );
  yield* pump(
    dump,
    transactions,
    context.signal,
    options.untilEnd ? plan.end : undefined,
    options.after === undefined && plan.start.file !== '',
  );
  for (const { count, stream } of history.zeroDates)
    if (count > 0) context.log('warn', 'Zero dates were read as NULL.', { stream, values: count });
}

async function makePlan(connect: () => Promise<Link>, { after, since }: ChangesOptions): Promise<Plan> {
  await using link = await connect();
  const end = await currentPosition(link);
  const first = earliest(Object.values(since ?? {}).map(toLogPosition));
  const start = after === undefined ? (first ?? end) : toLogPosition(after);
  const flavour = link.server.flavour === 'mariadb' ? 'mariadb' : 'mysql';
  const dumpStart = dumpStartOf(start, end, flavour);
  await checkPosition(link, start, end, dumpStart.by === 'place');
  return {
    // Places of another server say nothing here; the first event tells the file.
    start: start.server === end.server ? start : { ...start, server: end.server, file: '', position: 0 },
    end,
    flavour,
    dumpStart,
    charsets: await loadCharsets(link),
  };
}

/** By place where the files are the same; MySQL finds the place itself by ids, and passes over what was read. */
function dumpStartOf(start: LogPosition, here: LogPosition, flavour: 'mysql' | 'mariadb'): DumpStart {
  if (flavour === 'mysql' && start.gtids !== undefined && here.gtids !== undefined)
    return { by: 'gtids', gtids: MysqlGtids.parse(start.gtids) };
  if (start.server === here.server) return { by: 'place', place: start };
  return { by: 'domains', state: start.gtids ?? '' };
}

async function* pump(
  dump: BinlogDump,
  transactions: Transactions,
  signal: AbortSignal,
  end: Place | undefined,
  fresh: boolean,
): AsyncGenerator<Batch> {
  const reader = new EventReader();
  const { outbox, checkpoint } = transactions;
  if (fresh) yield* outbox.begin(checkpoint());
  for (let events = await dump.next(signal); events !== undefined; events = await dump.next(signal)) {
    for (const bytes of events) {
      const more = transactions.take(reader.read(bytes));
      if (more !== undefined) yield* more;
      if (outbox.full) yield* outbox.flush(checkpoint);
      if (signal.aborted) return;
    }
    if (!dump.drained) continue;
    yield* outbox.flush(checkpoint);
    if (end !== undefined && transactions.reached(end)) break;
    if (!outbox.idle || !transactions.between || outbox.sinceCheckpoint < idleEvery) continue;
    yield* outbox.idleBatch(checkpoint());
  }
  if (signal.aborted) return;
  yield* outbox.flush(checkpoint);
  if (outbox.idle) yield* outbox.idleBatch(checkpoint());
}

/** Where the log is now: to be asked before a copy begins, so that the changes behind it can follow. */
export async function changesPosition(config: SourceConfig, context: Context): Promise<Checkpoint> {
  await using link = await openLink(config, { dial: context.dial, variant: context.variant, withoutDatabase: true });
  return toCheckpoint(await currentPosition(link));
}
export type { CapturedStream, Stream };
