import type { Stream } from '@sluice/messages';
import { Harness, claims, errorBody, otherTenant, sign, tenant } from '../../test/harness.js';
import { wrongCron } from './connections-dto.js';

const path = '/api/v1/connections';
const unknownId = '99999999-9999-4999-8999-999999999999';
const foreign = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };
const stream = (id: string, modes: Stream['modes']): Stream => ({
  id,
  path: id.split('.'),
  columns: [],
  key: [],
  cursors: [],
  modes,
});

describe('connections', () => {
  let api: Harness;
  let sourceId: string;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());
  beforeEach(async () => {
    api.catalog.endpoints.clear();
    api.catalog.pipelines.clear();
    api.catalog.runs.clear();
    api.catalog.streams = [stream('public.orders', ['full', 'cursor']), stream('public.customers', ['full', 'cursor'])];
    api.catalog.now = '2024-03-15T10:10:00.000Z';
    const made = await api.post('/api/v1/sources', {
      name: 'production-postgres',
      connectorType: 'postgres',
      connectionConfig: {},
    });
    sourceId = (made.body as { id: string }).id;
    api.catalog.asked.length = 0;
  });
  const example = (): Record<string, unknown> => ({
    sourceId,
    name: 'orders-daily-sync',
    destinationType: 'iceberg',
    syncSchedule: '0 0 * * *',
    selectedStreams: ['public.orders', 'public.customers'],
    syncMode: 'INCREMENTAL',
  });
  const create = async (more: object = {}): Promise<string> =>
    ((await api.post(path, { ...example(), ...more })).body as { id: string }).id;
  const shown = (id: unknown): object => ({
    id,
    sourceId,
    sourceName: 'production-postgres',
    name: 'orders-daily-sync',
    destinationType: 'iceberg',
    syncSchedule: '0 0 * * *',
    syncMode: 'INCREMENTAL',
    status: 'PENDING',
    lastSyncAt: null,
    createdAt: '2024-03-15T10:10:00Z',
  });

  test("S1-09a a new connection is PENDING, was never synced, and looks as in the specification's example", async () => {
    const answer = await api.post(path, example());
    expect([answer.status, answer.body]).toEqual([201, shown(expect.stringMatching(/^[0-9a-f-]{36}$/))]);
    expect(api.catalog.asked).toEqual([
      {
        subject: 'catalog.pipelines.create',
        data: {
          tenantId: tenant,
          actor: 'user:ann',
          sourceId,
          name: 'orders-daily-sync',
          destinationType: 'iceberg',
          destinationId: null,
          mode: 'incremental',
          schedule: { kind: 'cron', cron: '0 0 * * *' },
          bindings: [{ stream: 'public.orders' }, { stream: 'public.customers' }],
          options: {},
        },
      },
    ]);
  });

  test.each([
    [{}],
    [
      {
        destinationType: null,
        syncSchedule: null,
        selectedStreams: null,
        syncMode: null,
        streams: null,
        options: null,
        destinationId: null,
      },
    ],
  ])('S1-09 what is absent or null has its default: %j', async (more) => {
    const answer = await api.post(path, { sourceId, name: 'c', ...more });
    expect(answer.body).toMatchObject({ destinationType: 'iceberg', syncSchedule: null, syncMode: 'FULL_REFRESH' });
    expect(api.catalog.asked[0]?.data).toMatchObject({
      mode: 'full',
      schedule: null,
      bindings: null,
      destinationId: null,
      options: {},
    });
  });

  test('S1-09b an unknown source, or one of another tenant, is a 404', async () => {
    const unknown = await api.post(path, { ...example(), sourceId: unknownId });
    expect(unknown.body).toEqual(errorBody(404, 'Not Found', 'Source not found', path));
    expect((await api.post(path, example(), foreign)).body).toEqual(
      errorBody(404, 'Not Found', 'Source not found', path),
    );
  });

  test.each([
    [
      '* * * *',
      'Sync schedule must be a cron expression of five fields (minute hour day month weekday), such as "0 0 * * *"',
    ],
    [
      '0 0 0 * * *',
      'Sync schedule must be a cron expression of five fields (minute hour day month weekday), such as "0 0 * * *"',
    ],
    [
      '@daily',
      'Sync schedule must be a cron expression of five fields (minute hour day month weekday), such as "0 0 * * *"',
    ],
    ['61 * * * *', expect.stringContaining('Sync schedule is not a valid cron expression')],
    ['a b c d e', expect.stringContaining('Sync schedule is not a valid cron expression')],
    ['0 0 31 2 *', 'Sync schedule never comes due'],
    [5, 'Sync schedule must be a string'],
  ])('S1-09c a bad cron is a 400 that says what is wrong: %j', async (syncSchedule, message) => {
    const answer = await api.post(path, { ...example(), syncSchedule });
    expect(answer.body).toEqual(errorBody(400, 'Bad Request', message, path));
    expect(api.catalog.pipelines.size).toBe(0);
  });
  test.each(['0 0 * * *', '*/5 8-18 * * 1-5', '0 0 1,15 * *', '0 0 * * 7', ' 0  0 * * * '])(
    'S1-09c a good cron is taken: %j',
    (cron) => expect(wrongCron(cron)).toBeUndefined(),
  );

  test('S1-09d an unknown stream and a mode that a stream has not are 400', async () => {
    const unknown = await api.post(path, { ...example(), selectedStreams: ['public.nope'] });
    expect(unknown.body).toEqual(errorBody(400, 'Bad Request', 'The source has no stream "public.nope"', path));
    const mode = await api.post(path, { ...example(), syncMode: 'CDC' });
    expect(mode.body).toEqual(
      errorBody(400, 'Bad Request', 'Stream public.orders cannot be synced in this mode', path),
    );
  });

  test.each([
    [{ sourceId: undefined, name: undefined }, 'Source id is required; Connection name is required'],
    [{ sourceId: 'x' }, 'Source id must be a UUID'],
    [{ syncMode: 'full' }, 'Sync mode must be one of FULL_REFRESH, INCREMENTAL, CDC'],
    [{ selectedStreams: 'public.orders' }, 'Selected streams must be a list of strings'],
    [{ selectedStreams: [7] }, 'Selected streams must be a list of strings'],
    [{ selectedStreams: [] }, 'Selected streams must name at least one; leave the field out for the default'],
    [{ selectedStreams: ['a', 'a'] }, 'Selected streams must not name one twice'],
    [{ streams: [{ name: 'public.orders' }] }, 'Give either selectedStreams or streams, not both'],
    [{ selectedStreams: null, streams: [{ name: 'a' }, { name: 'a' }] }, 'Streams has "a" twice'],
    [
      { selectedStreams: null, streams: [{ cursor: 'c' }, { name: 'b', keys: ['x'] }] },
      'streams[0]: Stream name is required; streams[1]: Unknown field "keys"; allowed are name, cursor, key, targetTable, columns',
    ],
    [{ selectedStreams: null, streams: [7] }, 'Streams must be a list of objects'],
    [
      { options: { parallelism: 0, maxAttempts: 21, encoding: 'csv' } },
      'options: Parallelism must be a whole number from 1 to 32; options: Max attempts must be a whole number from 1 to 20; options: Encoding must be one of auto, rows',
    ],
    [{ options: [] }, 'Options must be an object'],
    [{ status: 'ACTIVE' }, expect.stringMatching(/^Unknown field "status"; allowed are sourceId, name, /)],
  ])('S1-09 a wrong body is told in words: %j', async (more, message) => {
    const answer = await api.post(path, { ...example(), ...more });
    expect(answer.body).toEqual(errorBody(400, 'Bad Request', message, path));
    expect(api.catalog.pipelines.size).toBe(0);
  });

  test('per-stream settings, destination and options reach the catalog and can be read back', async () => {
    const made = await api.post('/api/v1/destinations', {
      name: 'warehouse',
      connectorType: 'postgres',
      connectionConfig: {},
    });
    const destinationId = (made.body as { id: string }).id;
    const streams = [
      {
        name: 'public.orders',
        cursor: 'order_date',
        key: ['order_id'],
        targetTable: 'sales.orders',
        columns: ['order_id'],
      },
    ];
    const options = { parallelism: 4, maxAttempts: 2, encoding: 'rows' };
    const id = await create({ destinationId, selectedStreams: undefined, streams, options });
    const { name: _, ...settings } = streams[0]!;
    expect(api.catalog.pipelines.get(id)).toMatchObject({
      destinationId,
      options,
      bindings: [{ stream: 'public.orders', ...settings }],
    });
    expect((await api.get(`${path}/${id}/settings`)).body).toEqual({
      connectionId: id,
      destinationId,
      streams,
      cursors: [{ name: 'public.orders', cursor: 'order_date' }],
      options,
      nextRunAt: null,
      updatedAt: '2024-03-15T10:10:00Z',
    });
    expect((await api.get(`${path}/${id}/settings`, foreign)).status).toBe(404);
  });

  test('S1-10 a connection by its id; 404 for any other, 400 for what is no id', async () => {
    const id = await create();
    const answer = await api.get(`${path}/${id}`);
    expect([answer.status, answer.body]).toEqual([200, shown(id)]);
    expect((await api.get(`${path}/${unknownId}`)).body).toEqual(
      errorBody(404, 'Not Found', 'Connection not found', `${path}/${unknownId}`),
    );
    expect((await api.get(`${path}/${id}`, foreign)).body).toEqual(
      errorBody(404, 'Not Found', 'Connection not found', `${path}/${id}`),
    );
    expect((await api.get(`${path}/7`)).body).toEqual(
      errorBody(400, 'Bad Request', 'Connection id must be a UUID', `${path}/7`),
    );
  });

  test.each([
    ['pending', 'PENDING'],
    ['active', 'ACTIVE'],
    ['paused', 'PAUSED'],
    ['error', 'ERROR'],
  ] as const)('S1-10 a %s pipeline is %s', async (status, word) => {
    const id = await create();
    Object.assign(api.catalog.pipelines.get(id)!, { status, lastSyncAt: '2024-03-16T00:00:00.000Z' });
    expect((await api.get(`${path}/${id}`)).body).toMatchObject({ status: word, lastSyncAt: '2024-03-16T00:00:00Z' });
  });

  test("S1-11 a bare list of the tenant's own connections, without archived ones", async () => {
    expect((await api.get(path)).body).toEqual([]);
    const id = await create();
    const old = await create({ name: 'old' });
    api.catalog.pipelines.get(old)!.status = 'archived';
    expect((await api.get(path)).body).toEqual([shown(id)]);
    expect((await api.get(path, foreign)).body).toEqual([]);
  });

  test('S1-12 an update replaces: what the body leaves out has its default again', async () => {
    const id = await create();
    const answer = await api.put(`${path}/${id}`, { sourceId, name: 'renamed', syncMode: 'FULL_REFRESH' });
    expect([answer.status, answer.body]).toEqual([
      200,
      { ...shown(id), name: 'renamed', syncSchedule: null, syncMode: 'FULL_REFRESH' },
    ]);
    expect(api.catalog.pipelines.get(id)).toMatchObject({ bindings: null, schedule: null });
    expect((await api.put(`${path}/${id}`, { name: 'x' })).body).toMatchObject({
      status: 400,
      message: 'Source id is required',
    });
    expect((await api.put(`${path}/${unknownId}`, example())).status).toBe(404);
  });

  test('an INCREMENTAL connection shows the cursor of each stream, named or chosen', async () => {
    const column = (name: string, type: 'int64' | 'date') => ({ name, type, nullable: false, native: type });
    const columns = [column('id', 'int64'), column('born', 'date'), column('died', 'date')];
    const dated = { ...stream('public.a', ['full', 'cursor']), columns, cursors: ['id', 'born'] };
    const unclear = { ...stream('public.b', ['full', 'cursor']), columns, cursors: ['born', 'died'] };
    api.catalog.streams = [dated, unclear, stream('public.c', ['full'])];
    const cursors = async (more: object): Promise<unknown> => {
      const id = await create({ selectedStreams: undefined, ...more });
      return ((await api.get(`${path}/${id}/settings`)).body as { cursors: unknown }).cursors;
    };
    expect(await cursors({ name: 'all' })).toEqual([
      { name: 'public.a', cursor: 'born' },
      { name: 'public.b', cursor: null },
    ]);
    const streams = [
      { name: 'public.a', columns: ['id'], key: ['id'] },
      { name: 'public.b', cursor: 'died' },
    ];
    expect(await cursors({ name: 'some', streams })).toEqual([
      { name: 'public.a', cursor: 'id' },
      { name: 'public.b', cursor: 'died' },
    ]);
    expect(await cursors({ name: 'full', syncMode: 'FULL_REFRESH' })).toBeNull();
  });

  test('a connection is started over; the answer says what becomes of the tables', async () => {
    api.catalog.streams = [stream('public.log', ['full', 'cursor'])];
    const [id, full] = [
      await create({ selectedStreams: null }),
      await create({ selectedStreams: null, name: 'full', syncMode: 'FULL_REFRESH' }),
    ];
    const reset = (one: string, as = {}) => api.post(`${path}/${one}/reset`, undefined, as);
    expect((await reset(id)).body).toEqual({
      connectionId: id,
      message:
        'The next sync reads every row from the start. Rows at the destination are overwritten by their key; those that the source no longer has stay. One stream has no key: all rows are added to the table once more. Empty it first.',
      streamsWithoutKey: ['public.log'],
      streamsWithoutKeyCount: 1,
    });
    expect((await reset(full)).body).toMatchObject({
      message: expect.stringContaining('replaced'),
      streamsWithoutKeyCount: 0,
    });
    api.catalog.addRun(id, { status: 'running' });
    expect((await reset(id)).body).toEqual(
      errorBody(409, 'Conflict', 'A sync of this connection is active', `${path}/${id}/reset`),
    );
    expect((await reset(id, { token: sign(claims({ permissions: ['data:ingestion:read'] })) })).status).toBe(403);
    expect((await reset(full, foreign)).status).toBe(404);
  });

  test('S1-13 a connection is deleted; while a sync runs it is a 409', async () => {
    const id = await create();
    api.catalog.addRun(id, { status: 'running' });
    expect((await api.remove(`${path}/${id}`)).body).toEqual(
      errorBody(409, 'Conflict', 'A sync of this connection is running; cancel it first', `${path}/${id}`),
    );
    api.catalog.runs.clear();
    expect((await api.remove(`${path}/${id}`, foreign)).status).toBe(404);
    expect((await api.remove(`${path}/${id}`)).status).toBe(204);
    expect((await api.get(`${path}/${id}`)).status).toBe(404);
  });
});
