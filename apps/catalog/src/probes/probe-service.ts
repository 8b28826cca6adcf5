/** Reaches an endpoint through a runner: `check` and `discover`, and what they leave in the catalog. */
import { randomUUID } from 'node:crypto';
import {
  ServiceError,
  conflict,
  invalid,
  seal,
  type Answer,
  type ById,
  type EndpointView,
  type Finding,
  type Opening,
  type Request,
} from '@sluice/messages';
import type { RpcClient } from '@sluice/service';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import type { Role } from '../connectors/connectors.js';
import type { Database } from '../database/database.js';
import type { EndpointRow, StoredRole } from '../database/entities.js';
import { beginAnew, warningsOf } from '../drops/drop-orders.js';
import { endpointView, getEndpoint } from '../endpoints/endpoint-repository.js';
import { endpointTable } from '../database/entities.js';
import { refuseUnstorableText } from '../requests.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { getSecrets } from '../secrets/secret-store.js';
import { addStreams, countStreams, forgetOldStreams, pageOfStreams, type Discovery } from './stream-repository.js';
import { dropTicket, issueTicket, openDiscovery, redeemTicket } from './tickets.js';
import { turns } from './turns.js';
import { wasAsked } from './unasked.js';

export interface ProbeDeps {
  readonly db: Database;
  readonly keyRing: KeyRing;
  readonly rpc: Pick<RpcClient, 'call'>;
}
export interface Probes {
  test(request: Request<'catalog.endpoints.test'>): Promise<EndpointView>;
  discover(request: Request<'catalog.endpoints.discover'>): Promise<Answer<'catalog.endpoints.discover'>>;
  streams(request: Request<'catalog.streams.list'>): Promise<Answer<'catalog.streams.list'>>;
  redeem(request: Request<'catalog.probes.redeem'>): Promise<Answer<'catalog.probes.redeem'>>;
  accept(request: Request<'catalog.probes.streams'>): Promise<null>;
}
/** How long a check and a discovery may take, ms. Thousands of tables behind a slow line are still a matter of minutes. */
export const probeTimeouts = { check: 60_000, discover: 300_000 } as const;

/** Per tenant: fewer than a runner works on at once, so that hosts which never answer hold up their own tenant only. */
const perTenant = { atOnce: 3, waiting: 50 };

export const probeService = (deps: ProbeDeps, inTurn = turns(perTenant)): Probes => ({
  test: (request) => inTurn(request.tenantId, () => test(deps, request)),
  discover: (request) => inTurn(request.tenantId, () => discover(deps, request)),
  streams: ({ tenantId, id, ...page }) =>
    deps.db.run(async (em) => {
      const { discoveryId } = await getEndpoint(em, { tenantId, id }, 'source');
      if (discoveryId === null) return { items: [], next: null };
      return pageOfStreams(em, { tenantId, endpointId: id, discoveryId }, page);
    }),
  redeem: (request) => redeem(deps, request),
  accept: ({ ticket, streams }) => {
    refuseUnstorableText(streams);
    return deps.db.transaction(async (em) => {
      const found = await openDiscovery(em, ticket);
      await addStreams(em, discoveryOf(found.tenant_id, found.endpoint_id, found.discovery_id), streams);
      return null;
    });
  },
});
const discoveryOf = (tenantId: string, endpointId: string, discoveryId: string): Discovery => ({
  tenantId,
  endpointId,
  discoveryId,
});

async function test(
  deps: ProbeDeps,
  { tenantId, id, role, actor }: Request<'catalog.endpoints.test'>,
): Promise<EndpointView> {
  const endpoint = await deps.db.run((em) => getEndpoint(em, { tenantId, id }, role));
  const findings = await withTicket(deps, endpoint, null, probeTimeouts.check, async (ticket) =>
    deps.rpc.call('runner.probes.check', { ticket }, probeTimeouts.check).catch(findingsOf),
  );
  const worstFirst = [...findings].sort((a, b) => severity(a) - severity(b));
  const status = findings.some((finding) => finding.severity === 'error') ? 'failed' : 'ok';
  return deps.db.transaction(async (em) => {
    if (status === 'ok') await beginAnew(em, { tenantId, id });
    else worstFirst.push(...(await warningsOf(em, { tenantId, id })));
    // A configuration changed meanwhile has not been tested by this.
    await em.query(
      `UPDATE endpoint SET status = $4, findings = $5, last_tested_at = now() WHERE tenant_id = $1 AND id = $2 AND version = $3`,
      [tenantId, id, endpoint.version, status, JSON.stringify(worstFirst)],
    );
    const view = endpointView(await getEndpoint(em, { tenantId, id }, role));
    await record(em, {
      tenantId,
      actor,
      action: `${role}.tested`,
      subjectId: id,
      after: { status, findings: worstFirst },
    });
    return view;
  });
}
const severity = (finding: Finding): number => (finding.severity === 'error' ? 0 : 1);

/** A connector that could not even open has found something. Throws when it was not asked. */
function findingsOf(error: unknown): Finding[] {
  if (!(error instanceof ServiceError) || error.kind === 'internal' || !wasAsked(error)) throw error;
  const { code, message, fix } = error.failure;
  return [{ code, severity: 'error', message, ...(fix !== undefined && { fix }) }];
}

async function discover(
  deps: ProbeDeps,
  { tenantId, id, actor }: Request<'catalog.endpoints.discover'>,
): Promise<Answer<'catalog.endpoints.discover'>> {
  const endpoint = await deps.db.run((em) => getEndpoint(em, { tenantId, id }, 'source'));
  const discovery = discoveryOf(tenantId, id, randomUUID());
  return withTicket(deps, endpoint, discovery.discoveryId, probeTimeouts.discover, async (ticket) => {
    const { count } = await deps.rpc.call('runner.probes.discover', { ticket }, probeTimeouts.discover);
    return deps.db.transaction(async (em) => {
      const { version } = await getEndpoint(em, { tenantId, id }, 'source', true);
      if (version !== endpoint.version)
        throw conflict('changed-meanwhile', 'the source was changed while it was discovered', {
          fix: 'discover again',
        });
      const stored = await countStreams(em, discovery);
      if (stored !== count)
        throw conflict('discovery-incomplete', `${stored} of ${count} streams arrived`, { fix: 'discover again' });
      const discoveredAt = await showDiscovery(em, discovery);
      await record(em, { tenantId, actor, action: 'source.discovered', subjectId: id, after: { count } });
      return { count, discoveredAt };
    });
  });
}

async function showDiscovery(em: EntityManager, discovery: Discovery): Promise<string> {
  const { tenantId, endpointId: id, discoveryId } = discovery;
  const discoveredAt = new Date();
  await em.update(endpointTable, { tenantId, id }, { discoveryId, discoveredAt });
  await forgetOldStreams(em, discovery);
  return discoveredAt.toISOString();
}

/** Gives `work` a ticket for this endpoint, and takes back whatever it did not use. */
async function withTicket<T>(
  { db }: ProbeDeps,
  row: EndpointRow,
  discoveryId: string | null,
  timeout: number,
  work: (ticket: string) => Promise<T>,
): Promise<T> {
  const owner = { tenant_id: row.tenantId, endpoint_id: row.id, discovery_id: discoveryId };
  const ticket = await db.run((em) => issueTicket(em, owner, timeout / 1000));
  try {
    return await work(ticket);
  } finally {
    await db.run((em) => dropTicket(em, ticket));
  }
}

/** `context` of the sealed secrets is the ticket. */
async function redeem(
  { db, keyRing }: ProbeDeps,
  { ticket, publicKey }: Request<'catalog.probes.redeem'>,
): Promise<Answer<'catalog.probes.redeem'>> {
  return db.transaction(async (em) => {
    const found = await redeemTicket(em, ticket);
    const where = { tenantId: found.tenant_id, id: found.endpoint_id };
    const row = await em.findOneByOrFail(endpointTable, where);
    const role: Role = row.role.endsWith('source') ? 'source' : 'destination';
    return { role, opening: await openingOf(em, keyRing, where, row.role, publicKey, ticket) };
  });
}

/** An endpoint as a runner opens it; its secrets can be opened only by the holder of `publicKey`, for `context`. */
export async function openingOf(
  em: EntityManager,
  ring: KeyRing,
  where: ById,
  role: StoredRole,
  publicKey: string,
  context: string,
): Promise<Opening> {
  const { connectorType, config, name } = await getEndpoint(em, where, role);
  const secrets = await getSecrets(em, ring, where.tenantId, where.id);
  return { name, connectorType, config, secrets: sealFor(secrets, publicKey, context) };
}
function sealFor(secrets: unknown, publicKey: string, context: string): Opening['secrets'] {
  try {
    return seal(secrets, publicKey, context);
  } catch (cause) {
    throw invalid('public-key', 'publicKey is not an X25519 key', { cause });
  }
}
