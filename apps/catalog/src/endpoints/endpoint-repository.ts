/** Sources and destinations. Every method takes the tenant: an id alone finds nothing (Invariant 11). */
import { notFound, type ById, type EndpointView, type Scoped } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import type { Role } from '../connectors/connectors.js';
import { first, rows } from '../database/database.js';
import { endpointTable, type EndpointRow } from '../database/entities.js';
import { isId, iso } from '../requests.js';

export const noEndpoint = (role: Role): Error => notFound(`no-such-${role}`, `there is no such ${role}`);

export const endpointView = (row: EndpointRow): EndpointView => ({
  id: row.id,
  tenantId: row.tenantId,
  role: row.role,
  name: row.name,
  description: row.description,
  connectorType: row.connectorType,
  config: row.config,
  status: row.status,
  findings: row.findings,
  lastTestedAt: iso(row.lastTestedAt),
  discoveredAt: iso(row.discoveredAt),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** Throws 'not-found', the same for another tenant's and for none. `lock` holds it until the transaction ends. */
export async function getEndpoint(
  em: EntityManager,
  { tenantId, id }: ById,
  role: Role,
  lock = false,
): Promise<EndpointRow> {
  const row = isId(id)
    ? await em.findOne(endpointTable, {
        where: { tenantId, id, role },
        ...(lock && { lock: { mode: 'pessimistic_write' as const } }),
      })
    : null;
  if (!row) throw noEndpoint(role);
  return row;
}

export const listEndpoints = (em: EntityManager, { tenantId }: Scoped, role: Role): Promise<EndpointRow[]> =>
  em.find(endpointTable, { where: { tenantId, role }, order: { createdAt: 'ASC', id: 'ASC' } });

/** The hot read: one statement for a batch, rendered as JSON by the database. */
const manySql = `
  SELECT json_build_object('id', e.id, 'tenantId', e.tenant_id, 'role', e.role, 'name', e.name,
    'description', e.description, 'connectorType', e.connector_type, 'config', e.config, 'status', e.status,
    'findings', e.findings, 'lastTestedAt', iso(e.last_tested_at), 'discoveredAt', iso(e.discovered_at),
    'createdAt', iso(e.created_at), 'updatedAt', iso(e.updated_at)) AS view
  FROM unnest($2::text[], $3::uuid[]) WITH ORDINALITY AS k (tenant_id, id, n)
  LEFT JOIN endpoint e ON e.tenant_id = k.tenant_id AND e.id = k.id AND e.role = $1
  ORDER BY k.n`.replaceAll(/iso\(([^)]+)\)/g, `to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);

/** One answer per key, in order; null where there is none. */
export async function getEndpoints(
  em: EntityManager,
  role: Role,
  keys: readonly ById[],
): Promise<(EndpointView | null)[]> {
  if (keys.length === 0) return [];
  const found = await rows<{ view: EndpointView & { id: string | null } }>(em, manySql, [
    role,
    keys.map(({ tenantId }) => tenantId),
    keys.map(({ id }) => (isId(id) ? id : null)),
  ]);
  return found.map(({ view }) => (view.id === null ? null : view));
}

/** Names of the pipelines that use it, at most ten. */
export async function usersOf(em: EntityManager, { tenantId, id }: ById): Promise<string[]> {
  const users = await rows<{ name: string }>(
    em,
    'SELECT name FROM pipeline WHERE tenant_id = $1 AND (source_id = $2 OR destination_id = $2) ORDER BY name LIMIT 10',
    [tenantId, id],
  );
  return users.map(({ name }) => name);
}

/** A tenant is known from the moment it owns something: who it is was settled by whoever issued its token. */
export async function ensureTenant(em: EntityManager, { tenantId }: Scoped): Promise<void> {
  const known = await first(em, 'SELECT 1 FROM tenant WHERE id = $1', [tenantId]);
  if (!known) await em.query('INSERT INTO tenant (id, name) VALUES ($1, $1) ON CONFLICT DO NOTHING', [tenantId]);
}
