import { Harness, claims, errorBody, otherTenant, sign, tenant } from '../../test/harness.js';

const unknownId = '99999999-9999-4999-8999-999999999999';
const foreign = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };

describe("the platform's own resources", () => {
  let api: Harness;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());
  beforeEach(() => {
    for (const map of [api.catalog.endpoints, api.catalog.pipelines, api.catalog.runs, api.catalog.keys]) map.clear();
    api.catalog.asked.length = 0;
    api.catalog.findings = [];
  });

  describe('destinations', () => {
    const path = '/api/v1/destinations';
    const body = {
      name: 'warehouse',
      connectorType: 'postgres',
      connectionConfig: { host: 'w', password: 'canary-91' },
    };
    const create = async (): Promise<string> => ((await api.post(path, body)).body as { id: string }).id;
    const shown = (id: unknown, more: object = {}): object => ({
      id,
      name: 'warehouse',
      description: null,
      connectorType: 'postgres',
      status: 'INACTIVE',
      lastTestedAt: null,
      findings: [],
      createdAt: '2024-03-15T10:00:00Z',
      updatedAt: '2024-03-15T10:00:00Z',
      ...more,
    });

    test('made, read, listed, changed, tested, deleted', async () => {
      const made = await api.post(path, body);
      expect([made.status, made.body]).toEqual([201, shown(expect.any(String))]);
      const { id } = made.body as { id: string };
      expect((await api.get(`${path}/${id}`)).body).toEqual(shown(id));
      expect((await api.get(path)).body).toEqual([shown(id)]);
      expect((await api.put(`${path}/${id}`, { description: 'for reports' })).body).toEqual(
        shown(id, { description: 'for reports' }),
      );
      api.catalog.findings = [
        {
          code: 'permission',
          severity: 'error',
          message: 'may not make tables',
          fix: 'GRANT CREATE ON SCHEMA public TO loader',
        },
      ];
      const failed = await api.post(`${path}/${id}/test`);
      expect([failed.status, failed.body]).toEqual([
        200,
        shown(id, {
          description: 'for reports',
          status: 'ERROR',
          lastTestedAt: '2024-03-15T10:05:00Z',
          findings: api.catalog.findings,
        }),
      ]);
      expect((await api.remove(`${path}/${id}`)).status).toBe(204);
      expect((await api.get(`${path}/${id}`)).body).toEqual(
        errorBody(404, 'Not Found', 'Destination not found', `${path}/${id}`),
      );
    });

    test('a source is no destination, another tenant sees nothing, ids must be ids', async () => {
      const id = await create();
      expect((await api.get(`/api/v1/sources/${id}`)).status).toBe(404);
      for (const answer of [
        await api.get(`${path}/${id}`, foreign),
        await api.put(`${path}/${id}`, { name: 'x' }, foreign),
        await api.remove(`${path}/${id}`, foreign),
        await api.post(`${path}/${id}/test`, undefined, foreign),
      ])
        expect(answer.body).toMatchObject({ status: 404, message: 'Destination not found' });
      expect((await api.get(path, foreign)).body).toEqual([]);
      expect((await api.get(`${path}/7`)).body).toMatchObject({
        status: 400,
        message: 'Destination id must be a UUID',
      });
    });

    test.each([
      [{}, 'Destination name is required; Connector type is required; Connection config is required'],
      [
        { ...body, connectorType: 'iceberg' },
        'Connector type "iceberg" is not known as a destination; installed are mariadb, mysql, postgres',
      ],
    ])('a wrong body is told in words: %j', async (sent, message) => {
      expect((await api.post(path, sent)).body).toEqual(errorBody(400, 'Bad Request', message, path));
      expect(api.catalog.endpoints.size).toBe(0);
    });
  });

  test('connectors: what is installed, with capabilities and the schema of its settings; no tenant needed', async () => {
    const answer = await api.get('/api/v1/connectors', { tenantId: null });
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(4);
    expect((answer.body as unknown[])[2]).toEqual({
      type: 'mysql',
      role: 'source',
      title: 'MySQL',
      variants: [{ type: 'mariadb', title: 'MariaDB', description: 'MariaDB 10.6 and newer.' }],
      capabilities: { modes: ['full', 'cursor'] },
      configSchema: { type: 'object', required: ['host'], properties: { host: { type: 'string' } } },
    });
  });

  describe('API keys', () => {
    const path = '/api/v1/api-keys';
    test('made with the key shown once, listed without it, revoked', async () => {
      const made = await api.post(path, {
        name: 'nightly',
        permissions: ['data:ingestion:read'],
        expiresAt: '2099-01-01T00:00:00+01:00',
      });
      expect([made.status, made.body]).toEqual([
        201,
        { id: expect.any(String), key: expect.stringMatching(/^sk_[0-9a-f]{32}$/) },
      ]);
      const { id, key } = made.body as { id: string; key: string };
      const list = await api.get(path);
      const shown = {
        id,
        name: 'nightly',
        prefix: key.slice(0, 7),
        permissions: ['data:ingestion:read'],
        createdAt: '2024-03-15T10:00:00Z',
        revokedAt: null,
      };
      expect(list.body).toEqual([{ ...shown, expiresAt: '2098-12-31T23:00:00Z' }]);
      expect(list.text).not.toContain(key);
      expect((await api.remove(`${path}/${id}`, foreign)).status).toBe(404);
      expect((await api.remove(`${path}/${id}`)).status).toBe(204);
      expect((await api.get(path)).body).toEqual([expect.objectContaining({ revokedAt: '2024-03-15T10:00:00Z' })]);
      expect((await api.remove(`${path}/${unknownId}`)).body).toMatchObject({
        status: 404,
        message: 'API key not found',
      });
    });

    test.each([
      [{}, 'Key name is required; Permission list is required'],
      [
        { name: 'x', permissions: ['root'] },
        'Permission list must be of data:ingestion:read, data:ingestion:manage, admin',
      ],
      [{ name: 'x', permissions: [] }, 'Permission list must name at least one'],
      [
        { name: 'x', permissions: ['admin'], expiresAt: 'tomorrow' },
        'Expiry must be a moment such as 2030-01-31T00:00:00Z',
      ],
      [{ name: 'x', permissions: ['admin'], expiresAt: '2020-01-01T00:00:00Z' }, 'Expiry must lie in the future'],
    ])('a wrong body is told in words: %j', async (sent, message) => {
      expect((await api.post(path, sent)).body).toEqual(errorBody(400, 'Bad Request', message, path));
    });

    test('the key of one tenant is made for that tenant only', async () => {
      await api.post(path, { name: 'k', permissions: ['admin'] });
      expect([...api.catalog.keys.values()].map(({ tenantId }) => tenantId)).toEqual([tenant]);
    });
  });

  test('the streams of a sync', async () => {
    const source = await api.post('/api/v1/sources', { name: 's', connectorType: 'postgres', connectionConfig: {} });
    const made = await api.post('/api/v1/connections', { sourceId: (source.body as { id: string }).id, name: 'c' });
    const { id } = api.catalog.addRun((made.body as { id: string }).id, { status: 'running' });
    const counts = { rowsRead: 10, rowsWritten: 8, rowsRejected: 2, bytes: 100 };
    api.catalog.runStreams.set(id, [
      { stream: 'public.orders', status: 'succeeded', ...counts, estimatedRows: 12, error: null },
      {
        stream: 'public.x',
        status: 'failed',
        ...counts,
        estimatedRows: null,
        error: { class: 'data', code: 'value-rejected', message: 'too long', fix: 'widen it' },
      },
    ]);
    const at = `/api/v1/syncs/${id}/streams`;
    expect((await api.get(at)).body).toEqual([
      { name: 'public.orders', status: 'SUCCEEDED', ...counts, estimatedRows: 12 },
      {
        name: 'public.x',
        status: 'FAILED',
        ...counts,
        estimatedRows: null,
        errorMessage: 'too long; to fix it: widen it',
      },
    ]);
    expect((await api.get(at, foreign)).body).toEqual(errorBody(404, 'Not Found', 'Sync not found', at));
  });

  test('health and metrics need no credential; requests are counted by route', async () => {
    const open = { token: null, tenantId: null };
    expect((await api.get('/livez', open)).text).toBe('ok\n');
    api.ops.check('bus', async () => void (await api.nats.rtt()));
    expect(await api.get('/readyz', open)).toMatchObject({ status: 200, body: { ready: true, checks: { bus: 'ok' } } });
    await api.get(`/api/v1/sources/${unknownId}`);
    const { text } = await api.get('/metrics', open);
    expect(text).toMatch(
      /sluice_http_request_seconds_count\{[^}]*method="GET",route="\/api\/v1\/sources\/:sourceId",status="404"[^}]*\} \d+/,
    );
    expect(text).not.toContain(unknownId);
    api.ops.check('broken', () => Promise.reject(new Error('refused')));
    expect(await api.get('/readyz', open)).toMatchObject({ status: 503, body: { ready: false } });
  });
});
