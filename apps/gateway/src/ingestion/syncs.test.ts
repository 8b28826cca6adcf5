import { Harness, claims, errorBody, otherTenant, sign } from '../../test/harness.js';
import { toQuery } from './syncs-query.js';

const path = '/api/v1/syncs';
const unknownId = '99999999-9999-4999-8999-999999999999';
const foreign = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };
const times = { startedAt: '2024-03-15T10:15:00.000Z', finishedAt: '2024-03-15T10:18:30.000Z' };
const counts = { rowsRead: 145230, rowsWritten: 145230, rowsRejected: 0, bytes: 52428800 };

describe('syncs', () => {
  let api: Harness;
  let connectionId: string;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());
  beforeEach(async () => {
    api.catalog.endpoints.clear();
    api.catalog.pipelines.clear();
    api.catalog.runs.clear();
    const source = await api.post('/api/v1/sources', {
      name: 'production-postgres',
      connectorType: 'postgres',
      connectionConfig: {},
    });
    const made = await api.post('/api/v1/connections', {
      sourceId: (source.body as { id: string }).id,
      name: 'orders-daily-sync',
    });
    connectionId = (made.body as { id: string }).id;
    api.catalog.asked.length = 0;
  });
  const shown = (id: unknown): object => ({
    id,
    connectionId,
    connectionName: 'orders-daily-sync',
    status: 'SUCCEEDED',
    recordsSynced: 145230,
    bytesSynced: 52428800,
    startedAt: '2024-03-15T10:15:00Z',
    completedAt: '2024-03-15T10:18:30Z',
    durationMs: 210000,
  });

  test("S1-14 a trigger answers at once, as in the specification's example", async () => {
    const answer = await api.post(`${path}/connections/${connectionId}/trigger`);
    expect([answer.status, answer.body]).toEqual([
      202,
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        connectionId,
        connectionName: 'orders-daily-sync',
        status: 'RUNNING',
        recordsSynced: null,
        bytesSynced: null,
        startedAt: '2024-03-15T10:15:00Z',
        completedAt: null,
        durationMs: null,
      },
    ]);
  });

  test('S1-14 a second trigger while one runs is a 409; an unknown connection a 404; a malformed id a 400', async () => {
    const at = `${path}/connections/${connectionId}/trigger`;
    await api.post(at);
    expect((await api.post(at)).body).toEqual(
      errorBody(409, 'Conflict', 'A sync of this connection is running already', at),
    );
    expect((await api.post(at, undefined, foreign)).body).toEqual(
      errorBody(404, 'Not Found', 'Connection not found', at),
    );
    expect((await api.post(`${path}/connections/x/trigger`)).body).toMatchObject({
      status: 400,
      message: 'Connection id must be a UUID',
    });
  });

  test('S1-15 a running sync is cancelled; one that is over is a 409', async () => {
    const run = api.catalog.addRun(connectionId, { status: 'running' });
    expect((await api.post(`${path}/${run.id}/cancel`, undefined, foreign)).status).toBe(404);
    const answer = await api.post(`${path}/${run.id}/cancel`);
    expect([answer.status, answer.text, run.status]).toEqual([204, '', 'cancelling']);
    run.status = 'cancelled';
    const late = await api.post(`${path}/${run.id}/cancel`);
    expect(late.body).toEqual(
      errorBody(409, 'Conflict', 'The sync is not running any more', `${path}/${run.id}/cancel`),
    );
  });

  test('S1-15 a cancel by the first id reaches the attempt that runs now', async () => {
    const first = api.catalog.addRun(connectionId, { status: 'failed' });
    const second = api.catalog.addRun(connectionId, { status: 'running', attempt: 2, rootId: first.id });
    first.nextId = second.id;
    expect((await api.post(`${path}/${first.id}/cancel`)).status).toBe(204);
    expect(second.status).toBe('cancelling');
  });

  test("S1-16 a finished sync looks as in the specification's example", async () => {
    const run = api.catalog.addRun(connectionId, { status: 'succeeded', ...times, ...counts });
    const answer = await api.get(`${path}/${run.id}`);
    expect([answer.status, answer.body]).toEqual([200, shown(run.id)]);
  });

  test.each([
    [
      { status: 'pending' },
      {
        status: 'RUNNING',
        recordsSynced: null,
        bytesSynced: null,
        completedAt: null,
        durationMs: null,
        startedAt: '2024-03-15T10:15:00Z',
      },
    ],
    [
      { status: 'running', ...counts, startedAt: times.startedAt },
      { status: 'RUNNING', recordsSynced: 145230, bytesSynced: 52428800, completedAt: null, durationMs: null },
    ],
    [
      { status: 'cancelling', startedAt: times.startedAt },
      { status: 'RUNNING', completedAt: null },
    ],
    [
      { status: 'cancelled', ...times, rowsWritten: 7 },
      { status: 'CANCELLED', recordsSynced: 7, durationMs: 210000 },
    ],
    [
      {
        status: 'partial',
        ...times,
        error: { class: 'data', code: 'value-rejected', message: 'two rows do not fit', stream: 'public.a' },
      },
      { status: 'SUCCEEDED', errorMessage: 'public.a: two rows do not fit' },
    ],
    [
      {
        status: 'failed',
        ...times,
        error: { class: 'config', code: 'permission', message: 'may not read', fix: 'GRANT SELECT' },
      },
      { status: 'FAILED', errorMessage: 'may not read; to fix it: GRANT SELECT', completedAt: '2024-03-15T10:18:30Z' },
    ],
  ] as const)('S1-16 %j', async (run, expected) => {
    const { id } = api.catalog.addRun(connectionId, run);
    const { body } = await api.get(`${path}/${id}`);
    expect(body).toMatchObject(expected);
    expect('errorMessage' in (body as object)).toBe('errorMessage' in expected);
  });

  test('S1-16 attempts are one sync: the state of the last, under the first id, since the first start', async () => {
    const error = { class: 'transient', code: 'connection-lost', message: 'lost' } as const;
    const failed = {
      status: 'failed',
      error,
      startedAt: times.startedAt,
      finishedAt: '2024-03-15T10:16:00.000Z',
    } as const;
    const first = api.catalog.addRun(connectionId, { ...failed, rowsWritten: 5230, bytes: 800 });
    api.catalog.unsettled.add(first.id);
    const between = await api.get(`${path}/${first.id}`);
    expect(between.body).toMatchObject({ status: 'RUNNING', completedAt: null, recordsSynced: 5230 });
    expect(between.body).not.toHaveProperty('errorMessage');
    const second = api.catalog.addRun(connectionId, {
      status: 'succeeded',
      attempt: 2,
      rootId: first.id,
      startedAt: '2024-03-15T10:17:00.000Z',
      finishedAt: times.finishedAt,
      rowsWritten: 140000,
      bytes: 52428000,
    });
    first.nextId = second.id;
    expect((await api.get(path)).body).toMatchObject({ totalElements: 1, content: [shown(first.id)] });
    expect((await api.get(`${path}/${first.id}`)).body).toEqual(shown(first.id));
  });

  test('S1-16 unknown, foreign and malformed ids', async () => {
    const { id } = api.catalog.addRun(connectionId);
    expect((await api.get(`${path}/${unknownId}`)).body).toEqual(
      errorBody(404, 'Not Found', 'Sync not found', `${path}/${unknownId}`),
    );
    expect((await api.get(`${path}/${id}`, foreign)).body).toEqual(
      errorBody(404, 'Not Found', 'Sync not found', `${path}/${id}`),
    );
    expect((await api.get(`${path}/nope`)).status).toBe(400);
  });

  test("S1-17 a page as in the specification's example: 47 syncs, 20 to a page", async () => {
    for (let i = 0; i < 47; i++)
      api.catalog.addRun(connectionId, {
        status: 'succeeded',
        ...times,
        ...counts,
        startedAt: `2024-03-15T10:15:00.0${String(i).padStart(2, '0')}Z`,
      });
    const newest = api.catalog.addRun(connectionId, {
      status: 'succeeded',
      ...counts,
      ...times,
      finishedAt: '2024-03-16T10:18:30.000Z',
      startedAt: '2024-03-16T10:15:00.000Z',
    });
    api.catalog.runs.delete([...api.catalog.runs.keys()][0]!);
    const { status, body } = await api.get(`${path}?connectionId=${connectionId}&page=0&size=20&sort=startedAt,desc`);
    const page = body as { content: unknown[] };
    expect(status).toBe(200);
    expect({ ...page, content: page.content.length }).toEqual({
      content: 20,
      totalElements: 47,
      totalPages: 3,
      number: 0,
      size: 20,
    });
    expect(page.content[0]).toEqual({
      ...shown(newest.id),
      startedAt: '2024-03-16T10:15:00Z',
      completedAt: '2024-03-16T10:18:30Z',
    });
    expect((await api.get(`${path}?page=2`)).body).toMatchObject({ number: 2, content: { length: 7 } });
    expect((await api.get(`${path}?page=9`)).body).toMatchObject({ number: 9, content: [], totalElements: 47 });
    expect((await api.get(path, foreign)).body).toEqual({
      content: [],
      totalElements: 0,
      totalPages: 0,
      number: 0,
      size: 20,
    });
  });

  test('S1-17 a malformed filter or an unknown sort is a 400; unknown keys are ignored', async () => {
    expect((await api.get(`${path}?connectionId=x`)).body).toEqual(
      errorBody(400, 'Bad Request', 'connectionId must be a UUID', path),
    );
    expect((await api.get(`${path}?sort=password`)).body).toEqual(
      errorBody(
        400,
        'Bad Request',
        'sort must be one of startedAt, completedAt, status, recordsSynced, then ",asc" or ",desc"',
        path,
      ),
    );
    expect((await api.get(`${path}?limit=5&q=x`)).status).toBe(200);
  });
});

test.each([
  [{}, { page: 0, size: 20, sort: 'startedAt', descending: true }],
  [
    { page: '3', size: '50' },
    { page: 3, size: 50 },
  ],
  [
    { page: '-1', size: '0' },
    { page: 0, size: 20 },
  ],
  [
    { page: 'x', size: '1e3' },
    { page: 0, size: 20 },
  ],
  [
    { page: '99999999999', size: '2001' },
    { page: 0, size: 2000 },
  ],
  [{ page: ['2', '3'] }, { page: 2 }],
  [{ sort: 'startedAt' }, { sort: 'startedAt', descending: true }],
  [{ sort: 'recordsSynced,ASC' }, { sort: 'rowsWritten', descending: false }],
  [{ sort: 'completedAt,asc' }, { sort: 'finishedAt', descending: false }],
])('S1-17 the query %j means %j', (raw, expected) => expect(toQuery(raw)).toMatchObject(expected));
test.each(['constructor', '__proto__', 'startedAt,up', 'startedAt,asc,x', ','])(
  'S1-17 the sort %j is refused',
  (sort) => expect(() => toQuery({ sort })).toThrow('sort must be one of'),
);
