import { newKeyPair, type Subject } from '@sluice/messages';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stream } from '../test/fake-connectors.js';
import { failing, fakeRunner, runningCatalog, type FakeRunner, type Running } from '../test/running.js';
import { testBroker, testDatabase, type TestBroker, type TestDatabase } from '../test/services.js';

/**
 * Every subject that the catalog serves, asked by one tenant with the ids of another. (Invariant 11) The list of subjects is
 * read from the handlers, so that a new one without a line here fails.
 */
const actor = 'user:eve';
const victim = 'tenant-victim';
const attacker = 'tenant-attacker';
const missing = '00000000-0000-4000-8000-000000000000';
let database: TestDatabase;
let broker: TestBroker;
let app: Running;
let runner: FakeRunner;
const own = { source: '', destination: '', pipeline: '', run: '', key: '' };

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  app = await runningCatalog(database.url, broker.url);
  runner = fakeRunner(app);
  runner.streams = [stream('public.orders')];
  const base = { tenantId: victim, actor: 'user:vic' };
  const config = { host: 'h', user: 'u', password: 'p' };
  own.source = (
    await app.rpc.call('catalog.endpoints.create', {
      ...base,
      role: 'source',
      name: 's',
      connectorType: 'fakedb',
      config,
    })
  ).id;
  own.destination = (
    await app.rpc.call('catalog.endpoints.create', {
      ...base,
      role: 'destination',
      name: 'd',
      connectorType: 'fakehouse',
      config,
    })
  ).id;
  own.pipeline = (
    await app.rpc.call('catalog.pipelines.create', {
      ...base,
      name: 'p',
      sourceId: own.source,
      destinationId: own.destination,
      mode: 'full',
    })
  ).id;
  own.run = (await app.rpc.call('catalog.runs.create', { ...base, pipelineId: own.pipeline, trigger: 'manual' })).id;
  own.key = (await app.rpc.call('catalog.keys.create', { ...base, name: 'k', permissions: ['admin'] })).id;
  await app.rpc.call('catalog.endpoints.create', {
    tenantId: attacker,
    actor,
    role: 'source',
    name: 'mine',
    connectorType: 'fakedb',
    config,
  });
});
afterAll(async () => {
  runner?.stop();
  await app?.[Symbol.asyncDispose]();
  await broker?.close();
  await database?.drop();
});

type Ids = typeof own;
const as = { tenantId: attacker, actor };
const mode = 'full' as const;
/** The request with somebody's ids; it must fail alike for another tenant's and for those of nothing. */
const guarded: Partial<Record<Subject, ((ids: Ids) => object)[]>> = {
  'catalog.endpoints.update': [
    (ids) => ({ ...as, role: 'source', id: ids.source, name: 'x' }),
    (ids) => ({ ...as, role: 'destination', id: ids.destination, name: 'x' }),
  ],
  'catalog.endpoints.delete': [
    (ids) => ({ ...as, role: 'source', id: ids.source }),
    (ids) => ({ ...as, role: 'destination', id: ids.destination }),
  ],
  'catalog.endpoints.test': [(ids) => ({ ...as, role: 'source', id: ids.source })],
  'catalog.endpoints.discover': [(ids) => ({ ...as, id: ids.source })],
  'catalog.streams.list': [(ids) => ({ ...as, id: ids.source })],
  'catalog.pipelines.create': [(ids) => ({ ...as, name: 'x', sourceId: ids.source, mode })],
  'catalog.pipelines.get': [(ids) => ({ ...as, id: ids.pipeline })],
  'catalog.pipelines.update': [(ids) => ({ ...as, id: ids.pipeline, name: 'x', sourceId: ids.source, mode })],
  'catalog.pipelines.delete': [(ids) => ({ ...as, id: ids.pipeline })],
  'catalog.pipelines.reset': [(ids) => ({ ...as, id: ids.pipeline })],
  'catalog.runs.create': [
    (ids) => ({ ...as, pipelineId: ids.pipeline, trigger: 'manual' }),
    (ids) => ({ ...as, pipelineId: ids.pipeline, trigger: 'retry', previousId: ids.run }),
  ],
  'catalog.runs.get': [(ids) => ({ ...as, id: ids.run })],
  'catalog.runs.streams': [(ids) => ({ ...as, id: ids.run })],
  'catalog.runs.cancel': [(ids) => ({ ...as, id: ids.run })],
  'catalog.keys.revoke': [(ids) => ({ ...as, id: ids.key })],
};
/** These answer with what the asking tenant has, whatever else is in the request. */
const filtered: Partial<Record<Subject, [request: (ids: Ids) => object, answer: unknown]>> = {
  'catalog.endpoints.getMany': [(ids) => ({ role: 'source', keys: [{ tenantId: attacker, id: ids.source }] }), [null]],
  'catalog.endpoints.list': [() => ({ ...as, role: 'destination' }), []],
  'catalog.pipelines.list': [() => as, []],
  'catalog.runs.list': [
    (ids) => ({ ...as, pipelineId: ids.pipeline, page: 0, size: 20, sort: 'startedAt', descending: true }),
    { items: [], total: 0 },
  ],
  'catalog.keys.list': [() => as, []],
};
/** Between services, or about no tenant's data; nobody reaches them through a tenant. */
const internal: readonly Subject[] = [
  'catalog.connectors.list',
  'catalog.connectors.refused',
  'catalog.endpoints.create',
  'catalog.keys.create',
  'catalog.keys.verify',
  'catalog.runs.claim',
  'catalog.runs.heartbeat',
  'catalog.runs.finish',
  'catalog.runs.release',
  'catalog.runs.unresolved',
  'catalog.runs.settle',
  'catalog.runs.expire',
  'catalog.schedules.list',
  'catalog.schedules.planned',
  'catalog.probes.redeem',
  'catalog.probes.streams',
];

const served = [...readFileSync(join(__dirname, 'handlers.ts'), 'utf8').matchAll(/@Serves\('([^']+)'\)/g)].map(
  (match) => match[1] as Subject,
);
const declared = [
  ...readFileSync(require.resolve('@sluice/messages').replace(/index\.ts$/, 'rpc.ts'), 'utf8').matchAll(
    /^ {2}'(catalog\.[^']+)':/gm,
  ),
].map((match) => match[1]!);

test('every declared subject is served, and every served one is in this table', () => {
  expect([...served].sort()).toEqual([...declared].sort());
  expect([...Object.keys(guarded), ...Object.keys(filtered), ...internal].sort()).toEqual([...served].sort());
});

const call = (subject: Subject, request: object): Promise<unknown> => failing(app.rpc.call(subject, request as never));
const nothing: Ids = { source: missing, destination: missing, pipeline: missing, run: missing, key: missing };
/** All that the victim has, to see that nothing of it changed. */
const everything = async (): Promise<unknown> =>
  Promise.all(
    ['endpoint', 'secret', 'pipeline', 'run', 'api_key', 'stream', 'outbox', 'probe', 'drop_order'].map((table) =>
      database.query(`SELECT * FROM ${table} WHERE tenant_id = $1`, [victim]),
    ),
  );

test.each(
  Object.entries(guarded).flatMap(([subject, requests]) =>
    requests.map((request, i) => [subject as Subject, i, request] as const),
  ),
)("%s (%i): another tenant's is not found, in the same words as what does not exist", async (subject, _i, request) => {
  const before = await everything();
  const failure = await call(subject, request(own));
  expect(failure).toMatchObject({ kind: 'not-found' });
  expect(failure).toEqual(await call(subject, request(nothing)));
  expect(await call(subject, request({ source: 'x', destination: "'", pipeline: '1', run: '', key: '../' }))).toEqual(
    failure,
  );
  expect(await everything()).toEqual(before);
});

test.each(Object.entries(filtered))("%s shows nothing of another tenant's", async (subject, [request, answer]) => {
  expect(await call(subject as Subject, request(own))).toEqual({ answered: answer });
});

test('an attempt of one pipeline is not continued by another', async () => {
  const base = { tenantId: victim, actor: 'user:vic' };
  const other = await app.rpc.call('catalog.pipelines.create', {
    ...base,
    name: 'q',
    sourceId: own.source,
    destinationId: own.destination,
    mode,
  });
  expect(
    await call('catalog.runs.create', { ...base, pipelineId: other.id, trigger: 'retry', previousId: own.run }),
  ).toMatchObject({ kind: 'not-found' });
});

test('events that name the wrong tenant or a stale fence change nothing', async () => {
  const got = await app.rpc.call('catalog.runs.claim', {
    runId: own.run,
    runnerId: 'r',
    publicKey: newKeyPair(own.run).publicKey,
  });
  const event = {
    kind: 'progress',
    runId: own.run,
    at: '',
    phase: 'loading',
    estimatedRows: 1,
    rowsRead: 666,
    rowsWritten: 666,
    rowsRejected: 0,
    bytes: 1,
    streams: [],
  };
  const publish = (more: object) =>
    app.jets.client.publish(`run-events.${own.run}.progress`, JSON.stringify({ ...event, ...more }));
  await publish({ tenantId: attacker, fence: got!.fence });
  await publish({ tenantId: victim, fence: '0' });
  await publish({ tenantId: victim, fence: got!.fence, rowsRead: 5 });
  const seen = () => app.rpc.call('catalog.runs.get', { tenantId: victim, id: own.run });
  for (let i = 0; i < 200 && (await seen()).rowsRead === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  expect((await seen()).rowsRead).toBe(5);
});
