/** What the scheduler reads and reports; it serves all tenants and speaks of pipelines by id. */
import type { Answer, Request, Schedule } from '@sluice/messages';
import { first, rows, type Database } from '../database/database.js';
import { isId, iso } from '../requests.js';

interface Row {
  readonly id: string;
  readonly tenant_id: string;
  readonly schedule: Schedule;
  readonly last_due_at: Date | null;
  readonly schedule_since: Date;
}

/** Ordered by pipeline. `createdAt` is when the schedule was set: nothing was due before. */
export async function listSchedules(
  db: Database,
  { after, limit }: Request<'catalog.schedules.list'>,
): Promise<Answer<'catalog.schedules.list'>> {
  const found = await db.run((em) =>
    rows<Row>(
      em,
      `SELECT id, tenant_id, schedule, last_due_at, schedule_since FROM pipeline
       WHERE schedule IS NOT NULL AND status NOT IN ('paused', 'archived') AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2`,
      [after ?? null, Math.min(Math.max(Math.trunc(limit) || 0, 1), 2000)],
    ),
  );
  return found.map((row) => ({
    pipelineId: row.id,
    tenantId: row.tenant_id,
    schedule: row.schedule,
    lastDueAt: iso(row.last_due_at),
    createdAt: row.schedule_since.toISOString(),
  }));
}

export async function notePlanned(
  db: Database,
  { pipelineId, nextRunAt }: Request<'catalog.schedules.planned'>,
): Promise<null> {
  if (isId(pipelineId))
    await db.run((em) =>
      first(
        em,
        'UPDATE pipeline SET next_run_at = $2 WHERE id = $1 AND (schedule IS NOT NULL OR $2::timestamptz IS NULL)',
        [pipelineId, nextRunAt],
      ),
    );
  return null;
}
