/** Sources and destinations. Every method takes the tenant: an id alone finds nothing (Invariant 11). */
import { notFound, type ById, type EndpointView, type Scoped } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import type { Role } from '../connectors/connectors.js';
import { first, rows } from '../database/database.js';
import { endpointTable, type EndpointRow, type StoredRole } from '../database/entities.js';
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
  role: StoredRole,
  lock = false,
): Promise<EndpointRow> {
  const row = isId(id)
    ? await em.findOne(endpointTable, {
        where: { tenantId, id, role: role as Role },
        ...(lock && { lock: { mode: 'pessimistic_write' as const } }),
      })
    : null;
  if (!row) throw noEndpoint(role as Role);
  return row;
}

export const listEndpoints = (em: EntityManager, { tenantId }: Scoped, role: Role): Promise<EndpointRow[]> =>
  em.find(endpointTable, { where: { tenantId, role }, order: { createdAt: 'ASC', id: 'ASC' } });

/** The hot read: one statement for a batch, past the entities, whose making would cost more than the statement. */
const manySql = `
  SELECT id, tenant_id, role, name, description, connector_type, config::text, status, findings::text, ${[
    'last_tested_at',
    'discovered_at',
    'created_at',
    'updated_at',
  ]
    .map((name) => `(extract(epoch FROM ${name}) * 1000)::float8 AS ${name}`)
    .join(', ')}
  FROM endpoint WHERE role = $1 AND (tenant_id, id) IN (SELECT * FROM unnest($2::text[], $3::uuid[]))`;

type Text = 'id' | 'tenant_id' | 'name' | 'connector_type' | 'config' | 'findings';
type Time = 'last_tested_at' | 'discovered_at';
type ManyRow = Record<Text, string> &
  Record<Time, number | null> &
  Record<'created_at' | 'updated_at', number> &
  Pick<EndpointView, 'role' | 'status' | 'description'>;

/** One answer per key, in order; null where there is none. */
export async function getEndpoints(
  em: EntityManager,
  role: Role,
  keys: readonly ById[],
): Promise<(EndpointView | null)[]> {
  const sound = keys.filter(({ id }) => isId(id));
  if (sound.length === 0) return keys.map(() => null);
  const parameters = [role, sound.map(({ tenantId }) => tenantId), sound.map(({ id }) => id)];
  const found = new Map(
    (await rows<ManyRow>(em, manySql, parameters)).map((row) => [keyOf(row.tenant_id, row.id), row]),
  );
  return keys.map(({ tenantId, id }) => {
    const row = found.get(keyOf(tenantId, id));
    return row ? manyView(row) : null;
  });
}
/** The database writes UUIDs in lower case, whatever the case they were asked for in. */
const keyOf = (tenantId: string, id: string): string => `${id.toLowerCase()} ${tenantId}`;

const manyView = (row: ManyRow): EndpointView => ({
  id: row.id,
  tenantId: row.tenant_id,
  role: row.role,
  name: row.name,
  description: row.description,
  connectorType: row.connector_type,
  config: JSON.parse(row.config) as EndpointView['config'],
  status: row.status,
  findings: JSON.parse(row.findings) as EndpointView['findings'],
  lastTestedAt: moment(row.last_tested_at),
  discoveredAt: moment(row.discovered_at),
  createdAt: new Date(row.created_at).toISOString(),
  updatedAt: new Date(row.updated_at).toISOString(),
});
const moment = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

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
