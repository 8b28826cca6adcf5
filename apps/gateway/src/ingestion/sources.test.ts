import type { Stream } from '@sluice/messages';
import { Harness, errorBody, otherTenant, sign, claims, tenant } from '../../test/harness.js';
import { connectorTypes } from './connector-types.js';

const path = '/api/v1/sources';
const unknownId = '99999999-9999-4999-8999-999999999999';
const body = {
  name: 'production-postgres',
  description: 'Production PostgreSQL database for order data',
  connectorType: 'postgres',
  connectionConfig: {
    host: 'orders-db.example.com',
    port: 5432,
    database: 'orders',
    username: 'readonly_user',
    password: 'canary-7f3a',
    ssl_mode: 'require',
  },
};
const foreign = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };
const column = (
  name: string,
  type: Stream['columns'][number]['type'],
  nullable = false,
): Stream['columns'][number] => ({ name, type, nullable, native: type });
const orders: Stream = {
  id: 'public.orders',
  path: ['public', 'orders'],
  key: ['order_id'],
  cursors: ['order_date'],
  modes: ['changes', 'full', 'cursor'],
  columns: [
    column('order_id', 'int64'),
    column('customer_id', 'int32'),
    column('order_date', 'date'),
    column('total_amount', 'decimal'),
    column('status', 'string', true),
  ],
};

describe('sources', () => {
  let api: Harness;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());
  beforeEach(() => {
    api.catalog.endpoints.clear();
    api.catalog.pipelines.clear();
    api.catalog.failing.clear();
    api.catalog.asked.length = 0;
    api.catalog.findings = [];
    api.catalog.streams = [];
  });
  const create = async (more: object = {}): Promise<string> =>
    ((await api.post(path, { ...body, ...more })).body as { id: string }).id;

  test("S1-01a a new source is INACTIVE, was never tested, and looks as in the specification's example", async () => {
    const answer = await api.post(path, body);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'production-postgres',
      description: 'Production PostgreSQL database for order data',
      connectorType: 'postgres',
      status: 'INACTIVE',
      lastTestedAt: null,
      createdAt: '2024-03-15T10:00:00Z',
    });
    const [, asked] = api.catalog.asked;
    expect(asked).toEqual({
      subject: 'catalog.endpoints.create',
      data: {
        tenantId: tenant,
        actor: 'user:ann',
        role: 'source',
        name: body.name,
        description: body.description,
        connectorType: 'postgres',
        config: body.connectionConfig,
      },
    });
  });

  test.each([
    [{ ...body, name: undefined }, 'Source name is required'],
    [{ ...body, name: null }, 'Source name is required'],
    [{ ...body, name: '  ' }, 'Source name is required'],
    [{ ...body, connectorType: undefined }, 'Connector type is required'],
    [{ ...body, connectionConfig: undefined }, 'Connection config is required'],
    [{}, 'Source name is required; Connector type is required; Connection config is required'],
  ])('S1-01b a missing field is named: %j', async (sent, message) => {
    const answer = await api.post(path, sent);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(errorBody(400, 'Bad Request', message, path));
    expect(api.catalog.asked).toEqual([]);
  });

  test.each([
    [{ ...body, name: 7 }, 'Source name must be a string'],
    [{ ...body, name: 'x'.repeat(256) }, 'Source name must not be longer than 255 characters'],
    [{ ...body, description: ['x'] }, 'Source description must be a string'],
    [{ ...body, connectorType: {} }, 'Connector type must be a string'],
    [{ ...body, connectionConfig: 'host=x' }, 'Connection config must be an object'],
    [{ ...body, connectionConfig: [1] }, 'Connection config must be an object'],
    [
      { ...body, tenantId: otherTenant, id: unknownId },
      'Unknown fields "tenantId", "id"; allowed are name, description, connectorType, connectionConfig',
    ],
  ])('S1-01b a wrong type or an unknown field is named: %#', async (sent, message) => {
    const answer = await api.post(path, sent);
    expect(answer.body).toEqual(errorBody(400, 'Bad Request', message, path));
    expect(api.catalog.endpoints.size).toBe(0);
  });

  test.each([
    ['oracle', 'Connector type "oracle" has no source plugin installed yet; installed are mariadb, mysql, postgres'],
    ['dbase', 'Connector type "dbase" is not known as a source; installed are mariadb, mysql, postgres'],
  ])('S1-01c a type without a plugin, %s, is refused and nothing is made', async (connectorType, message) => {
    const answer = await api.post(path, { ...body, connectorType });
    expect(answer.body).toEqual(errorBody(400, 'Bad Request', message, path));
    expect(api.catalog.endpoints.size).toBe(0);
  });

  test('S1-01c a type without a plugin: the answer says which plugins were refused, and why', async () => {
    api.catalog.refused = ["plugin package 'dbase' is refused: it is written for contract 2; this host speaks 1"];
    const answer = await api.post(path, { ...body, connectorType: 'dbase' }).finally(() => (api.catalog.refused = []));
    expect((answer.body as { message: string }).message).toBe(
      'Connector type "dbase" is not known as a source; installed are mariadb, mysql, postgres; ' +
        "plugin package 'dbase' is refused: it is written for contract 2; this host speaks 1",
    );
  });

  test('S1-01c a variant of a plugin is a type too', async () => {
    expect((await api.post(path, { ...body, connectorType: 'mariadb' })).body).toMatchObject({
      connectorType: 'mariadb',
    });
  });

  test('S1-01d a name that is taken is a 409; in another tenant it is free', async () => {
    await create();
    const again = await api.post(path, body);
    expect(again.body).toEqual(errorBody(409, 'Conflict', 'Source named "production-postgres" exists already', path));
    expect((await api.post(path, body, foreign)).status).toBe(201);
  });

  test('S1-02 a source by its id', async () => {
    const id = await create();
    await api.post(`${path}/${id}/test`);
    const answer = await api.get(`${path}/${id}`);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        id,
        name: 'production-postgres',
        description: 'Production PostgreSQL database for order data',
        connectorType: 'postgres',
        status: 'ACTIVE',
        lastTestedAt: '2024-03-15T10:05:00Z',
        createdAt: '2024-03-15T10:00:00Z',
      },
    ]);
    expect((await api.get(`${path}/${id.toUpperCase()}`)).body).toEqual(answer.body);
  });

  test('S1-02 an unknown id and one of another tenant give the same 404; a destination is not a source', async () => {
    const id = await create();
    const unknown = await api.get(`${path}/${unknownId}`);
    const hidden = await api.get(`${path}/${id}`, foreign);
    expect(unknown.body).toEqual(errorBody(404, 'Not Found', 'Source not found', `${path}/${unknownId}`));
    expect(hidden.body).toEqual(errorBody(404, 'Not Found', 'Source not found', `${path}/${id}`));
    api.catalog.endpoints.get(id)!.role = 'destination';
    expect((await api.get(`${path}/${id}`)).status).toBe(404);
  });

  test.each(['abc', '1', "1' OR '1'='1", '%00', '😀', 'a1b2c3d4-e5f6-7890-abcd-ef123456789', 'x'.repeat(300)])(
    'S1-02 a malformed id is a 400: %j',
    async (id) => {
      const at = `${path}/${encodeURIComponent(id)}`;
      expect((await api.get(at)).body).toEqual(errorBody(400, 'Bad Request', 'Source id must be a UUID', at));
    },
  );

  test("S1-03 a bare list of the tenant's own sources", async () => {
    expect((await api.get(path)).body).toEqual([]);
    const id = await create();
    await api.post(path, { ...body, name: 'theirs' }, foreign);
    expect((await api.get(path)).body).toEqual([
      {
        id,
        name: body.name,
        description: body.description,
        connectorType: 'postgres',
        status: 'INACTIVE',
        lastTestedAt: null,
        createdAt: '2024-03-15T10:00:00Z',
      },
    ]);
  });

  test('S1-04 name and description change, and leave the state alone', async () => {
    const id = await create();
    await api.post(`${path}/${id}/test`);
    const answer = await api.put(`${path}/${id}`, {
      name: 'production-postgres-updated',
      description: 'Updated description',
    });
    expect([answer.status, answer.body]).toEqual([
      200,
      expect.objectContaining({
        id,
        name: 'production-postgres-updated',
        description: 'Updated description',
        status: 'ACTIVE',
      }),
    ]);
    expect((await api.put(`${path}/${id}`, { description: null })).body).toMatchObject({
      name: 'production-postgres-updated',
      description: null,
    });
  });

  test('S1-04a a changed connectionConfig makes the source INACTIVE again', async () => {
    const id = await create();
    await api.post(`${path}/${id}/test`);
    const connectionConfig = { host: 'new-host.example.com', password: 'canary-7f3a' };
    expect((await api.put(`${path}/${id}`, { connectionConfig })).body).toMatchObject({ status: 'INACTIVE' });
    expect(api.catalog.configs.get(id)).toEqual(connectionConfig);
  });

  test('S1-04 what cannot change is refused: type, id, state, blank name; unknown id', async () => {
    const id = await create();
    const at = `${path}/${id}`;
    expect((await api.put(at, { connectorType: 'mysql' })).body).toEqual(
      errorBody(400, 'Bad Request', 'The connector type does not change', at),
    );
    expect((await api.put(at, { connectorType: 'postgres' })).status).toBe(200);
    expect((await api.put(at, { status: 'ACTIVE' })).body).toMatchObject({
      status: 400,
      message: expect.stringContaining('Unknown field "status"'),
    });
    expect((await api.put(at, { name: ' ' })).body).toMatchObject({ status: 400, message: 'Source name is required' });
    expect((await api.put(`${path}/${unknownId}`, {})).status).toBe(404);
    expect((await api.put(at, {}, foreign)).status).toBe(404);
  });

  test('S1-05 a source is deleted; one with connections is a 409 and stays', async () => {
    const id = await create();
    const connection = await api.post('/api/v1/connections', { sourceId: id, name: 'c' });
    const refused = await api.remove(`${path}/${id}`);
    expect(refused.body).toEqual(
      errorBody(409, 'Conflict', 'The source has connections; delete them first', `${path}/${id}`),
    );
    expect((await api.remove(`${path}/${id}`, foreign)).status).toBe(404);
    await api.remove(`/api/v1/connections/${(connection.body as { id: string }).id}`);
    const gone = await api.remove(`${path}/${id}`);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await api.get(`${path}/${id}`)).status).toBe(404);
  });

  test('S1-06a a good test: ACTIVE, and when it was', async () => {
    const id = await create();
    const answer = await api.post(`${path}/${id}/test`);
    expect([answer.status, answer.body]).toEqual([
      200,
      expect.objectContaining({ id, status: 'ACTIVE', lastTestedAt: '2024-03-15T10:05:00Z' }),
    ]);
    expect(Object.keys(answer.body as object).sort()).toEqual([
      'connectorType',
      'createdAt',
      'description',
      'id',
      'lastTestedAt',
      'name',
      'status',
    ]);
  });

  test('S1-06b a failed test is a 200 with status ERROR, and the findings say why', async () => {
    const id = await create();
    api.catalog.findings = [
      { code: 'authentication', severity: 'error', message: 'the password was refused', fix: 'set the password' },
    ];
    const answer = await api.post(`${path}/${id}/test`);
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ status: 'ERROR' })]);
    expect((await api.get(`${path}/${id}/findings`)).body).toEqual({
      status: 'ERROR',
      lastTestedAt: '2024-03-15T10:05:00Z',
      findings: api.catalog.findings,
    });
    expect((await api.get(`${path}/${id}/findings`, foreign)).status).toBe(404);
  });

  test('S1-06 an empty body that claims to be JSON does no harm', async () => {
    const id = await create();
    expect(
      (await api.post(`${path}/${id}/test`, undefined, { headers: { 'content-type': 'application/json' } })).status,
    ).toBe(200);
  });

  test("S1-07 discovery answers all pages of streams, as in the specification's example, with key and cursors", async () => {
    const id = await create();
    const customers: Stream = {
      ...orders,
      id: 'public.customers',
      path: ['public', 'customers'],
      columns: [column('customer_id', 'int16'), column('name', 'string'), column('email', 'string', true)],
    };
    api.catalog.streams = [customers, orders];
    const answer = await api.post(`${path}/${id}/discover`);
    const plain = (name: string, type: string, nullable = false): object => ({
      name,
      type,
      nullable,
      sampleValues: [],
    });
    const supportedSyncModes = ['FULL_REFRESH', 'INCREMENTAL', 'CDC'];
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        streams: [
          {
            name: 'public.customers',
            columns: [plain('customer_id', 'INTEGER'), plain('name', 'STRING'), plain('email', 'STRING', true)],
            supportedSyncModes,
            key: ['order_id'],
            cursorCandidates: ['order_date'],
            suggestedCursor: null,
          },
          {
            name: 'public.orders',
            columns: [
              plain('order_id', 'INTEGER'),
              plain('customer_id', 'INTEGER'),
              plain('order_date', 'DATE'),
              plain('total_amount', 'DECIMAL'),
              plain('status', 'STRING', true),
            ],
            supportedSyncModes,
            key: ['order_id'],
            cursorCandidates: ['order_date'],
            suggestedCursor: 'order_date',
          },
        ],
      },
    ]);
  });

  test('S1-07 every logical type has its word, and only the modes of a stream are listed', async () => {
    const id = await create();
    const words = {
      boolean: 'BOOLEAN',
      int16: 'INTEGER',
      int32: 'INTEGER',
      int64: 'INTEGER',
      float32: 'DECIMAL',
      float64: 'DECIMAL',
      decimal: 'DECIMAL',
      string: 'STRING',
      bytes: 'STRING',
      date: 'DATE',
      time: 'STRING',
      timestamp: 'TIMESTAMP',
      timestamptz: 'TIMESTAMP',
      duration: 'STRING',
      uuid: 'STRING',
      json: 'STRING',
    };
    const types = Object.keys(words) as (keyof typeof words)[];
    api.catalog.streams = [{ ...orders, modes: ['full'], columns: types.map((type) => column(type, type)) }];
    const { streams } = (await api.post(`${path}/${id}/discover`)).body as {
      streams: [{ columns: { name: string; type: string }[]; supportedSyncModes: string[] }];
    };
    expect(Object.fromEntries(streams[0].columns.map(({ name, type }) => [name, type]))).toEqual(words);
    expect(streams[0].supportedSyncModes).toEqual(['FULL_REFRESH']);
  });

  test('S1-08 exactly the fifteen types, in order, without a tenant, before ids', async () => {
    const answer = await api.get(`${path}/connector-types`, { tenantId: null });
    expect([answer.status, answer.body]).toEqual([
      200,
      [
        'postgres',
        'mysql',
        'mongodb',
        'mssql',
        'oracle',
        'salesforce',
        'hubspot',
        'stripe',
        's3',
        'gcs',
        'azure-blob-storage',
        'sftp-bulk',
        'github',
        'jira',
        'zendesk',
      ],
    ]);
    expect(connectorTypes).toHaveLength(15);
    expect((await api.get(`${path}/connector-types`, { token: null, tenantId: null })).status).toBe(401);
  });

  test('a fraction of a second is kept when there is one', async () => {
    const id = await create();
    api.catalog.endpoints.get(id)!.createdAt = '2024-03-15T10:00:00.250Z';
    expect((await api.get(`${path}/${id}`)).body).toMatchObject({ createdAt: '2024-03-15T10:00:00.250Z' });
  });

  test('a secret of the configuration is in no answer and in no log', async () => {
    const id = await create();
    const answers = [
      await api.get(path),
      await api.get(`${path}/${id}`),
      await api.put(`${path}/${id}`, { ...body, connectorType: undefined }),
      await api.post(path, body),
    ];
    api.catalog.failing.set('catalog.endpoints.create', new Error('cannot insert canary-7f3a'));
    answers.push(await api.post(path, { ...body, name: 'second' }));
    answers.push(await api.post(path, undefined, { raw: '{"connectionConfig":{"password":"canary-7f3a",}}' }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 409, 500, 400]);
    expect(answers.map(({ text }) => text).join()).not.toContain('canary-7f3a');
    expect(api.logged.join()).not.toContain('canary-7f3a');
  });
});
