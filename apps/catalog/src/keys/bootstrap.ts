/** Gives a new installation its first tenant and a key to get in with. */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { first, type Database } from '../database/database.js';
import { createKey, hashKey, permissions } from './key-service.js';

export interface Credentials {
  readonly tenantId: string;
  readonly apiKey: string;
}

/** Keeps the file when its key is still good; else makes a key and writes the file as a whole, readable by its owner only. */
export function bootstrap(db: Database, file: string): Promise<Credentials> {
  return db.alone(async () => {
    const known = await readCredentials(file);
    if (known && (await isGood(db, known))) return known;
    const made = await db.transaction(async (em) => {
      const tenant = await first<{ id: string }>(
        em,
        "SELECT id FROM tenant WHERE name = 'default' ORDER BY created_at LIMIT 1",
      );
      const tenantId = tenant?.id ?? randomUUID();
      if (!tenant) await em.query("INSERT INTO tenant (id, name) VALUES ($1, 'default')", [tenantId]);
      const { key } = await createKey(em, { tenantId, actor: 'bootstrap', name: 'first key', permissions });
      return { tenantId, apiKey: key };
    });
    await writeWhole(file, `${JSON.stringify(made, null, 2)}\n`);
    return made;
  });
}

async function readCredentials(file: string): Promise<Credentials | undefined> {
  try {
    const { tenantId, apiKey } = JSON.parse(await readFile(file, 'utf8')) as Partial<Credentials>;
    return typeof tenantId === 'string' && typeof apiKey === 'string' ? { tenantId, apiKey } : undefined;
  } catch {
    return undefined;
  }
}

async function isGood(db: Database, { tenantId, apiKey }: Credentials): Promise<boolean> {
  const sql = `SELECT 1 FROM api_key WHERE hash = $1 AND tenant_id = $2 AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > now())`;
  return (await db.run((em) => first(em, sql, [hashKey(apiKey), tenantId]))) !== undefined;
}

async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
