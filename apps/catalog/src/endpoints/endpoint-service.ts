/** What can be done with sources and destinations, without reaching them (that is ../probes). */
import { randomUUID } from 'node:crypto';
import { conflict, invalid, type Answer, type EndpointView, type JsonObject, type Request } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import type { Connectors } from '../connectors/connectors.js';
import type { Database } from '../database/database.js';
import { endpointTable, type EndpointRow } from '../database/entities.js';
import { removeEndpoint } from '../drops/drop-orders.js';
import { nameOf, refuseUnstorableText } from '../requests.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { getSecrets, putSecrets } from '../secrets/secret-store.js';
import { acceptConfig, type StoredConfig } from './endpoint-config.js';
import {
  endpointView,
  ensureTenant,
  getEndpoint,
  getEndpoints,
  listEndpoints,
  usersOf,
} from './endpoint-repository.js';

export interface EndpointDeps {
  readonly db: Database;
  readonly connectors: Connectors;
  readonly keyRing: KeyRing;
}
type Serve<S extends 'create' | 'getMany' | 'list' | 'update' | 'delete'> = (
  request: Request<`catalog.endpoints.${S}`>,
) => Promise<Answer<`catalog.endpoints.${S}`>>;
export interface Endpoints {
  readonly create: Serve<'create'>;
  readonly getMany: Serve<'getMany'>;
  readonly list: Serve<'list'>;
  readonly update: Serve<'update'>;
  readonly remove: Serve<'delete'>;
}

export const endpointService = (deps: EndpointDeps): Endpoints => ({
  create: (request) => create(deps, request),
  getMany: ({ role, keys }) => deps.db.run((em) => getEndpoints(em, role, keys)),
  list: ({ role, ...scope }) => deps.db.run(async (em) => (await listEndpoints(em, scope, role)).map(endpointView)),
  update: (request) => update(deps, request),
  remove: (request) => remove(deps, request),
});

async function create(
  { db, connectors, keyRing }: EndpointDeps,
  request: Request<'catalog.endpoints.create'>,
): Promise<EndpointView> {
  const { tenantId, role, actor, description = null, connectorType } = request;
  refuseUnstorableText(request);
  const name = nameOf(request.name, `the name of the ${role}`);
  const connector = await connectors.find(role, connectorType);
  const { config, secrets } = await acceptConfig(connector, objectOf(request.config));
  const id = randomUUID();
  return db.transaction(async (em) => {
    await ensureTenant(em, { tenantId });
    await refuseTakenName(em, { tenantId, role, name });
    await em.query(
      `INSERT INTO endpoint (id, tenant_id, role, name, description, connector_type, config) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [id, tenantId, role, name, description, connectorType, JSON.stringify(config)],
    );
    await putSecrets(em, keyRing, { tenantId, endpointId: id, version: 1 }, secrets);
    const view = endpointView(await getEndpoint(em, { tenantId, id }, role));
    await record(em, { tenantId, actor, action: `${role}.created`, subjectId: id, after: view });
    return view;
  });
}

async function update(deps: EndpointDeps, request: Request<'catalog.endpoints.update'>): Promise<EndpointView> {
  const { tenantId, id, role, actor } = request;
  refuseUnstorableText(request);
  return deps.db.transaction(async (em) => {
    const before = await getEndpoint(em, { tenantId, id }, role, true);
    if (request.connectorType !== undefined && request.connectorType !== before.connectorType)
      throw invalid('connector-type-fixed', `the connector of a ${role} cannot change from ${before.connectorType}`, {
        fix: `create another ${role} for ${request.connectorType}`,
      });
    const name = request.name === undefined ? before.name : nameOf(request.name, `the name of the ${role}`);
    if (name !== before.name) await refuseTakenName(em, { tenantId, role, name });
    const description = request.description === undefined ? before.description : request.description;
    const reconfigured =
      request.config !== undefined && (await reconfigure(deps, em, before, objectOf(request.config)));
    await em.query(
      'UPDATE endpoint SET name = $3, description = $4, updated_at = now() WHERE tenant_id = $1 AND id = $2',
      [tenantId, id, name, description],
    );
    const view = endpointView(await getEndpoint(em, { tenantId, id }, role));
    const after = { ...view, ...(reconfigured && { reconfigured }) };
    await record(em, {
      tenantId,
      actor,
      action: `${role}.updated`,
      subjectId: id,
      before: endpointView(before),
      after,
    });
    return view;
  });
}

/** Replaces configuration and secrets and answers true, or false when both are as before. */
async function reconfigure(
  { connectors, keyRing }: EndpointDeps,
  em: EntityManager,
  row: EndpointRow,
  sent: JsonObject,
): Promise<boolean> {
  const { tenantId, id: endpointId, role, connectorType } = row;
  const before: StoredConfig = { config: row.config, secrets: await getSecrets(em, keyRing, tenantId, endpointId) };
  const after = await acceptConfig(await connectors.find(role, connectorType), sent, before);
  if (canonical(after) === canonical(before)) return false;
  const version = row.version + 1;
  await em.query(
    `UPDATE endpoint SET config = $3, version = $4, status = 'untested', findings = '[]', last_tested_at = NULL
     WHERE tenant_id = $1 AND id = $2`,
    [tenantId, endpointId, JSON.stringify(after.config), version],
  );
  await putSecrets(em, keyRing, { tenantId, endpointId, version }, after.secrets);
  return true;
}

async function remove(
  { db }: EndpointDeps,
  { tenantId, id, role, actor }: Request<'catalog.endpoints.delete'>,
): Promise<null> {
  return db.transaction(async (em) => {
    const before = await getEndpoint(em, { tenantId, id }, role, true);
    const users = await usersOf(em, { tenantId, id });
    if (users.length > 0)
      throw conflict('in-use', `the ${role} is used by ${users.map((name) => `"${name}"`).join(', ')}`, {
        fix: 'delete or change these first',
        details: { pipelines: users },
      });
    await removeEndpoint(em, { tenantId, id });
    await record(em, { tenantId, actor, action: `${role}.deleted`, subjectId: id, before: endpointView(before) });
    return null;
  });
}

async function refuseTakenName(
  em: EntityManager,
  where: { tenantId: string; role: EndpointRow['role']; name: string },
): Promise<void> {
  if (await em.existsBy(endpointTable, where))
    throw conflict('name-taken', `a ${where.role} named "${where.name}" exists already`, {
      fix: 'choose another name',
    });
}

function objectOf(config: unknown): JsonObject {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw invalid('config-invalid', 'the configuration must be an object', { fix: 'send {"host": "..."} or the like' });
  return config as JsonObject;
}

/** Equal for equal values, whatever the order of their members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
