/** Secrets of endpoints, in the database only as envelopes. (Invariant 12) */
import type { JsonObject } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { first, rows, type Database } from '../database/database.js';
import { openSecret, rewrap, sealSecret, type Envelope, type Owner } from './envelope.js';
import type { KeyRing } from './key-ring.js';

interface SecretRow {
  readonly tenant_id: string;
  readonly endpoint_id: string;
  readonly version: number;
  readonly key_id: string;
  readonly wrapped: Buffer;
  readonly sealed: Buffer;
}
const ownerOf = (row: SecretRow): Owner => ({
  tenantId: row.tenant_id,
  endpointId: row.endpoint_id,
  version: row.version,
});
const envelopeOf = ({ key_id: keyId, wrapped, sealed }: SecretRow): Envelope => ({ keyId, wrapped, sealed });

/** Writes the endpoint's secrets as of `owner.version`. */
export async function putSecrets(em: EntityManager, ring: KeyRing, owner: Owner, secrets: JsonObject): Promise<void> {
  const { keyId, wrapped, sealed } = sealSecret(ring, owner, secrets);
  await em.query(
    `INSERT INTO secret (tenant_id, endpoint_id, version, key_id, wrapped, sealed) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, endpoint_id) DO UPDATE SET version = excluded.version, key_id = excluded.key_id,
       wrapped = excluded.wrapped, sealed = excluded.sealed`,
    [owner.tenantId, owner.endpointId, owner.version, keyId, wrapped, sealed],
  );
}

/** Throws when the key ring does not open them. */
export async function getSecrets(
  em: EntityManager,
  ring: KeyRing,
  tenantId: string,
  endpointId: string,
): Promise<JsonObject> {
  const row = await first<SecretRow>(em, 'SELECT * FROM secret WHERE tenant_id = $1 AND endpoint_id = $2', [
    tenantId,
    endpointId,
  ]);
  return row ? (openSecret(ring, ownerOf(row), envelopeOf(row)) as JsonObject) : {};
}

/**
 * Wraps every data key that an older key of the ring wraps anew with the current one, and answers how many. When it is
 * done, the older keys may leave the ring. Safe beside other catalogs and beside changes.
 */
export async function rewrapSecrets(db: Database, ring: KeyRing): Promise<number> {
  let count = 0;
  for (;;) {
    const done = await db.transaction(async (em) => {
      const stale = await rows<SecretRow>(
        em,
        'SELECT * FROM secret WHERE key_id <> $1 AND key_id = ANY($2) LIMIT 100 FOR UPDATE SKIP LOCKED',
        [ring.current, [...ring.keys.keys()]],
      );
      for (const row of stale) {
        const { keyId, wrapped } = rewrap(ring, ownerOf(row), envelopeOf(row));
        await em.query('UPDATE secret SET key_id = $3, wrapped = $4 WHERE tenant_id = $1 AND endpoint_id = $2', [
          row.tenant_id,
          row.endpoint_id,
          keyId,
          wrapped,
        ]);
      }
      return stale.length;
    });
    count += done;
    if (done < 100) return count;
  }
}

/** Keys that stored secrets need and the ring lacks: a start with them would fail later, one pipeline at a time. */
export async function missingKeys(em: EntityManager, ring: KeyRing): Promise<string[]> {
  const used = await rows<{ key_id: string }>(em, 'SELECT DISTINCT key_id FROM secret');
  return used.map(({ key_id }) => key_id).filter((id) => !ring.keys.has(id));
}
