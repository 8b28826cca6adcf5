import { TransientError, type Stream } from '@sluice/connector-sdk';
import { newKeyPair, type Binding, type PipelineView, type Request } from '@sluice/messages';
import { stream } from '../../test/fake-connectors.js';
import { failing, fakeRunner, runningCatalog, type FakeRunner, type Running } from '../../test/running.js';
import { testBroker, testDatabase, type TestBroker, type TestDatabase } from '../../test/services.js';

const actor = 'user:ann';
const tenantId = 'tenant-a';
let database: TestDatabase;
let broker: TestBroker;
let app: Running;
let runner: FakeRunner;
let made = 0;
let sourceId: string;

const offered: Stream[] = [
  stream('public.orders'),
  stream('public.people'),
  stream('sales.orders'),
  stream('public.log', { key: [], cursors: ['at'] }),
  stream('public.plain', { cursors: [], modes: ['full'] }),
];
async function newSource(connectorType = 'fakedb', tenant = tenantId): Promise<string> {
  const config = { host: 'h', password: 'p' };
  return (
    await app.rpc.call('catalog.endpoints.create', {
      tenantId: tenant,
      actor,
      role: 'source',
      name: `s${++made}`,
      connectorType,
      config,
    })
  ).id;
}
const newDestination = async (tenant = tenantId): Promise<string> =>
  (
    await app.rpc.call('catalog.endpoints.create', {
      tenantId: tenant,
      actor,
      role: 'destination',
      name: `d${++made}`,
      connectorType: 'fakehouse',
      config: { host: 'h', password: 'p' },
    })
  ).id;

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  app = await runningCatalog(database.url, broker.url);
  runner = fakeRunner(app);
  runner.streams = offered;
  sourceId = await newSource();
  await app.rpc.call('catalog.endpoints.discover', { tenantId, actor, id: sourceId });
});
afterAll(async () => {
  runner?.stop();
  await app?.[Symbol.asyncDispose]();
  await broker?.close();
  await database?.drop();
});

type Input = Partial<Request<'catalog.pipelines.create'>>;
const create = (more: Input = {}): Promise<PipelineView> =>
  app.rpc.call('catalog.pipelines.create', { tenantId, actor, name: `p${++made}`, sourceId, mode: 'full', ...more });
const bound = (...bindings: Binding[]): Input => ({ bindings });

test('created pending, with everything that was left out chosen; found, listed, deleted', async () => {
  const name = `p${made + 1}`;
  const view = await create();
  expect(view).toEqual({
    id: expect.any(String),
    tenantId,
    name,
    sourceId,
    sourceName: 's1',
    destinationId: null,
    destinationType: 'iceberg',
    mode: 'full',
    schedule: null,
    bindings: null,
    options: {},
    status: 'pending',
    lastSyncAt: null,
    nextRunAt: null,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  expect(await app.rpc.call('catalog.pipelines.get', { tenantId, id: view.id })).toEqual(view);
  expect(await app.rpc.call('catalog.pipelines.list', { tenantId })).toEqual([view]);
  expect(await app.rpc.call('catalog.pipelines.delete', { tenantId, actor, id: view.id })).toBeNull();
  expect(await failing(app.rpc.call('catalog.pipelines.get', { tenantId, id: view.id }))).toMatchObject({
    kind: 'not-found',
  });
  expect(await database.query('SELECT 1 FROM drop_order')).toEqual([]); // nothing has run: nothing is left anywhere
});

test.each<[string, Input, string, RegExp]>([
  ['an unknown stream', bound({ stream: 'public.nope' }), 'no-such-stream', /no stream "public.nope".*discover again/],
  ['a name that two streams have', bound({ stream: 'orders' }), 'stream-ambiguous', /public.orders", "sales.orders/],
  [
    'an unknown column',
    bound({ stream: 'people', columns: ['id', 'nope'] }),
    'no-such-column',
    /no column "nope".*"id", "at", "note"/,
  ],
  ['no column', bound({ stream: 'people', columns: [] }), 'no-columns', /no column/],
  ['an unknown key column', bound({ stream: 'people', key: ['nope'] }), 'no-such-column', /no key column "nope"/],
  [
    'a key that is not selected',
    bound({ stream: 'people', key: ['id'], columns: ['note'] }),
    'column-needed',
    /"id".*add "id"/,
  ],
  [
    'a column as cursor that cannot be one',
    { mode: 'incremental', ...bound({ stream: 'people', cursor: 'note' }) },
    'cursor-unfit',
    /"note".*"id", "at"/,
  ],
  [
    'incremental without a cursor',
    { mode: 'incremental', ...bound({ stream: 'plain' }) },
    'mode-unsupported',
    /no column that can be a cursor/,
  ],
  ['no stream', bound(), 'no-streams', /no stream is selected/],
  [
    'a stream twice',
    bound({ stream: 'people' }, { stream: 'public.people', targetTable: 'x' }),
    'stream-twice',
    /selected twice/,
  ],
  [
    'one table for two',
    bound({ stream: 'people', targetTable: 't' }, { stream: 'log', targetTable: '"t"' }),
    'target-twice',
    /"t"/,
  ],
  [
    'one table for two, by their names',
    bound({ stream: 'public.orders' }, { stream: 'sales.orders' }),
    'target-twice',
    /targetTable/,
  ],
  ['a table of three parts', bound({ stream: 'people', targetTable: 'a.b.c' }), 'target-invalid', /two parts/],
  ['a table of our own', bound({ stream: 'people', targetTable: 'a._sluice_checkpoints' }), 'target-invalid', /keeps/],
  ['no table name', bound({ stream: 'people', targetTable: 'a..b' }), 'target-invalid', /not a table name/],
  ['a mode of no source', { mode: 'changes' }, 'mode-unsupported', /full, incremental/],
  ['a mode that is none', { mode: 'constructor' as 'full' }, 'mode-unsupported', /use one of/],
  ['a cron of six fields', { schedule: { kind: 'cron', cron: '0 0 2 * * *' } }, 'schedule-invalid', /6 field.*five/],
  ['a cron of words', { schedule: { kind: 'cron', cron: 'a b c d e' } }, 'schedule-invalid', /not valid/],
  ['a minute too high', { schedule: { kind: 'cron', cron: '61 * * * *' } }, 'schedule-invalid', /minute: 61/],
  ['a day that never comes', { schedule: { kind: 'cron', cron: '0 0 31 2 *' } }, 'schedule-invalid', /never|no time/],
  [
    'a zone that is none',
    { schedule: { kind: 'cron', cron: '0 2 * * *', timezone: 'Mars/Olympus' } },
    'schedule-invalid',
    /Mars.*IANA/,
  ],
  ['too many lanes', { options: { parallelism: 33 } }, 'options-invalid', /1 to 32/],
  ['an unknown option', { options: { speed: 1 } as object }, 'options-invalid', /"speed"/],
  ['no name', { name: '' }, 'name-required', /name of the pipeline/],
])('%s is refused with words that help, and nothing is made', async (_what, more, code, words) => {
  const before = await database.query('SELECT count(*) FROM pipeline');
  const failure = (await failing(create(more))) as { message: string; fix?: string };
  expect(failure).toMatchObject({ kind: 'invalid', code });
  expect(`${failure.message} ${failure.fix}`).toMatch(words);
  expect(await database.query('SELECT count(*) FROM pipeline')).toEqual(before);
});

test('what fits is taken', async () => {
  const bindings = [
    { stream: 'people', cursor: 'at', key: ['id'], columns: ['id', 'at'], targetTable: 'sales.people' },
    { stream: 'public.orders' },
  ];
  const schedule = { kind: 'cron' as const, cron: '*/5 8-18 * * MON-FRI', timezone: 'Europe/Berlin' };
  const view = await create({
    mode: 'incremental',
    bindings,
    schedule,
    options: { parallelism: 4, maxAttempts: 1, encoding: 'rows' },
  });
  expect(view).toMatchObject({ bindings, schedule, options: { parallelism: 4, maxAttempts: 1, encoding: 'rows' } });
});

test('taken names, unknown ends and those of others', async () => {
  const { name, id } = await create();
  expect(await failing(create({ name }))).toMatchObject({ kind: 'conflict', code: 'name-taken' });
  const foreign = [await newSource('fakedb', 'tenant-b'), await newDestination('tenant-b')] as const;
  const missing = '00000000-0000-4000-8000-000000000000';
  expect(await failing(create({ sourceId: foreign[0] }))).toEqual(await failing(create({ sourceId: missing })));
  expect(await failing(create({ destinationId: foreign[1] }))).toEqual(
    await failing(create({ destinationId: missing })),
  );
  expect(await failing(create({ destinationId: foreign[1] }))).toMatchObject({
    kind: 'not-found',
    code: 'no-such-destination',
  });
  expect(await failing(create({ sourceId: await newDestination() }))).toMatchObject({
    kind: 'not-found',
    code: 'no-such-source',
  });
  const update = (more: object) =>
    app.rpc.call('catalog.pipelines.update', { tenantId, actor, id, name, sourceId, mode: 'full', ...more });
  expect(await failing(update({ sourceId: foreign[0] }))).toMatchObject({ kind: 'not-found' });
});

test('a source that was never discovered is discovered first; if that fails, the reason is said and nothing is made', async () => {
  const id = await newSource();
  runner.streams = new TransientError('db.example does not answer', { code: 'unreachable' });
  expect(await failing(create({ sourceId: id }))).toMatchObject({
    kind: 'unavailable',
    code: 'unreachable',
    message: expect.stringMatching(/could not be discovered.*db.example/),
  });
  runner.streams = [];
  expect(await failing(create({ sourceId: id }))).toMatchObject({ kind: 'invalid', code: 'no-streams' });
  runner.streams = offered;
  await app.rpc.call('catalog.endpoints.discover', { tenantId, actor, id });
  expect(await create({ sourceId: id, ...bound({ stream: 'people' }) })).toMatchObject({ sourceId: id });
  expect(await failing(create({ sourceId: await newSource('fakefull'), mode: 'incremental' }))).toMatchObject({
    code: 'mode-unsupported',
    fix: 'use one of: full',
  });
});

describe('update', () => {
  const update = ({ id, name }: PipelineView, more: object): Promise<PipelineView> =>
    app.rpc.call('catalog.pipelines.update', { tenantId, actor, id, name, sourceId, mode: 'full', ...more });
  async function generation(id: string): Promise<number> {
    const run = await app.rpc.call('catalog.runs.create', { tenantId, actor, pipelineId: id, trigger: 'manual' });
    const got = await app.rpc.call('catalog.runs.claim', {
      runId: run.id,
      runnerId: 'r',
      publicKey: newKeyPair(run.id).publicKey,
    });
    await app.rpc.call('catalog.runs.finish', {
      runId: run.id,
      runnerId: 'r',
      fence: got!.fence,
      outcome: { status: 'succeeded' },
      counts: { rowsRead: 0, rowsWritten: 0, rowsRejected: 0, bytes: 0 },
      streams: [],
    });
    return got!.generation;
  }

  test('what is left out stays, and is checked with the rest', async () => {
    const view = await create({ bindings: [{ stream: 'public.plain' }], options: { parallelism: 2 } });
    expect(await update(view, { name: `${view.name}!` })).toMatchObject({
      name: `${view.name}!`,
      bindings: view.bindings,
      options: view.options,
    });
    expect(await failing(update(view, { mode: 'incremental' }))).toMatchObject({ code: 'mode-unsupported' });
    expect(await update(view, { mode: 'incremental', bindings: null })).toMatchObject({
      mode: 'incremental',
      bindings: null,
    });
  });

  test('another mode or source starts from nothing; another name does not', async () => {
    const destinationId = await newDestination();
    const view = await create({ mode: 'incremental', destinationId });
    const first = await generation(view.id);
    await update(view, { mode: 'incremental', name: 'renamed' });
    expect(await generation(view.id)).toBe(first);
    const other = await newSource();
    await update(view, { mode: 'incremental', sourceId: other });
    expect(await generation(view.id)).toBe(first + 1);
  });

  test('a reset starts the next run from nothing, is refused while one is active, and is on record', async () => {
    const view = await create({ mode: 'incremental', destinationId: await newDestination() });
    const first = await generation(view.id);
    const reset = (): Promise<unknown> => app.rpc.call('catalog.pipelines.reset', { tenantId, actor, id: view.id });
    expect(await reset()).toMatchObject({ pipeline: { id: view.id, mode: 'incremental' } });
    expect(await generation(view.id)).toBe(first + 1);
    const run = await app.rpc.call('catalog.runs.create', { tenantId, actor, pipelineId: view.id, trigger: 'manual' });
    expect(await failing(reset())).toMatchObject({ kind: 'conflict', code: 'run-active' });
    await app.rpc.call('catalog.runs.cancel', { tenantId, actor, id: run.id });
    const lines = await database.query("SELECT actor, before, after FROM audit WHERE action = 'pipeline.reset'");
    expect(lines).toEqual([{ actor, before: { generation: first }, after: { generation: first + 1 } }]);
  });

  test('a reset names the streams whose rows will be added once more', async () => {
    const keyless = async (more: object): Promise<unknown> => {
      const { id } = await create({ mode: 'incremental', destinationId: await newDestination(), ...more });
      const { keyless: names, keylessCount } = await app.rpc.call('catalog.pipelines.reset', { tenantId, actor, id });
      return [names, keylessCount];
    };
    expect(await keyless(bound({ stream: 'log' }, { stream: 'people' }))).toEqual([['log'], 1]);
    expect(await keyless(bound({ stream: 'log', key: ['id'] }))).toEqual([[], 0]);
    expect(await keyless(bound({ stream: 'people', columns: ['at', 'note'] }))).toEqual([['people'], 1]);
    expect(await keyless({ bindings: null })).toEqual([['public.log'], 1]);
    expect(await keyless({ bindings: null, mode: 'full' })).toEqual([[], 0]);
  });

  test('a new schedule counts from now on, and the scheduler hears of it', async () => {
    const heard: string[] = [];
    const listening = app.nats.subscribe('catalog-changed.>', {
      callback: (_e, message) => void heard.push(message.subject),
    });
    const view = await create({ schedule: { kind: 'cron', cron: '0 2 * * *' } });
    await database.query(
      "UPDATE pipeline SET last_due_at = now(), next_run_at = now(), schedule_since = now() - interval '1 day' WHERE id = $1",
      [view.id],
    );
    const listed = async () =>
      (await app.rpc.call('catalog.schedules.list', { limit: 1000 })).find(({ pipelineId }) => pipelineId === view.id);
    const before = (await listed())!;
    expect(before).toMatchObject({ tenantId, schedule: { cron: '0 2 * * *' }, lastDueAt: expect.any(String) });
    expect(await update(view, { schedule: { kind: 'cron', cron: '0 2 * * *', timezone: 'UTC' } })).toMatchObject({
      nextRunAt: expect.any(String),
    });
    expect(await update(view, { schedule: { kind: 'cron', cron: '0 3 * * *' } })).toMatchObject({ nextRunAt: null });
    const after = (await listed())!;
    expect(after).toMatchObject({ schedule: { cron: '0 3 * * *' }, lastDueAt: null });
    expect(Date.parse(after.createdAt)).toBeGreaterThan(Date.parse(before.createdAt));
    await app.rpc.call('catalog.schedules.planned', { pipelineId: view.id, nextRunAt: '2030-01-01T03:00:00.000Z' });
    expect(await app.rpc.call('catalog.pipelines.get', { tenantId, id: view.id })).toMatchObject({
      nextRunAt: '2030-01-01T03:00:00.000Z',
    });
    await update(view, { schedule: null });
    expect(await listed()).toBeUndefined();
    await app.nats.flush();
    expect(heard).toEqual(Array(3).fill('catalog-changed.schedules'));
    listening.unsubscribe();
  });
});

test('a pipeline with an active run is not deleted; its runs outlive it', async () => {
  const view = await create({ destinationId: await newDestination() });
  const run = await app.rpc.call('catalog.runs.create', { tenantId, actor, pipelineId: view.id, trigger: 'manual' });
  const remove = () => app.rpc.call('catalog.pipelines.delete', { tenantId, actor, id: view.id });
  expect(await failing(remove())).toMatchObject({ kind: 'conflict', code: 'run-active' });
  await app.rpc.call('catalog.runs.cancel', { tenantId, actor, id: run.id });
  await remove();
  expect(await app.rpc.call('catalog.runs.get', { tenantId, id: run.id })).toMatchObject({
    status: 'cancelled',
    pipelineName: view.name,
  });
});

describe('two pipelines and one table', () => {
  const claimed = async (pipelineId: string): Promise<readonly string[]> => {
    const run = await app.rpc.call('catalog.runs.create', { tenantId, actor, pipelineId, trigger: 'manual' });
    const { publicKey } = newKeyPair(run.id);
    const got = await app.rpc.call('catalog.runs.claim', { runId: run.id, runnerId: 'r', publicKey });
    return got!.warnings;
  };

  test('are refused where both name it, whatever the spelling', async () => {
    const destinationId = await newDestination();
    const first = await create({ destinationId, ...bound({ stream: 'public.orders' }) });
    const clash = {
      kind: 'conflict',
      code: 'target-taken',
      message: expect.stringContaining(`"${first.name}"`),
      fix: expect.stringContaining('targetTable'),
    };
    const to = (...bindings: Binding[]) => failing(create({ destinationId, ...bound(...bindings) }));
    expect(await to({ stream: 'sales.orders' })).toMatchObject(clash);
    expect(await to({ stream: 'people', targetTable: 'orders' })).toMatchObject(clash);
    expect(await to({ stream: 'sales.orders', targetTable: 'sales.orders' })).toMatchObject({ answered: {} });
    expect(
      await failing(create({ destinationId: await newDestination(), ...bound({ stream: 'public.orders' }) })),
    ).toMatchObject({
      answered: {},
    });
    const other = await create({ destinationId, ...bound({ stream: 'people' }) });
    const update = (view: PipelineView, bindings: Binding[]) =>
      failing(
        app.rpc.call('catalog.pipelines.update', {
          tenantId,
          actor,
          id: view.id,
          name: view.name,
          sourceId,
          mode: 'full',
          bindings,
        }),
      );
    expect(await update(other, [{ stream: 'public.orders' }])).toMatchObject(clash);
    expect(await update(first, [{ stream: 'public.orders' }])).toMatchObject({ answered: {} });
  });

  test('two streams of one pipeline are refused too, where one names the schema that the other goes to anyway', async () => {
    const config = { host: 'h', password: 'p', database: 'house' };
    const as = {
      tenantId,
      actor,
      role: 'destination' as const,
      name: `d${++made}`,
      connectorType: 'fakehouse',
      config,
    };
    const { id: destinationId } = await app.rpc.call('catalog.endpoints.create', as);
    const to = (targetTable: string) =>
      failing(
        create({ destinationId, ...bound({ stream: 'public.orders' }, { stream: 'public.people', targetTable }) }),
      );
    expect(await to('house.orders')).toMatchObject({
      kind: 'invalid',
      code: 'target-twice',
      message: '"public.orders" and "public.people" would both be written to one table',
    });
    expect(await to('elsewhere.orders')).toMatchObject({ answered: {} });
  });

  test('are told by the run where one takes every stream', async () => {
    const destinationId = await newDestination();
    const all = await create({ destinationId, bindings: null });
    expect(await claimed(all.id)).toEqual([]);
    const one = await create({ destinationId, ...bound({ stream: 'people' }) });
    const warning = `the pipeline "${all.name}" seems to write to "people" too: each overwrites what the other has written`;
    expect(await claimed(one.id)).toEqual([warning]);
  });
});

test('incremental without a key is accepted: it appends', async () => {
  const made = await create({ mode: 'incremental', ...bound({ stream: 'log' }) });
  expect(made).toMatchObject({ mode: 'incremental', bindings: [{ stream: 'log' }] });
});
