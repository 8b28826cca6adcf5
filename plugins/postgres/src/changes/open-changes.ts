/** The change stream of a pipeline: opened at a position, read as batches, confirmed as they become durable. */
import { type Batch, type Checkpoint, ConfigError, type Context, type Stream, codes } from '@sluice/connector-sdk';
import type { ConnectionConfig } from '../config.js';
import type { Connection } from '../connect.js';
import { mapError, mapped, sqlState } from '../errors.js';
import type { BatchLimits } from './batches.js';
import { tableFindings } from './check-changes.js';
import { type Identity, identitiesOf } from './identity.js';
import {
  type Position,
  checkpointOf,
  positionOf,
  refuseLostSlot,
  refuseOtherPublication,
  refuseOtherServer,
  refuseOvertaken,
} from './position.js';
import {
  ensurePublication,
  outlastUnlogged,
  publicationState,
  refuseIncomplete,
  refuseUnpublished,
} from './publication.js';
import { type Followed, Relations } from './relations.js';
import { ReplicationLink, type Served } from './replication-link.js';
import { changesName, ensureSlot, freeSlot, refuseForeign, slotState } from './slot.js';
import { transactions } from './transactions.js';
import type { Since } from './visible.js';

export interface ChangesOptions {
  /** Names slot and publication, which are this pipeline's own. */
  readonly pipeline: string;
  readonly streams: readonly Followed[];
  /**
   * By stream id: the snapshot that its copy was read in, after `prepareChanges`. Given until a checkpoint of the stream that is opened with
   * it is durable: checkpoints keep it from there on, for as long as it is needed.
   */
  readonly since?: Readonly<Record<string, Since>>;
  /** A checkpoint of this stream; absent: from where the slot stands, which is made when it is not there. */
  readonly after?: Checkpoint;
  readonly limits?: Partial<Limits>;
}
export interface Limits extends BatchLimits {
  /** Bytes of one row in the log. */
  readonly maxMessageBytes: number;
  /** Bytes of open transactions that are kept in memory; what is more goes to a temporary file. */
  readonly holdBytes: number;
}
const usualLimits: Limits = {
  batchBytes: 1 << 20,
  groupMillis: 200,
  idleMillis: 2000,
  maxMessageBytes: 256 << 20,
  holdBytes: 8 << 20,
};

export interface Changes extends AsyncIterable<Batch>, AsyncDisposable {
  /** The checkpoint is durable: the server may let its log go up to there. (Invariant 2) */
  confirm(checkpoint: Checkpoint): void;
}

/**
 * Makes publication and slot for these streams, or gives the publication the streams that it should have. Repeatable. To be called
 * before a stream's copy is begun: what is not in a snapshot that is taken after it returns is in the log. Waits for who writes
 * the tables meanwhile. Throws ConfigError for what the user must change, TransientError when writers stay.
 */
export const prepareChanges = (
  connection: Connection,
  { signal }: Pick<Context, 'signal'>,
  pipeline: string,
  streams: readonly Stream[],
): Promise<void> =>
  mapped(async () => {
    await makeReady(connection, pipeline, streams);
    await outlastUnlogged(connection, streams, writersSeconds, signal);
  });

async function makeReady(connection: Connection, pipeline: string, streams: readonly Stream[]): Promise<void> {
  await refuseUnfit(connection, streams);
  // The publication first: the log is read as of its own time, and has to know it.
  await ensurePublication(connection, changesName(pipeline), streams);
  await ensureSlot(connection, changesName(pipeline));
}
const writersSeconds = 600;

/** Opens the stream. `connection` is used while it is read. Throws LostPositionError before the first batch. (Invariant 7) */
export async function openChanges(
  connection: Connection,
  config: ConnectionConfig,
  context: Context,
  options: ChangesOptions,
): Promise<Changes> {
  try {
    return await open(connection, config, context, options);
  } catch (error) {
    throw mapError(error);
  }
}

async function open(
  connection: Connection,
  config: ConnectionConfig,
  context: Context,
  { pipeline, streams: followed, since = {}, after, limits: given }: ChangesOptions,
): Promise<Changes> {
  const name = changesName(pipeline);
  const limits = { ...usualLimits, ...given };
  const streams = followed.map(({ stream }) => stream);
  const asked = after && positionOf(after);
  if (asked === undefined && Object.keys(since).length === 0) await makeReady(connection, pipeline, streams);
  const identities = await refuseUnfit(connection, streams);
  const found = await publicationState(connection, name);
  const slot = refuseLostSlot(await slotState(connection, name), name, asked?.lsn);
  await refuseForeign(connection, slot);
  if (found) refuseIncomplete(connection, name, found, streams, identities);
  refuseUnpublished(found, name, streams);
  if (asked) refuseOtherPublication(asked, found!, name);
  if (slot.activePid !== undefined) await freeSlot(connection, name, 8000);

  const from = asked?.lsn ?? slot.confirmed!;
  refuseOvertaken(from, since, asked?.since ?? {});
  const snapshots = { ...asked?.since, ...since };
  let server: Served | undefined;
  const link = await ReplicationLink.open(
    config,
    context,
    { slot: name, publication: name, from, maxMessageBytes: limits.maxMessageBytes },
    (served) => {
      server = served;
      if (asked) refuseOtherServer(asked, served);
    },
  ).catch(async (error: unknown) => {
    // The slot may have been lost since it was looked at.
    if (['55000', '58P01', '42704'].includes(sqlState((error as { cause?: unknown }).cause) ?? ''))
      refuseLostSlot(await slotState(connection, name), name, asked?.lsn);
    throw error;
  });
  const at = (lsn: bigint): Position => ({
    lsn,
    system: server!.system,
    timeline: server!.timeline,
    publication: found!.oid,
    since: snapshots,
  });
  const relations = new Relations(connection, { moneyScale: await moneyScale(connection) }, followed);
  const checkpoint = (lsn: bigint): Checkpoint => checkpointOf(at(lsn));
  return {
    confirm: (confirmed) => link.confirm(positionOf(confirmed).lsn),
    async *[Symbol.asyncIterator]() {
      const stop = (): void => link.nudge();
      context.signal.addEventListener('abort', stop);
      try {
        if (asked === undefined) yield { kind: 'idle', checkpoint: checkpoint(from) };
        const hold = { memory: limits.holdBytes };
        yield* transactions({
          ...{ log: link, relations, start: from, since: snapshots, limits, hold, signal: context.signal, checkpoint },
        });
      } catch (error) {
        throw mapError(error);
      } finally {
        context.signal.removeEventListener('abort', stop);
      }
    },
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}

const moneyScale = async ({ client }: Connection): Promise<number> =>
  Number((await client.query<{ scale: string }>(`SELECT scale(0::money::numeric)::text AS scale`)).rows[0]!.scale);

/** Tables that cannot be followed rightly, or whose writers publishing them would stop. */
async function refuseUnfit(connection: Connection, streams: readonly Stream[]): Promise<readonly Identity[]> {
  const identities = await identitiesOf(connection, streams);
  for (const stream of streams) {
    const identity = identities.find((one) => one.stream === stream.id);
    if (!identity)
      throw new ConfigError(`The table ${stream.id} does not exist any more.`, { code: codes.noSuchStream });
    const [unfit] = tableFindings(stream, [identity], connection.version).filter(
      ({ severity }) => severity === 'error',
    );
    if (unfit)
      throw new ConfigError(unfit.message, {
        code: `postgres.${unfit.code}`,
        ...(unfit.fix === undefined ? {} : { fix: unfit.fix }),
      });
  }
  return identities;
}
