import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../database/database.js';
import { failing } from '../../test/running.js';
import { testDatabase, type TestDatabase } from '../../test/services.js';
import { bootstrap, type Credentials } from './bootstrap.js';
import { hashKey, keyService, type Keys } from './key-service.js';

const actor = 'user:ann';
let database: TestDatabase;
let db: Database;
let keys: Keys;
beforeAll(async () => {
  database = await testDatabase();
  db = await Database.open(database.url, 4);
  keys = keyService(db, 50);
});
afterAll(async () => {
  await keys?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
  await database?.drop();
});

test('a key is answered once, stored as a hash, and verified by it', async () => {
  const made = await keys.create({
    tenantId: 't',
    actor,
    name: ' ci ',
    permissions: ['data:ingestion:read', 'data:ingestion:read'],
  });
  expect(made.key).toMatch(/^sk_[0-9a-f]{8}_[\w-]{43}$/);
  expect(await keys.verify({ hash: hashKey(made.key) })).toEqual({
    tenantId: 't',
    subject: `key:${made.id}`,
    permissions: ['data:ingestion:read'],
  });
  expect(await keys.verify({ hash: hashKey(`${made.key}x`) })).toBeNull();
  const dump = JSON.stringify([
    await database.query('SELECT * FROM api_key'),
    await database.query('SELECT * FROM audit'),
    await keys.list({ tenantId: 't' }),
  ]);
  expect(dump).not.toContain(made.key.slice(12));
  expect(await keys.list({ tenantId: 't' })).toMatchObject([
    { id: made.id, name: 'ci', prefix: made.key.slice(0, 11), revokedAt: null, expiresAt: null },
  ]);
  expect(await keys.list({ tenantId: 'u' })).toEqual([]);
  // Noted behind the answer.
  const used = async () =>
    (await database.query<{ last_used_at: Date | null }>('SELECT last_used_at FROM api_key'))[0]!.last_used_at;
  for (const end = Date.now() + 20_000; (await used()) === null && Date.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await used()).not.toBeNull();
});

test('a revoked or expired key is no key; another tenant revokes nothing', async () => {
  const made = await keys.create({ tenantId: 't', actor, name: 'k', permissions: ['admin'] });
  expect(await failing(keys.revoke({ tenantId: 'u', id: made.id, actor }))).toMatchObject({ kind: 'not-found' });
  expect(await failing(keys.revoke({ tenantId: 't', id: 'x', actor }))).toMatchObject({ kind: 'not-found' });
  expect(await keys.verify({ hash: hashKey(made.key) })).not.toBeNull();
  await keys.revoke({ tenantId: 't', id: made.id, actor });
  expect(await keys.verify({ hash: hashKey(made.key) })).toBeNull();
  const brief = await keys.create({
    tenantId: 't',
    actor,
    name: 'k',
    permissions: ['admin'],
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
  });
  expect(await keys.verify({ hash: hashKey(brief.key) })).not.toBeNull();
  await database.query("UPDATE api_key SET expires_at = now() - interval '1 ms' WHERE id = $1", [brief.id]);
  expect(await keys.verify({ hash: hashKey(brief.key) })).toBeNull();
});

test.each([
  ['an unknown permission', { permissions: ['root'] }, 'permission-unknown'],
  ['no permission', { permissions: [] }, 'permission-unknown'],
  ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiry-invalid'],
  ['an expiry that is no time', { expiresAt: 'soon' }, 'expiry-invalid'],
  ['no name', { name: ' ' }, 'name-required'],
])('%s is refused', async (_what, more, code) => {
  const request = { tenantId: 't', actor, name: 'k', permissions: ['admin'], ...more } as Parameters<Keys['create']>[0];
  expect(await failing(keys.create(request))).toMatchObject({ kind: 'invalid', code });
});

test('bootstrap: one tenant and one file however many start, kept while its key is good, replaced when not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wcat-boot-'));
  const file = join(folder, 'first.json');
  const [one, two] = await Promise.all([bootstrap(db, file), bootstrap(db, file)]);
  expect(one).toEqual(two);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(one);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['first.json']);
  expect(await keys.verify({ hash: hashKey(one!.apiKey) })).toMatchObject({
    tenantId: one!.tenantId,
    permissions: ['data:ingestion:read', 'data:ingestion:manage', 'admin'],
  });
  chmodSync(file, 0o600);
  expect(await bootstrap(db, file)).toEqual(one);
  await database.query('UPDATE api_key SET revoked_at = now()');
  const next: Credentials = await bootstrap(db, file);
  expect(next.tenantId).toBe(one!.tenantId);
  expect(next.apiKey).not.toBe(one!.apiKey);
  writeFileSync(file, 'torn {');
  expect((await bootstrap(db, file)).apiKey).not.toBe(next.apiKey);
  expect(await database.query("SELECT count(*)::int AS n FROM tenant WHERE name = 'default'")).toEqual([{ n: 1 }]);
  rmSync(folder, { recursive: true });
});
