/** Orders to remove what a deleted pipeline left at an endpoint: lanes with their checkpoints, fences and shadow tables. */
import type { ById, Finding } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import { first, rows } from '../database/database.js';
import type { PipelineRow } from '../database/entities.js';

export interface DropOrder {
  readonly id: string;
  readonly tenant_id: string;
  readonly pipeline_id: string;
  readonly pipeline_name: string;
  readonly endpoint_id: string;
  readonly lanes: readonly string[];
  readonly failures: number;
}
/** Who acts when nobody asked: in the audit trail. */
const actor = 'catalog';

/**
 * To be called before the pipeline is deleted, in the same transaction. One order for each destination that a run of it has
 * written to; and one for the source when changes were captured, the only mode that leaves anything there.
 */
export async function orderDrops(em: EntityManager, { tenantId, id, name, sourceId }: PipelineRow): Promise<void> {
  await em.query(
    `INSERT INTO drop_order (tenant_id, pipeline_id, pipeline_name, endpoint_id, lanes)
     SELECT $1, $2, $3, l.destination_id, array_agg(DISTINCT l.lane) FROM (
       SELECT r.destination_id, r.pipeline_id || '/' || r.mode || '/' || s.stream AS lane
       FROM run r JOIN run_stream s ON s.run_id = r.id WHERE r.tenant_id = $1 AND r.pipeline_id = $2
       UNION ALL
       SELECT r.destination_id, regexp_replace(c.lane, ' part \\d+ of \\d+$', '')
       FROM checkpoint c JOIN run r ON r.id = c.run_id WHERE c.tenant_id = $1 AND c.pipeline_id = $2) l
     JOIN endpoint e ON e.tenant_id = $1 AND e.id = l.destination_id GROUP BY l.destination_id`,
    [tenantId, id, name],
  );
  await em.query(
    `INSERT INTO drop_order (tenant_id, pipeline_id, pipeline_name, endpoint_id, lanes)
     SELECT $1, $2, $3, $4, '{}' WHERE EXISTS (SELECT 1 FROM run WHERE tenant_id = $1 AND pipeline_id = $2 AND mode = 'changes')`,
    [tenantId, id, name, sourceId],
  );
}

/** One that is due, lent for so many seconds: when its holder dies it is due again. Other catalogs pass over it. */
export async function takeOrder(em: EntityManager, seconds: number): Promise<DropOrder | undefined> {
  return first<DropOrder>(
    em,
    `UPDATE drop_order SET due_at = now() + make_interval(secs => $1) WHERE id = (SELECT id FROM drop_order
       WHERE status = 'pending' AND due_at <= now() ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING id, tenant_id, pipeline_id, pipeline_name, endpoint_id, lanes, failures`,
    [seconds],
  );
}

/** These lanes are gone. The order ends with the last of them; `left` is what the system says could not be removed. */
export async function lanesDropped(
  em: EntityManager,
  order: DropOrder,
  lanes: readonly string[],
  left: readonly Finding[],
): Promise<void> {
  const after = await first<{ done: boolean }>(
    em,
    `UPDATE drop_order SET failures = 0, last_failure = NULL, due_at = now(),
       lanes = ARRAY(SELECT unnest(lanes) EXCEPT SELECT unnest($2::text[])) WHERE id = $1 RETURNING lanes = '{}' AS done`,
    [order.id, lanes],
  );
  for (const finding of left) await warn(em, order, { ...finding, severity: 'warning' });
  if (after?.done === true) await endOrder(em, order, 'pipeline.dropped', { left });
}

/** Due again later; `counts` false when nobody even looked at the endpoint. */
export async function postpone(
  em: EntityManager,
  order: DropOrder,
  { seconds, why, counts }: { seconds: number; why: string; counts: boolean },
): Promise<void> {
  await em.query(
    `UPDATE drop_order SET failures = failures + $2, last_failure = $3, due_at = now() + make_interval(secs => $4) WHERE id = $1`,
    [order.id, counts ? 1 : 0, why, seconds],
  );
}

/** No more tries by itself: the endpoint says so from now on, and a test of it that succeeds begins anew. */
export async function giveUp(em: EntityManager, order: DropOrder, why: string): Promise<void> {
  const retired = await first(em, "SELECT 1 FROM endpoint WHERE id = $1 AND role LIKE 'retired-%'", [
    order.endpoint_id,
  ]);
  if (retired) return endOrder(em, order, 'pipeline.left-behind', { lanes: order.lanes, why });
  await em.query("UPDATE drop_order SET status = 'given-up', last_failure = $2 WHERE id = $1", [order.id, why]);
  await warn(em, order, leftBehind(order.pipeline_name, why));
  await tell(em, order, 'pipeline.left-behind', { lanes: order.lanes, why });
}

/** The order is over, and with the last one a retired endpoint and its secrets. */
export async function endOrder(em: EntityManager, order: DropOrder, action: string, after: object): Promise<void> {
  await em.query('DELETE FROM drop_order WHERE id = $1', [order.id]);
  await em.query(
    `DELETE FROM endpoint e WHERE e.tenant_id = $1 AND e.id = $2 AND e.role LIKE 'retired-%'
       AND NOT EXISTS (SELECT 1 FROM drop_order d WHERE d.tenant_id = $1 AND d.endpoint_id = $2)`,
    [order.tenant_id, order.endpoint_id],
  );
  await tell(em, order, action, after);
}

const tell = (em: EntityManager, order: DropOrder, action: string, after: object): Promise<void> =>
  record(em, {
    tenantId: order.tenant_id,
    actor,
    action,
    subjectId: order.pipeline_id,
    after: { endpointId: order.endpoint_id, ...after },
  });

async function warn(em: EntityManager, order: DropOrder, finding: Finding): Promise<void> {
  await em.query('UPDATE endpoint SET findings = findings || $3::jsonb WHERE tenant_id = $1 AND id = $2', [
    order.tenant_id,
    order.endpoint_id,
    JSON.stringify([finding]),
  ]);
}
const leftBehind = (pipeline: string, why: string): Finding => ({
  code: 'left-behind',
  severity: 'warning',
  message: `what the deleted pipeline "${pipeline}" kept here could not be removed: ${why}`,
  fix: 'test it again when this is put right: a test that succeeds has it removed',
});

/** A test succeeded: whatever had been given up is due again. */
export async function beginAnew(em: EntityManager, { tenantId, id }: ById): Promise<void> {
  await em.query(
    `UPDATE drop_order SET status = 'pending', failures = 0, due_at = now()
     WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'given-up'`,
    [tenantId, id],
  );
}

/** What the endpoint has to say of orders that were given up. */
export async function warningsOf(em: EntityManager, { tenantId, id }: ById): Promise<Finding[]> {
  const found = await rows<{ pipeline_name: string; last_failure: string }>(
    em,
    `SELECT pipeline_name, last_failure FROM drop_order WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'given-up' ORDER BY id`,
    [tenantId, id],
  );
  return found.map(({ pipeline_name, last_failure }) => leftBehind(pipeline_name, last_failure));
}

/** Deletes an endpoint, or retires it while an order still needs it: from now on no request finds it. */
export async function removeEndpoint(em: EntityManager, { tenantId, id }: ById): Promise<void> {
  await em.query("DELETE FROM drop_order WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'given-up'", [
    tenantId,
    id,
  ]);
  const retired = await first(
    em,
    `UPDATE endpoint SET role = 'retired-' || role, name = id::text, description = NULL, findings = '[]'
     WHERE tenant_id = $1 AND id = $2 AND EXISTS (SELECT 1 FROM drop_order WHERE tenant_id = $1 AND endpoint_id = $2)
     RETURNING id`,
    [tenantId, id],
  );
  if (!retired) await em.query('DELETE FROM endpoint WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
}
