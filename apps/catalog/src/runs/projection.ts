/**
 * Copies what runs say of themselves from JetStream into the database. Every event carries a fence and every message a
 * sequence: what comes from a stale fence, twice, or in the wrong order changes nothing, and a finished run's counts are final.
 */
import { AckPolicy, DeliverPolicy, type Consumer, type JetStreamClient, type JsMsg } from '@nats-io/jetstream';
import {
  ServiceError,
  streams,
  type CheckpointEvent,
  type ProgressEvent,
  type RunEvent,
  type RunStreamView,
} from '@sluice/messages';
import type { Logger } from '@sluice/service';
import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { isId } from '../requests.js';

export interface ProjectionDeps {
  readonly db: Database;
  readonly client: Pick<JetStreamClient, 'consumers' | 'jetstreamManager'>;
  repair(): Promise<void>;
  readonly logger: Pick<Logger, 'warn'>;
}
const durable = 'catalog-projection';
const batchSize = 500;

/** The last progress of each run, the last word on each of their streams, the last checkpoint of each lane. */
export interface Digest {
  readonly progress: Map<string, { seq: number; event: ProgressEvent }>;
  readonly streams: Map<string, { seq: number; event: ProgressEvent; stream: RunStreamView }>;
  readonly checkpoints: Map<string, { seq: number; event: CheckpointEvent }>;
}

export interface Numbered {
  /** Of the message in its JetStream stream. */
  readonly seq: number;
  readonly event: RunEvent;
}
export function digest(messages: readonly Numbered[]): Digest {
  const result: Digest = { progress: new Map(), streams: new Map(), checkpoints: new Map() };
  for (const { seq, event } of messages) {
    const key = `${event.runId} ${event.fence}`;
    if (event.kind === 'progress') {
      result.progress.set(key, { seq, event });
      for (const stream of event.streams) result.streams.set(`${key} ${stream.stream}`, { seq, event, stream });
    } else if (event.kind === 'checkpoint') {
      result.checkpoints.set(`${key} ${event.lane}`, { seq, event });
    }
  }
  return result;
}

const heldBy = `r.id = e.run_id AND r.fence = e.fence AND r.tenant_id = e.tenant_id`;
/** 'pending' after a release: the last words of the runner that handed it back count until the next one claims it. */
const active = `r.status IN ('running', 'cancelling', 'pending')`;

/** Idempotent. One catalog at a time, so that two batches never wait for each other's rows. */
export async function project(em: EntityManager, { progress, streams: moved, checkpoints }: Digest): Promise<void> {
  await em.query('SELECT pg_advisory_xact_lock(7318349395)');
  if (progress.size > 0)
    await em.query(
      `UPDATE run r SET ${['rows_read', 'rows_written', 'rows_rejected', 'bytes'].map((name) => `${name} = greatest(r.${name}, e.${name})`).join(', ')}, phase = CASE r.status WHEN 'pending' THEN r.phase ELSE e.phase END, estimated_rows = e.estimated_rows, event_seq = e.seq
       FROM jsonb_to_recordset($1::jsonb) AS e (run_id uuid, tenant_id text, fence bigint, seq bigint, rows_read bigint,
         rows_written bigint, rows_rejected bigint, bytes bigint, phase text, estimated_rows bigint)
       WHERE ${heldBy} AND ${active} AND r.event_seq < e.seq`,
      [
        JSON.stringify(
          [...progress.values()].map(({ seq, event }) => ({
            ...origin(seq, event),
            ...countsOf(event),
            phase: event.phase,
            estimated_rows: event.estimatedRows,
          })),
        ),
      ],
    );
  if (moved.size > 0)
    await em.query(
      `INSERT INTO run_stream AS s (run_id, fence, stream, status, rows_read, rows_written, rows_rejected, bytes, estimated_rows, error, event_seq)
       SELECT e.run_id, e.fence, e.stream, e.status, e.rows_read, e.rows_written, e.rows_rejected, e.bytes, e.estimated_rows,
         nullif(e.error, 'null'::jsonb), e.seq
       FROM jsonb_to_recordset($1::jsonb) AS e (run_id uuid, tenant_id text, fence bigint, seq bigint, stream text, status text,
         rows_read bigint, rows_written bigint, rows_rejected bigint, bytes bigint, estimated_rows bigint, error jsonb)
       JOIN run r ON ${heldBy} WHERE ${active} ORDER BY e.run_id, e.stream
       ON CONFLICT (run_id, fence, stream) DO UPDATE SET status = excluded.status, rows_read = excluded.rows_read,
         rows_written = excluded.rows_written, rows_rejected = excluded.rows_rejected, bytes = excluded.bytes,
         estimated_rows = excluded.estimated_rows, error = excluded.error, event_seq = excluded.event_seq
       WHERE s.event_seq < excluded.event_seq`,
      [
        JSON.stringify(
          [...moved.values()].map(({ seq, event, stream }) => ({
            ...origin(seq, event),
            ...countsOf(stream),
            stream: stream.stream,
            status: stream.status,
            estimated_rows: stream.estimatedRows,
            error: stream.error,
          })),
        ),
      ],
    );
  if (checkpoints.size > 0) await projectCheckpoints(em, [...checkpoints.values()]);
}

/** Valid after the run's end too: what is durable at the destination stays so. */
async function projectCheckpoints(
  em: EntityManager,
  checkpoints: readonly { seq: number; event: CheckpointEvent }[],
): Promise<void> {
  await em.query(
    `WITH stored AS (
       INSERT INTO checkpoint AS c (tenant_id, pipeline_id, lane, run_id, fence, generation, checkpoint, complete, event_seq, at)
       SELECT r.tenant_id, r.pipeline_id, e.lane, r.id, r.fence, r.generation, e.checkpoint, e.complete, e.seq, e.at
       FROM jsonb_to_recordset($1::jsonb) AS e (run_id uuid, tenant_id text, fence bigint, seq bigint, lane text,
         checkpoint jsonb, complete boolean, at timestamptz)
       JOIN run r ON ${heldBy} JOIN pipeline p ON p.tenant_id = r.tenant_id AND p.id = r.pipeline_id
       ORDER BY r.pipeline_id, e.lane
       ON CONFLICT (pipeline_id, lane) DO UPDATE SET run_id = excluded.run_id, fence = excluded.fence,
         generation = excluded.generation, checkpoint = excluded.checkpoint, complete = excluded.complete,
         event_seq = excluded.event_seq, at = excluded.at
       WHERE c.event_seq < excluded.event_seq AND c.fence <= excluded.fence
       RETURNING c.run_id)
     UPDATE run r SET checkpoints = r.checkpoints + s.n
     FROM (SELECT run_id, count(*)::int AS n FROM stored GROUP BY run_id) s WHERE r.id = s.run_id`,
    [
      JSON.stringify(
        checkpoints.map(({ seq, event }) => ({
          ...origin(seq, event),
          lane: event.lane,
          checkpoint: event.checkpoint,
          complete: event.complete,
          at: event.at,
        })),
      ),
    ],
  );
}

const origin = (seq: number, { runId, tenantId, fence }: RunEvent) => ({
  seq,
  run_id: runId,
  tenant_id: tenantId,
  fence,
});
const countsOf = ({ rowsRead, rowsWritten, rowsRejected, bytes }: RunStreamView | ProgressEvent) => ({
  rows_read: rowsRead,
  rows_written: rowsWritten,
  rows_rejected: rowsRejected,
  bytes,
});

export class Projection implements AsyncDisposable {
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  constructor(private readonly deps: ProjectionDeps) {}

  start(): void {
    this.#running = this.#loop();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    let consumer: Consumer | undefined;
    while (!signal.aborted) {
      try {
        consumer ??= await this.#consumer();
        await this.#batch(consumer);
      } catch (error) {
        if (signal.aborted) return;
        this.deps.logger.warn({ err: error }, 'run events could not be stored; trying again');
        consumer = undefined;
        await new Promise((resolve) => setTimeout(resolve, 1000).unref());
        await this.deps.repair().catch(() => undefined);
      }
    }
  }

  async #consumer(): Promise<Consumer> {
    const manager = await this.deps.client.jetstreamManager(false);
    const { name } = streams.runEvents;
    await manager.consumers.info(name, durable).catch(() =>
      manager.consumers.add(name, {
        durable_name: durable,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        max_ack_pending: 20_000,
        ack_wait: 30e9,
      }),
    );
    return this.deps.client.consumers.get(name, durable);
  }

  /** Acknowledged after the commit: a crash between the two brings the batch again, which changes nothing. */
  async #batch(consumer: Consumer): Promise<void> {
    const messages: JsMsg[] = [];
    for await (const message of await consumer.fetch({ max_messages: batchSize, expires: 1000 }))
      messages.push(message);
    if (messages.length === 0) return;
    const events = messages.flatMap((message) => this.#parse(message));
    await this.#store(events);
    for (const message of messages) message.ack();
  }

  /** One event that the database refuses must not hold up all others. */
  async #store(events: readonly Numbered[]): Promise<void> {
    try {
      await this.deps.db.transaction((em) => project(em, digest(events)));
    } catch (error) {
      if (error instanceof ServiceError) throw error; // the database is away
      for (const one of events)
        await this.deps.db
          .transaction((em) => project(em, digest([one])))
          .catch((cause: unknown) => {
            if (cause instanceof ServiceError) throw cause;
            this.deps.logger.warn(
              { err: cause, run: one.event.runId, kind: one.event.kind },
              'a run event was refused',
            );
          });
    }
  }

  #parse(message: JsMsg): Numbered[] {
    try {
      const event = message.json<RunEvent>();
      const sound = isId(event.runId) && /^\d{1,18}$/.test(event.fence);
      return sound ? [{ seq: message.seq, event }] : [];
    } catch {
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
