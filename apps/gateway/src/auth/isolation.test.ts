/** Tenant A's credential on tenant B's things, over every route that takes an id or a body; generated from the role table. */
import { Harness, claims, otherTenant, sign } from '../../test/harness.js';
import { roleTable } from './role-table.js';

const unknownId = '99999999-9999-4999-8999-999999999999';
const routes = Object.entries(roleTable)
  .filter(([route, { tenant }]) => tenant && route.includes(':'))
  .map(([route]) => route);
const writes = [
  'POST /api/v1/sources',
  'PUT /api/v1/sources/:sourceId',
  'POST /api/v1/connections',
  'PUT /api/v1/connections/:connectionId',
  'POST /api/v1/destinations',
  'PUT /api/v1/destinations/:destinationId',
  'POST /api/v1/api-keys',
];

describe('tenants', () => {
  let api: Harness;
  const ids: Record<string, string> = {};
  const idIn = (answer: { body: unknown }): string => (answer.body as { id: string }).id;
  beforeAll(async () => {
    api = await Harness.start();
    const endpoint = { name: 'n', connectorType: 'postgres', connectionConfig: {} };
    ids['sourceId'] = idIn(await api.post('/api/v1/sources', endpoint));
    ids['destinationId'] = idIn(await api.post('/api/v1/destinations', endpoint));
    ids['connectionId'] = idIn(await api.post('/api/v1/connections', { name: 'n', sourceId: ids['sourceId'] }));
    ids['syncId'] = idIn(await api.post(`/api/v1/syncs/connections/${ids['connectionId']}/trigger`));
    ids['keyId'] = idIn(await api.post('/api/v1/api-keys', { name: 'n', permissions: ['admin'] }));
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const state = (): string => {
    const { endpoints, pipelines, runs, keys } = api.catalog;
    return JSON.stringify([endpoints, pipelines, runs, keys].map((map) => [...map.values()]));
  };
  const bodyFor = (route: string): object | undefined =>
    !route.startsWith('PUT')
      ? undefined
      : route.includes('connections')
        ? { name: 'n', sourceId: ids['sourceId'] }
        : { name: 'stolen' };

  test.each(routes)("%s: another tenant's id is answered as an id that is not there", async (route) => {
    const [method = '', url = ''] = route.split(' ');
    const before = state();
    const as = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };
    const at = (id: (name: string) => string): string => url.replace(/:(\w+)/g, (_, name: string) => id(name));
    const [theirs, nobodys] = [at((name) => ids[name] ?? ''), at(() => unknownId)];
    const hidden = await api.send(method, theirs, bodyFor(route), as);
    const missing = await api.send(method, nobodys, bodyFor(route), as);
    expect(hidden.status).toBe(404);
    const { path, timestamp, ...rest } = hidden.body as Record<string, unknown>;
    expect([path, typeof timestamp]).toEqual([theirs, 'string']);
    expect(missing.body).toMatchObject(rest);
    expect(state()).toBe(before);
    expect((await api.send(method, nobodys, bodyFor(route))).status).toBe(404);
  });

  test.each(writes)('%s: ids, state and prototypes never come from a body', async (route) => {
    const [method = '', url = ''] = route.split(' ');
    const path = url.replace(/:(\w+)/g, (_, name: string) => ids[name] ?? '');
    const before = state();
    for (const name of [
      'tenantId',
      'id',
      'status',
      'createdAt',
      'role',
      'actor',
      'constructor',
      'toString',
      'hasOwnProperty',
    ]) {
      const answer = await api.send(method, path, { [name]: otherTenant });
      expect([name, answer.status]).toEqual([name, 400]);
      expect((answer.body as { message: string }).message).toContain(`Unknown field "${name}"`);
    }
    expect((await api.send(method, path, undefined, { raw: '{"__proto__":{"admin":true}}' })).status).toBe(400);
    expect(state()).toBe(before);
  });
});
