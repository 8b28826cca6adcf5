/** What every route asks of its caller. A route that is not here answers nobody, and a test fails. */
import type { Permission } from '@sluice/messages';

export interface Rule {
  /** 'public': no credential at all. 'read' is had by those who may read or manage. */
  readonly needs: 'public' | 'read' | 'manage' | 'admin';
  /** False: the same for every tenant, so that X-Tenant-Id is not asked for. */
  readonly tenant: boolean;
}
const open: Rule = { needs: 'public', tenant: false };
const anyTenant: Rule = { needs: 'read', tenant: false };
const read: Rule = { needs: 'read', tenant: true };
const manage: Rule = { needs: 'manage', tenant: true };
const admin: Rule = { needs: 'admin', tenant: true };

export const roleTable: Readonly<Record<string, Rule>> = {
  'GET /livez': open,
  'GET /readyz': open,
  'GET /metrics': open,
  'GET /openapi.json': open,
  'GET /docs': open,
  'GET /docs/': open,
  'GET /docs/*': open,
  'HEAD /docs/*': open,
  'GET /docs/LICENSE': open,
  'GET /docs/index.html': open,
  'GET /docs/swagger-ui-init.js': open,
  'GET /docs/docs/swagger-ui-init.js': open,

  'GET /api/v1/sources/connector-types': anyTenant,
  'POST /api/v1/sources': manage,
  'GET /api/v1/sources': read,
  'GET /api/v1/sources/:sourceId': read,
  'PUT /api/v1/sources/:sourceId': manage,
  'DELETE /api/v1/sources/:sourceId': manage,
  'POST /api/v1/sources/:sourceId/test': manage,
  'POST /api/v1/sources/:sourceId/discover': manage,
  'GET /api/v1/sources/:sourceId/findings': read,

  'POST /api/v1/connections': manage,
  'GET /api/v1/connections': read,
  'GET /api/v1/connections/:connectionId': read,
  'PUT /api/v1/connections/:connectionId': manage,
  'DELETE /api/v1/connections/:connectionId': manage,
  'GET /api/v1/connections/:connectionId/settings': read,
  'POST /api/v1/connections/:connectionId/reset': manage,

  'POST /api/v1/syncs/connections/:connectionId/trigger': manage,
  'POST /api/v1/syncs/:syncId/cancel': manage,
  'GET /api/v1/syncs/:syncId': read,
  'GET /api/v1/syncs': read,
  'GET /api/v1/syncs/:syncId/streams': read,
  'GET /api/v1/syncs/:syncId/events': read,

  'GET /api/v1/connectors': anyTenant,
  'POST /api/v1/destinations': manage,
  'GET /api/v1/destinations': read,
  'GET /api/v1/destinations/:destinationId': read,
  'PUT /api/v1/destinations/:destinationId': manage,
  'DELETE /api/v1/destinations/:destinationId': manage,
  'POST /api/v1/destinations/:destinationId/test': manage,

  'POST /api/v1/api-keys': admin,
  'GET /api/v1/api-keys': admin,
  'DELETE /api/v1/api-keys/:keyId': admin,
};

/** Administrators of a tenant may do everything in it, managers may read. */
const enough: Readonly<Record<Exclude<Rule['needs'], 'public'>, readonly Permission[]>> = {
  read: ['data:ingestion:read', 'data:ingestion:manage', 'admin'],
  manage: ['data:ingestion:manage', 'admin'],
  admin: ['admin'],
};
/** The permission that is missing, or undefined when the caller has enough. */
export function missing(needs: Exclude<Rule['needs'], 'public'>, had: readonly Permission[]): Permission | undefined {
  return enough[needs].some((one) => had.includes(one)) ? undefined : enough[needs][0];
}
