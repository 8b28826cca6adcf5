import { randomUUID } from 'node:crypto';
import { Database } from '../database/database.js';
import { ring } from '../../test/running.js';
import { testDatabase, type TestDatabase } from '../../test/services.js';
import { openSecret, rewrap, sealSecret, type Owner } from './envelope.js';
import { parseKeyRing } from './key-ring.js';
import { getSecrets, missingKeys, putSecrets, rewrapSecrets } from './secret-store.js';

const owner: Owner = { tenantId: 't', endpointId: 'e', version: 1 };
const secret = { password: 'p\u00e4ss', tunnel: { key: 'k' } };

describe('envelope', () => {
  test('opens for its owner, and is not the same twice', () => {
    const [a, b] = [sealSecret(ring('k1'), owner, secret), sealSecret(ring('k1'), owner, secret)];
    expect(openSecret(ring('k1'), owner, a)).toEqual(secret);
    expect(a.sealed.equals(b.sealed)).toBe(false);
    expect(a.sealed.includes(Buffer.from('tunnel'))).toBe(false);
  });

  test.each([{ tenantId: 'u' }, { endpointId: 'f' }, { version: 2 }])('does not open for %j', (other) => {
    const envelope = sealSecret(ring('k1'), owner, secret);
    expect(() => openSecret(ring('k1'), { ...owner, ...other }, envelope)).toThrow();
    expect(() => rewrap(ring('k1'), { ...owner, ...other }, envelope)).toThrow();
  });

  test('any flipped bit is noticed', () => {
    const envelope = sealSecret(ring('k1'), owner, { p: 'x' });
    for (const part of ['wrapped', 'sealed'] as const)
      for (let i = 0; i < envelope[part].length * 8; i++) {
        const bent = Buffer.from(envelope[part]);
        bent[i >> 3]! ^= 1 << (i & 7);
        expect(() => openSecret(ring('k1'), owner, { ...envelope, [part]: bent })).toThrow();
      }
  });

  test('a shortened tag is refused', () => {
    const envelope = sealSecret(ring('k1'), owner, secret);
    expect(() => openSecret(ring('k1'), owner, { ...envelope, sealed: envelope.sealed.subarray(0, -8) })).toThrow();
  });

  test('the secret of one data key does not open with that of another', () => {
    const [a, b] = [sealSecret(ring('k1'), owner, secret), sealSecret(ring('k1'), owner, secret)];
    expect(() => openSecret(ring('k1'), owner, { ...a, sealed: b.sealed })).toThrow();
  });
});

describe('key ring', () => {
  const good = Buffer.alloc(32).toString('base64');
  test.each([
    ['not JSON', 'k1', /not JSON/],
    ['no keys', '{"current":"k1"}', /needs "current" and "keys"/],
    ['a current key that is missing', JSON.stringify({ current: 'k2', keys: { k1: good } }), /"k2" is not among/],
    [
      'a short key',
      JSON.stringify({ current: 'k1', keys: { k1: Buffer.alloc(16).toString('base64') } }),
      /"k1" has 16 bytes; 32/,
    ],
    ['null', 'null', /needs "current"/],
  ])('%s is refused', (_what, text, message) => expect(() => parseKeyRing(text)).toThrow(message));

  test('no message quotes a key', () => {
    const key = Buffer.alloc(31, 'z').toString('base64');
    expect(() => parseKeyRing(JSON.stringify({ current: 'k1', keys: { k1: key } }))).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(key) }),
    );
  });
});

describe('store', () => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await testDatabase();
    db = await Database.open(database.url, 5);
    await database.query("INSERT INTO tenant VALUES ('t', 't'), ('u', 'u')");
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
    await database?.drop();
  });
  async function endpoint(tenantId: string): Promise<Owner> {
    const endpointId = randomUUID();
    await database.query(
      "INSERT INTO endpoint (id, tenant_id, role, name, connector_type, config) VALUES ($1, $2, 'source', $3, 'x', '{}')",
      [endpointId, tenantId, endpointId],
    );
    return { tenantId, endpointId, version: 1 };
  }

  test('ciphertexts swapped between tenants in the database do not open', async () => {
    const [a, b] = [await endpoint('t'), await endpoint('u')];
    await putSecrets(db.manager, ring('k1'), a, { password: 'a' });
    await putSecrets(db.manager, ring('k1'), b, { password: 'b' });
    await database.query(
      `UPDATE secret s SET wrapped = o.wrapped, sealed = o.sealed FROM secret o
       WHERE s.endpoint_id <> o.endpoint_id AND s.endpoint_id = ANY($1::uuid[]) AND o.endpoint_id = ANY($1::uuid[])`,
      [[a.endpointId, b.endpointId]],
    );
    await expect(getSecrets(db.manager, ring('k1'), 't', a.endpointId)).rejects.toThrow();
    await expect(getSecrets(db.manager, ring('k1'), 'u', b.endpointId)).rejects.toThrow();
    expect(await getSecrets(db.manager, ring('k1'), 'u', a.endpointId)).toEqual({});
    await database.query('DELETE FROM secret');
  });

  test('rotation wraps every data key anew, while others read and write; then the old key may go', async () => {
    const owners = await Promise.all(Array.from({ length: 250 }, () => endpoint('t')));
    for (const one of owners) await putSecrets(db.manager, ring('k1'), one, { password: one.endpointId });
    const both = ring('k2', 'k1');
    const reads = Promise.all(owners.map((one) => getSecrets(db.manager, both, 't', one.endpointId)));
    const counts = await Promise.all([rewrapSecrets(db, both), rewrapSecrets(db, both)]);
    expect(await reads).toEqual(owners.map((one) => ({ password: one.endpointId })));
    await rewrapSecrets(db, both);
    expect(counts[0]! + counts[1]!).toBeGreaterThanOrEqual(150);
    expect(await database.query('SELECT DISTINCT key_id FROM secret')).toEqual([{ key_id: 'k2' }]);
    const only = ring('k2');
    expect(await missingKeys(db.manager, only)).toEqual([]);
    expect(await missingKeys(db.manager, ring('k3'))).toEqual(['k2']);
    for (const one of owners)
      expect(await getSecrets(db.manager, only, 't', one.endpointId)).toEqual({ password: one.endpointId });
    await expect(getSecrets(db.manager, ring('k1'), 't', owners[0]!.endpointId)).rejects.toThrow('lacks key "k2"');
  });
});
