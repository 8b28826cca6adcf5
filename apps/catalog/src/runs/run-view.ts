/**
 * How runs are shown. Attempts of one piece of work form a chain; whoever asks for its first run, the one a trigger answered,
 * is told how the chain stands. Counts are always the chain's counted.
 */
import type { RunError, RunStatus, RunTrigger, RunView, SyncMode } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { rows } from '../database/database.js';
import { iso } from '../requests.js';

/** An attempt, its pipeline's present name, its chain's counted and its chain's last attempt. */
export interface ViewRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly pipeline_id: string;
  readonly pipeline_name: string;
  readonly mode: SyncMode;
  readonly trigger: RunTrigger;
  readonly attempt: number;
  readonly root_id: string;
  readonly previous_id: string | null;
  readonly next_id: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly rows_read: number;
  readonly rows_written: number;
  readonly rows_rejected: number;
  readonly bytes: number;
  readonly own: Standing;
  readonly last: Standing;
}
/** How an attempt stands; times as JSON has them. */
interface Standing {
  readonly attempt: number;
  readonly status: RunStatus;
  readonly settled: boolean;
  readonly phase: string;
  readonly estimated_rows: number | null;
  readonly error: RunError | null;
  readonly cancel_requested_at: string | null;
  readonly finished_at: string | null;
}

const standing = (alias: string): string =>
  `json_build_object(${[
    'attempt',
    'status',
    'settled',
    'phase',
    'estimated_rows',
    'error',
    'cancel_requested_at',
    'finished_at',
  ]
    .map((name) => `'${name}', ${alias}.${name}`)
    .join(', ')})`;
const counted = ['rows_read', 'rows_written', 'rows_rejected', 'bytes'];
/** How a chain stands, in SQL, for sorting; `chainStatus` says the same. */
export const chainStatusSql = `CASE WHEN NOT l.settled OR (l.attempt > 1 AND l.status = 'pending') THEN 'running' ELSE l.status END`;

/**
 * To be followed by WHERE and ORDER BY. `r`: the run, `s`: its chain's counts, `l`: its chain's last attempt. A runner counts over the
 * chain: one that ended well knows them all, also where a load was started over; before that the greatest is the last that is known.
 */
export const viewSql = `
  SELECT r.id, r.tenant_id, r.pipeline_id, coalesce(p.name, r.pipeline_name) AS pipeline_name, r.mode, r.trigger, r.attempt,
    r.root_id, r.previous_id, r.next_id, r.created_at, r.started_at, ${counted.map((name) => `s.${name}`).join(', ')},
    ${standing('r')} AS own, ${standing('l')} AS last
  FROM run r
  LEFT JOIN pipeline p ON p.tenant_id = r.tenant_id AND p.id = r.pipeline_id
  CROSS JOIN LATERAL (SELECT * FROM run c WHERE c.root_id = r.root_id ORDER BY c.attempt DESC LIMIT 1) l
  CROSS JOIN LATERAL (SELECT ${counted.map((name) => `max(c.${name})::float8 AS ${name}`).join(', ')}
    FROM run c WHERE c.root_id = r.root_id AND (l.status <> 'succeeded' OR c.id = l.id)) s`;

export async function findViews(em: EntityManager, rest: string, parameters: readonly unknown[]): Promise<RunView[]> {
  return (await rows<ViewRow>(em, `${viewSql} ${rest}`, parameters)).map(runView);
}

/** A chain between two attempts is running: a client that polls must not take the pause for the end. */
const chainStatus = ({ attempt, status, settled }: Standing): RunStatus =>
  !settled || (attempt > 1 && status === 'pending') ? 'running' : status;

const over: ReadonlySet<RunStatus> = new Set(['succeeded', 'partial', 'failed', 'cancelled']);

export function runView(row: ViewRow): RunView {
  const isRoot = row.attempt === 1;
  const shown = isRoot ? row.last : row.own;
  const status = isRoot ? chainStatus(row.last) : row.own.status;
  const isOver = over.has(status);
  return {
    id: row.id,
    tenantId: row.tenant_id,
    pipelineId: row.pipeline_id,
    pipelineName: row.pipeline_name,
    mode: row.mode,
    trigger: row.trigger,
    status,
    attempt: row.attempt,
    rootId: row.root_id,
    previousId: row.previous_id,
    nextId: row.next_id,
    phase: isOver ? 'done' : over.has(shown.status) ? 'queued' : shown.phase,
    estimatedRows: shown.estimated_rows,
    rowsRead: row.rows_read,
    rowsWritten: row.rows_written,
    rowsRejected: row.rows_rejected,
    bytes: row.bytes,
    error: isOver ? shown.error : null,
    ...(!row.own.settled && { retrying: true }),
    cancelRequestedAt: jsonTime(shown.cancel_requested_at),
    createdAt: row.created_at.toISOString(),
    startedAt: iso(row.started_at),
    finishedAt: isOver ? jsonTime(shown.finished_at) : null,
  };
}
const jsonTime = (text: string | null): string | null => (text === null ? null : new Date(text).toISOString());
