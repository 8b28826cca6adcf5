/** API keys: shown once, stored as hashes. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { invalid, notFound, type Answer, type Permission, type Principal, type Request } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import { first, type Database } from '../database/database.js';
import { apiKeyTable } from '../database/entities.js';
import { ensureTenant } from '../endpoints/endpoint-repository.js';
import { isId, iso, nameOf, refuseUnstorableText } from '../requests.js';

export const permissions: readonly Permission[] = ['data:ingestion:read', 'data:ingestion:manage', 'admin'];
/** SHA-256, hex. A key has 256 random bits, so that a slow hash would add nothing. */
export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex');

type Create = Request<'catalog.keys.create'>;
export interface Keys extends AsyncDisposable {
  verify(request: Request<'catalog.keys.verify'>): Promise<Principal | null>;
  create(request: Create): Promise<Answer<'catalog.keys.create'>>;
  list(request: Request<'catalog.keys.list'>): Promise<Answer<'catalog.keys.list'>>;
  revoke(request: Request<'catalog.keys.revoke'>): Promise<null>;
}

/** `flushEvery`: how often the times of last use are written, ms. */
export function keyService(db: Database, flushEvery = 30_000): Keys {
  const used = new Map<string, Date>();
  const timer = setInterval(() => void writeUses(db, used), flushEvery).unref();
  return {
    verify: async ({ hash }) => {
      const principal = await verifyKey(db, hash);
      if (principal) used.set(principal.id, new Date());
      return (
        principal && {
          tenantId: principal.tenantId,
          subject: `key:${principal.id}`,
          permissions: principal.permissions,
        }
      );
    },
    create: (request) => db.transaction((em) => createKey(em, request)),
    list: ({ tenantId }) => db.run((em) => listKeys(em, tenantId)),
    revoke: (request) => revokeKey(db, request),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await writeUses(db, used);
    },
  };
}

async function verifyKey(
  db: Database,
  hash: string,
): Promise<{ id: string; tenantId: string; permissions: Permission[] } | null> {
  const found = await db.run((em) =>
    first<{ id: string; tenant_id: string; permissions: Permission[] }>(
      em,
      `SELECT id, tenant_id, permissions FROM api_key
       WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
      [hash],
    ),
  );
  return found ? { id: found.id, tenantId: found.tenant_id, permissions: found.permissions } : null;
}

/** 'sk_<prefix>_<random>': the prefix is for people to tell keys apart, and is stored; the rest is not. */
export async function createKey(em: EntityManager, request: Create): Promise<{ id: string; key: string }> {
  const { tenantId, actor, expiresAt } = request;
  refuseUnstorableText(request);
  const name = nameOf(request.name, 'the name of the key');
  const granted = [...new Set(request.permissions)];
  const unknown = granted.find((permission) => !permissions.includes(permission));
  if (granted.length === 0 || unknown !== undefined)
    throw invalid(
      'permission-unknown',
      unknown === undefined ? 'the key has no permission' : `there is no permission "${unknown}"`,
      {
        fix: `use some of: ${permissions.join(', ')}`,
      },
    );
  const expires = expiresAt === undefined ? null : new Date(expiresAt);
  if (expires && !(expires.getTime() > Date.now()))
    throw invalid('expiry-invalid', 'expiresAt is not a time to come', { fix: 'send an ISO 8601 time in the future' });
  const id = randomUUID();
  const prefix = `sk_${randomBytes(4).toString('hex')}`;
  const key = `${prefix}_${randomBytes(32).toString('base64url')}`;
  await ensureTenant(em, { tenantId });
  await em.query(
    `INSERT INTO api_key (id, tenant_id, name, prefix, hash, permissions, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, tenantId, name, prefix, hashKey(key), granted, expires],
  );
  const after = { name, prefix, permissions: granted, expiresAt: iso(expires) };
  await record(em, { tenantId, actor, action: 'key.created', subjectId: id, after });
  return { id, key };
}

async function listKeys(em: EntityManager, tenantId: string): Promise<Answer<'catalog.keys.list'>> {
  const found = await em.find(apiKeyTable, { where: { tenantId }, order: { createdAt: 'ASC', id: 'ASC' } });
  return found.map(({ id, name, prefix, permissions: granted, createdAt, expiresAt, revokedAt }) => ({
    id,
    name,
    prefix,
    permissions: granted,
    createdAt: createdAt.toISOString(),
    expiresAt: iso(expiresAt),
    revokedAt: iso(revokedAt),
  }));
}

function revokeKey(db: Database, { tenantId, id, actor }: Request<'catalog.keys.revoke'>): Promise<null> {
  return db.transaction(async (em) => {
    const sql =
      'UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 AND id = $2 RETURNING name';
    const revoked = isId(id) ? await first<{ name: string }>(em, sql, [tenantId, id]) : undefined;
    if (!revoked) throw notFound('no-such-key', 'there is no such key');
    await record(em, { tenantId, actor, action: 'key.revoked', subjectId: id, after: revoked });
    return null;
  });
}

async function writeUses(db: Database, used: Map<string, Date>): Promise<void> {
  if (used.size === 0) return;
  const batch = [...used];
  used.clear();
  const sql = `UPDATE api_key SET last_used_at = greatest(last_used_at, u.at)
    FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) WHERE api_key.id = u.id`;
  // The time of last use is for people; losing one is no reason to fail a request.
  await db.run((em) => em.query(sql, [batch.map(([id]) => id), batch.map(([, at]) => at)])).catch(() => undefined);
}
