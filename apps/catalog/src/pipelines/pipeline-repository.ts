/** Pipelines. Every method takes the tenant: an id alone finds nothing (Invariant 11). */
import { notFound, type ById, type PipelineView, type Scoped } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { first } from '../database/database.js';
import { pipelineTable, type EndpointRow, type PipelineRow } from '../database/entities.js';
import { isId, iso } from '../requests.js';

export const noPipeline = (): Error => notFound('no-such-pipeline', 'there is no such pipeline');
export type NamedPipeline = PipelineRow & { sourceName: string };

export const pipelineView = (row: NamedPipeline): PipelineView => ({
  id: row.id,
  tenantId: row.tenantId,
  name: row.name,
  sourceId: row.sourceId,
  sourceName: row.sourceName,
  destinationId: row.destinationId,
  destinationType: row.destinationType,
  mode: row.mode,
  schedule: row.schedule,
  bindings: row.bindings,
  options: row.options,
  status: row.status,
  lastSyncAt: iso(row.lastSyncAt),
  nextRunAt: iso(row.nextRunAt),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** Holds the pipeline until the transaction ends: whoever starts, changes or deletes it waits for its turn. */
export async function lockPipeline(em: EntityManager, { tenantId, id }: ById): Promise<PipelineRow> {
  const row = isId(id)
    ? await em.findOne(pipelineTable, { where: { tenantId, id }, lock: { mode: 'pessimistic_write' } })
    : null;
  if (!row) throw noPipeline();
  return row;
}

const named = (em: EntityManager, { tenantId }: Scoped) =>
  em
    .createQueryBuilder(pipelineTable, 'p')
    .innerJoin('endpoint', 's', 's.tenant_id = p.tenant_id AND s.id = p.source_id')
    .addSelect('s.name', 'source_name')
    .where('p.tenant_id = :tenantId', { tenantId });

type Query = ReturnType<typeof named>;
async function found(query: Query): Promise<NamedPipeline[]> {
  const { entities, raw } = await query.getRawAndEntities<{ source_name: string }>();
  return entities.map((row, i) => ({ ...row, sourceName: raw[i]?.source_name ?? '' }));
}

export async function getPipeline(em: EntityManager, { tenantId, id }: ById): Promise<NamedPipeline> {
  const [row] = isId(id) ? await found(named(em, { tenantId }).andWhere('p.id = :id', { id })) : [];
  if (!row) throw noPipeline();
  return row;
}

export const listPipelines = (em: EntityManager, scope: Scoped): Promise<NamedPipeline[]> =>
  found(named(em, scope).orderBy('p.created_at').addOrderBy('p.id'));

/** True while a run is active, or one has failed and it is not yet decided whether another attempt follows. */
export async function hasActiveRun(em: EntityManager, { tenantId, id }: ById): Promise<boolean> {
  const active = await first(
    em,
    `SELECT 1 FROM run WHERE tenant_id = $1 AND pipeline_id = $2
     AND (status IN ('pending', 'running', 'cancelling') OR NOT settled) LIMIT 1`,
    [tenantId, id],
  );
  return active !== undefined;
}

/** The endpoint, held so that it cannot be deleted before the transaction ends. undefined: none in this tenant. */
export async function holdEndpoint(
  em: EntityManager,
  { tenantId, id }: ById,
  role: EndpointRow['role'],
): Promise<boolean> {
  if (!isId(id)) return false;
  const sql = 'SELECT 1 FROM endpoint WHERE tenant_id = $1 AND id = $2 AND role = $3 FOR KEY SHARE';
  return (await first(em, sql, [tenantId, id, role])) !== undefined;
}
