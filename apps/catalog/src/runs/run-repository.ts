/** Runs as their tenant sees them. Every method takes the tenant: an id alone finds nothing (Invariant 11). */
import { notFound, type ById, type Page, type RunQuery, type RunStreamView, type RunView } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { first, rows } from '../database/database.js';
import { isId } from '../requests.js';
import { chainStatusSql, findViews } from './run-view.js';

export const noRun = (): Error => notFound('no-such-run', 'there is no such run');

export async function getRun(em: EntityManager, { tenantId, id }: ById): Promise<RunView> {
  const [view] = isId(id) ? await findViews(em, 'WHERE r.tenant_id = $1 AND r.id = $2', [tenantId, id]) : [];
  if (!view) throw noRun();
  return view;
}

const sorts: Readonly<Record<RunQuery['sort'], string>> = {
  startedAt: 'coalesce(r.started_at, r.created_at)',
  finishedAt: 'l.finished_at',
  status: chainStatusSql,
  rowsWritten: 's.rows_written',
};
const greatestPage = 2000;

/** One item per chain of attempts. An unknown pipeline has no runs. */
export async function listRuns(em: EntityManager, query: RunQuery): Promise<Page<RunView>> {
  const { tenantId, pipelineId, page, size, sort, descending } = query;
  if (pipelineId !== undefined && !isId(pipelineId)) return { items: [], total: 0 };
  const where = 'WHERE r.tenant_id = $1 AND r.attempt = 1 AND ($2::uuid IS NULL OR r.pipeline_id = $2)';
  const limit = Math.min(Math.max(Math.trunc(size) || 0, 1), greatestPage);
  const offset = Math.max(Math.trunc(page) || 0, 0) * limit;
  const direction = descending ? 'DESC NULLS LAST' : 'ASC NULLS LAST';
  const order = Object.hasOwn(sorts, sort) ? sorts[sort] : sorts.startedAt;
  const scope = [tenantId, pipelineId ?? null];
  const items = await findViews(em, `${where} ORDER BY ${order} ${direction}, r.id LIMIT $3 OFFSET $4`, [
    ...scope,
    limit,
    offset,
  ]);
  const counted = await first<{ n: number }>(em, `SELECT count(*)::int AS n FROM run r ${where}`, scope);
  return { items, total: counted?.n ?? 0 };
}

const known = (count: string): string =>
  `CASE (array_agg(s.status ORDER BY r.attempt DESC, s.fence DESC))[1] WHEN 'succeeded'
     THEN (array_agg(s.${count} ORDER BY r.attempt DESC, s.fence DESC))[1] ELSE max(s.${count}) END::float8 AS ${count}`;

/**
 * Per stream: for a chain's first run the counts over all its attempts and the last state, else those of the attempt alone. An attempt in which
 * a stream succeeded knows all its rows; before that the greatest count is the last that is known.
 */
export async function listRunStreams(em: EntityManager, { tenantId, id }: ById): Promise<RunStreamView[]> {
  const { attempt, rootId } = await getRun(em, { tenantId, id });
  const found = await rows<
    Record<'rows_read' | 'rows_written' | 'rows_rejected' | 'bytes', number> &
      Pick<RunStreamView, 'stream' | 'status' | 'error'> & { estimated_rows: number | null }
  >(
    em,
    `SELECT stream, (array_agg(s.status ORDER BY r.attempt DESC, s.fence DESC))[1] AS status,
       (array_agg(s.error ORDER BY r.attempt DESC, s.fence DESC))[1] AS error,
       (array_agg(s.estimated_rows ORDER BY r.attempt DESC, s.fence DESC))[1]::float8 AS estimated_rows,
       ${['rows_read', 'rows_written', 'rows_rejected', 'bytes'].map(known).join(', ')}
     FROM run_stream s JOIN run r ON r.id = s.run_id
     WHERE r.tenant_id = $1 AND r.root_id = $2 AND (r.id = $3 OR $4) GROUP BY stream ORDER BY stream`,
    [tenantId, rootId, id, attempt === 1],
  );
  return found.map((row) => ({
    stream: row.stream,
    status: row.status,
    rowsRead: row.rows_read,
    rowsWritten: row.rows_written,
    rowsRejected: row.rows_rejected,
    bytes: row.bytes,
    estimatedRows: row.estimated_rows,
    error: row.error,
  }));
}
