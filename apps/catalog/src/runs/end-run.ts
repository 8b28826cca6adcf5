/** How runs end: by their runner's word, by a user's, by silence; and how a chain of attempts is closed. */
import {
  conflict,
  invalid,
  type ById,
  type Counts,
  type Outcome,
  type Request,
  type RunError,
  type RunStatus,
  type RunStreamView,
  type RunView,
  type UnresolvedRun,
} from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import { first, rows, type Database } from '../database/database.js';
import { isId } from '../requests.js';
import { runView, viewSql, type ViewRow } from './run-view.js';
import { getRun, noRun } from './run-repository.js';

/** After these another attempt may succeed; whether there is one is the scheduler's to say. */
const retryable: ReadonlySet<RunError['class']> = new Set(['transient', 'bug', 'heartbeat']);

interface Attempt {
  readonly id: string;
  readonly tenant_id: string;
  readonly pipeline_id: string;
  readonly status: RunStatus;
  readonly fence: string | null;
  readonly lease_until: Date | null;
  readonly settled: boolean;
  readonly next_id: string | null;
  readonly error: RunError | null;
}
const columns = 'id, tenant_id, pipeline_id, status, fence, lease_until, settled, next_id, error';
async function lockRun(em: EntityManager, runId: string): Promise<Attempt> {
  const run = isId(runId)
    ? await first<Attempt>(em, `SELECT ${columns} FROM run WHERE id = $1 FOR UPDATE`, [runId])
    : undefined;
  if (!run) throw noRun();
  return run;
}
const isHeld = ({ status }: Attempt): boolean => status === 'running' || status === 'cancelling';
const view = (em: EntityManager, { tenant_id: tenantId, id }: Attempt): Promise<RunView> =>
  getRun(em, { tenantId, id });

/** Ignored with 'stale-fence' from whoever does not hold the run any more. Saying the same twice is no error. */
export async function finishRun(db: Database, request: Request<'catalog.runs.finish'>): Promise<RunView> {
  const { runId, fence, outcome, counts, streams } = request;
  return db.transaction(async (em) => {
    const run = await lockRun(em, runId);
    if (run.fence !== fence) throw conflict('stale-fence', 'another runner has this run'); // Invariant 4
    if (!isHeld(run)) {
      if (run.status === outcome.status) return view(em, run);
      throw conflict(
        'run-over',
        `the run is over: it ${run.status === 'pending' ? 'was released' : `has ${run.status}`}`,
      );
    }
    await putCounts(em, runId, counts);
    await putStreams(em, runId, fence, streams);
    await end(em, run, outcome, streams);
    return view(em, run);
  });
}

/** Sets an attempt's last state; a cancelled run stays cancelled, whatever came in its way. */
async function end(
  em: EntityManager,
  run: Attempt,
  outcome: Outcome,
  streams: readonly RunStreamView[] = [],
): Promise<void> {
  const error = outcome.status === 'failed' ? outcome.error : outcome.status === 'partial' ? failedOf(streams) : null;
  const cancelled = outcome.status === 'failed' && run.status === 'cancelling';
  const status: RunStatus = cancelled ? 'cancelled' : outcome.status;
  const settled = status !== 'failed' || error === null || !retryable.has(error.class);
  await em.query(
    `UPDATE run SET status = $2, settled = $3, phase = 'done', error = $4, lease_until = NULL, finished_at = now() WHERE id = $1`,
    [run.id, status, settled, error === null ? null : JSON.stringify(error)],
  );
  if (settled) await markPipeline(em, run, status);
}

/** The streams that failed, each with its reason: what arrived is not all. */
function failedOf(streams: readonly RunStreamView[]): RunError | null {
  const failed = streams.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return null;
  const reasons = failed.slice(0, mostReasons).map(({ stream, error }) => `${stream} (${error?.message ?? 'unknown'})`);
  const more = failed.length > reasons.length ? [`${failed.length - reasons.length} more`] : [];
  const message = `${failed.length} of ${streams.length} streams failed: ${[...reasons, ...more].join(', ')}`;
  return { class: 'data', code: 'partial', message };
}
const mostReasons = 10;

async function markPipeline(em: EntityManager, { tenant_id, pipeline_id }: Attempt, status: RunStatus): Promise<void> {
  const where = 'WHERE tenant_id = $1 AND id = $2';
  if (status === 'succeeded' || status === 'partial')
    await em.query(`UPDATE pipeline SET status = 'active', last_sync_at = now() ${where}`, [tenant_id, pipeline_id]);
  if (status === 'failed') await em.query(`UPDATE pipeline SET status = 'error' ${where}`, [tenant_id, pipeline_id]);
}

async function putCounts(em: EntityManager, runId: string, counts: Counts): Promise<void> {
  const values = [counts.rowsRead, counts.rowsWritten, counts.rowsRejected, counts.bytes];
  if (!values.every((value) => Number.isSafeInteger(value) && value >= 0))
    throw invalid('counts-invalid', 'counts must be whole numbers');
  await em.query('UPDATE run SET rows_read = $2, rows_written = $3, rows_rejected = $4, bytes = $5 WHERE id = $1', [
    runId,
    ...values,
  ]);
}

/** The runner's final word per stream; later events of the projection do not change it. */
async function putStreams(
  em: EntityManager,
  runId: string,
  fence: string,
  streams: readonly RunStreamView[],
): Promise<void> {
  await em.query(
    `INSERT INTO run_stream (run_id, fence, stream, status, rows_read, rows_written, rows_rejected, bytes, estimated_rows, error, event_seq)
     SELECT $1, $3, s.stream, s.status, s."rowsRead", s."rowsWritten", s."rowsRejected", s.bytes, s."estimatedRows",
       nullif(s.error, 'null'::jsonb), 0
     FROM jsonb_to_recordset($2::jsonb) AS s (stream text, status text, "rowsRead" bigint, "rowsWritten" bigint,
       "rowsRejected" bigint, bytes bigint, "estimatedRows" bigint, error jsonb)
     ON CONFLICT (run_id, fence, stream) DO UPDATE SET status = excluded.status, rows_read = excluded.rows_read,
       rows_written = excluded.rows_written, rows_rejected = excluded.rows_rejected, bytes = excluded.bytes,
       estimated_rows = excluded.estimated_rows, error = excluded.error`,
    [runId, JSON.stringify(streams), fence],
  );
}

/** Ends an attempt whose runner went silent. Nothing happens when it is over, or was heard of meanwhile. */
export async function expireRun(db: Database, { runId }: Request<'catalog.runs.expire'>): Promise<RunView> {
  return db.transaction(async (em) => {
    const run = await lockRun(em, runId);
    const silent = await first(em, 'SELECT 1 WHERE $1::timestamptz < now()', [run.lease_until]);
    if (isHeld(run) && silent) {
      const message = 'the runner of this attempt stopped answering';
      await end(em, run, { status: 'failed', error: { class: 'heartbeat', code: 'heartbeat_timeout', message } });
    }
    return view(em, run);
  });
}

/** No further attempt follows: the chain has ended as this attempt did. */
export async function settleRun(db: Database, { runId }: Request<'catalog.runs.settle'>): Promise<RunView> {
  return db.transaction(async (em) => {
    const run = await lockRun(em, runId);
    if (!run.settled && run.next_id === null) {
      await em.query('UPDATE run SET settled = true WHERE id = $1', [run.id]);
      await markPipeline(em, run, run.status);
    }
    return view(em, run);
  });
}

/** Cancels the chain that the run is in. `stop` is the attempt that a runner must be told to stop, if there is one. */
export async function cancelRun(
  db: Database,
  request: Request<'catalog.runs.cancel'>,
): Promise<{ view: RunView; stop: string | null }> {
  const { tenantId, id, actor, reason } = request;
  return db.transaction(async (em) => {
    const run = await lastOfChain(em, { tenantId, id });
    if (run.settled && !isHeld(run) && run.status !== 'pending')
      throw conflict('run-over', `the run is over: it has ${run.status}`);
    // Pending, or failed and waiting for its next attempt: nobody works on it.
    const status = isHeld(run) ? 'cancelling' : 'cancelled';
    await em.query(
      `UPDATE run SET status = $2, settled = true, cancel_requested_at = coalesce(cancel_requested_at, now()),
         phase = CASE $2 WHEN 'cancelled' THEN 'done' ELSE phase END,
         finished_at = CASE $2 WHEN 'cancelled' THEN coalesce(finished_at, now()) END WHERE id = $1`,
      [run.id, status],
    );
    await em.query('DELETE FROM outbox WHERE run_id = $1', [run.id]);
    const after = { status, reason: reason ?? null };
    await record(em, {
      tenantId,
      actor,
      action: 'run.cancelled',
      subjectId: run.id,
      before: { status: run.status },
      after,
    });
    return { view: await getRun(em, { tenantId, id }), stop: status === 'cancelling' ? run.id : null };
  });
}

async function lastOfChain(em: EntityManager, where: ById): Promise<Attempt> {
  const { rootId } = await getRun(em, where);
  const run = await first<Attempt>(
    em,
    `SELECT ${columns} FROM run WHERE tenant_id = $1 AND root_id = $2 ORDER BY attempt DESC LIMIT 1 FOR UPDATE`,
    [where.tenantId, rootId],
  );
  if (!run) throw noRun();
  return run;
}

type Unresolved = ViewRow & {
  readonly max_attempts: number;
  readonly fruitless: number;
  readonly fruitless_in_a_row: number;
  readonly lost_runners: number;
};

/** Attempts that wait for the scheduler: their lease ran out, or they failed in a way that another attempt may not. */
export async function unresolvedRuns(
  db: Database,
  { limit }: Request<'catalog.runs.unresolved'>,
): Promise<UnresolvedRun[]> {
  const before = 'SELECT max(e.rows_written) FROM run e WHERE e.root_id = c.root_id AND e.attempt < c.attempt';
  const fruitless = `c.checkpoints = 0 AND c.rows_written <= coalesce((${before}), 0)`;
  const found = await db.run((em) =>
    rows<Unresolved>(
      em,
      `SELECT v.*, coalesce((p.options->>'maxAttempts')::int, 3) AS max_attempts, h.* FROM (${viewSql}
         WHERE (r.status IN ('running', 'cancelling') AND r.lease_until < now()) OR NOT r.settled
         ORDER BY r.created_at LIMIT $1) v
       LEFT JOIN pipeline p ON p.tenant_id = v.tenant_id AND p.id = v.pipeline_id
       CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE ${fruitless})::int AS fruitless,
         count(*) FILTER (WHERE ${fruitless} AND c.attempt > coalesce((SELECT max(c.attempt) FROM run c
           WHERE c.root_id = v.root_id AND NOT (${fruitless})), 0))::int AS fruitless_in_a_row,
         count(*) FILTER (WHERE c.error->>'class' = 'heartbeat')::int AS lost_runners
         FROM run c WHERE c.root_id = v.root_id) h`,
      [Math.min(Math.max(Math.trunc(limit) || 0, 1), 1000)],
    ),
  );
  // As attempts, not as chains: the scheduler decides about this one.
  return found.map((row) => ({
    ...runView({ ...row, last: row.own }),
    status: row.own.status,
    error: row.own.error,
    maxAttempts: row.max_attempts,
    fruitless: row.fruitless,
    fruitlessInARow: row.fruitless_in_a_row,
    lostRunners: row.lost_runners,
  }));
}
