import { ConfigError, TransientError, type Stream } from '@sluice/connector-sdk';
import { newKeyPair, type EndpointView, type Request } from '@sluice/messages';
import { stream } from '../../test/fake-connectors.js';
import { failing, fakeRunner, runningCatalog, type FakeRunner, type Running } from '../../test/running.js';
import { testBroker, testDatabase, type TestBroker, type TestDatabase } from '../../test/services.js';

const actor = 'user:ann';
const tenantId = 'tenant-a';
const role = 'source' as const;
let database: TestDatabase;
let broker: TestBroker;
let app: Running;
let runner: FakeRunner;
let made = 0;

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  app = await runningCatalog(database.url, broker.url);
  runner = fakeRunner(app);
});
afterAll(async () => {
  runner?.stop();
  await app?.[Symbol.asyncDispose]();
  await broker?.close();
  await database?.drop();
});
beforeEach(() => {
  runner.findings = [];
  runner.streams = [stream('public.orders')];
  runner.opened.length = 0;
});

const config = { host: 'db.example', port: 5432, user: 'reader', database: 'shop', password: 'canary-1' };
const create = (more: Partial<Request<'catalog.endpoints.create'>> = {}): Promise<EndpointView> =>
  app.rpc.call('catalog.endpoints.create', {
    tenantId,
    actor,
    role,
    name: `source ${++made}`,
    connectorType: 'fakedb',
    config,
    ...more,
  });
const update = (id: string, more: object): Promise<EndpointView> =>
  app.rpc.call('catalog.endpoints.update', { tenantId, actor, role, id, ...more });
const test1 = (id: string): Promise<EndpointView> =>
  app.rpc.call('catalog.endpoints.test', { tenantId, actor, role, id });
/** What a runner would open. */
async function opened(id: string): Promise<unknown> {
  await test1(id);
  const last = runner.opened.at(-1)!;
  return { ...last.opening.config, ...(last.secrets as object) };
}

test('created untested, without its secrets, and found again', async () => {
  const view = await create({ name: ' shop ', description: 'd' });
  expect(view).toEqual({
    id: expect.any(String),
    tenantId,
    role,
    name: 'shop',
    description: 'd',
    connectorType: 'fakedb',
    status: 'untested',
    findings: [],
    config: { host: 'db.example', port: 5432, user: 'reader', database: 'shop' },
    lastTestedAt: null,
    discoveredAt: null,
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    updatedAt: view.createdAt,
  });
  const other = await create();
  const keys = [
    { tenantId, id: other.id },
    { tenantId, id: 'no-id' },
    { tenantId, id: view.id },
    { tenantId: 'tenant-b', id: view.id },
  ];
  expect(await app.rpc.call('catalog.endpoints.getMany', { role, keys })).toEqual([other, null, view, null]);
  expect(await app.rpc.call('catalog.endpoints.getMany', { role: 'destination', keys })).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect((await app.rpc.call('catalog.endpoints.list', { tenantId, role })).map(({ id }) => id)).toEqual([
    view.id,
    other.id,
  ]);
});

test.each([
  ['an unknown connector', { connectorType: 'oracle' }, 'unknown-connector', /"oracle".*fakedb, fakefull/],
  ['a destination as a source', { connectorType: 'fakehouse' }, 'unknown-connector', /fakehouse/],
  ['a missing option', { config: { host: 'h' } }, 'config-invalid', /password/],
  [
    'a misspelt secret',
    { config: { ...config, passwrod: 'canary-2' } },
    'config-invalid',
    /"passwrod".*options are: host/,
  ],
  ['a mask', { config: { ...config, password: '********' } }, 'secret-required', /"password" is a mask/],
  ['no object', { config: [] as unknown as typeof config }, 'config-invalid', /object/],
  ['no name', { name: ' ' }, 'name-required', /name of the source/],
  ['a long name', { name: 'x'.repeat(256) }, 'name-too-long', /255/],
  ['a NUL', { description: 'a\0b' }, 'text-invalid', /description/],
  ['half a character', { config: { ...config, database: '\ud800' } }, 'text-invalid', /config.database/],
])('%s is refused with words that help', async (_what, more, code, words) => {
  const failure = (await failing(create(more))) as { message: string; fix?: string };
  expect(failure).toMatchObject({ kind: 'invalid', code });
  expect(`${failure.message} ${failure.fix}`).toMatch(words);
});

test('hostile names are names; a taken one is a conflict, but not for a destination or another tenant', async () => {
  for (const name of [`'; DROP TABLE endpoint; --`, '"quoted"', '\u{1F4A7} drop', 'x'.repeat(255)])
    expect((await create({ name })).name).toBe(name);
  await create({ name: 'taken' });
  expect(await failing(create({ name: 'taken' }))).toMatchObject({
    kind: 'conflict',
    code: 'name-taken',
    message: expect.stringContaining('"taken"'),
  });
  const race = await Promise.all([0, 1, 2].map(() => failing(create({ name: 'raced' }))));
  expect(race.filter((answer) => JSON.stringify(answer).includes('name-taken'))).toHaveLength(2);
  await create({ name: 'taken', tenantId: 'tenant-b' });
  await create({ name: 'taken', role: 'destination', connectorType: 'fakehouse' });
});

describe('update', () => {
  test('what is left out stays; a changed configuration must be tested again', async () => {
    const { id } = await create();
    expect(await test1(id)).toMatchObject({ status: 'ok', lastTestedAt: expect.any(String) });
    expect(await update(id, { name: 'renamed', description: 'new' })).toMatchObject({
      name: 'renamed',
      description: 'new',
      status: 'ok',
    });
    expect(await update(id, { description: null })).toMatchObject({ name: 'renamed', description: null });
    const same = { database: 'shop', host: 'db.example', user: 'reader', port: 5432 };
    expect(await update(id, { config: same })).toMatchObject({ status: 'ok' });
    expect(await update(id, { config: { ...same, database: 'other' } })).toMatchObject({
      status: 'untested',
      lastTestedAt: null,
      findings: [],
      config: { database: 'other' },
    });
    expect(await failing(update(id, { connectorType: 'fakefull' }))).toMatchObject({ code: 'connector-type-fixed' });
  });

  test('a secret that is left out or masked stays; a new one replaces it; null removes it', async () => {
    const { id } = await create({ config: { ...config, clientKey: 'canary-key' } });
    const plain = { host: 'db.example', port: 5432, user: 'reader', database: 'other' };
    await update(id, { config: { ...plain, password: '*****' } });
    expect(await opened(id)).toEqual({ ...plain, password: 'canary-1', clientKey: 'canary-key' });
    await update(id, { config: { ...plain, password: 'canary-3', clientKey: null } });
    expect(await opened(id)).toEqual({ ...plain, password: 'canary-3' });
    expect(await failing(update(id, { config: { ...plain, clientKey: '***' } }))).toMatchObject({
      code: 'secret-required',
    });
  });

  test.each([
    { host: 'evil.example' },
    { port: 1 },
    { user: 'root' },
    { ssl_mode: 'disable' },
    { ssl_root_cert: 'of somebody else' },
  ])('[S5] %j needs the secret again', async (moved) => {
    const { id } = await create();
    const failure = await failing(
      update(id, { config: { host: 'db.example', port: 5432, user: 'reader', database: 'shop', ...moved } }),
    );
    expect(failure).toMatchObject({ kind: 'invalid', code: 'secret-required', details: { paths: ['password'] } });
    expect(await opened(id)).toEqual(config);
    await update(id, { config: { ...config, ...moved, password: 'canary-4' } });
    expect(await opened(id)).toEqual({ ...config, ...moved, password: 'canary-4' });
  });

  test('[S5] a default that is spelt out moves nothing', async () => {
    const { id } = await create();
    const plain = { host: 'db.example', port: 5432, user: 'reader', database: 'shop' };
    await update(id, { config: { ...plain, ssl_mode: 'verify-full' } });
    expect(await opened(id)).toEqual({ ...config, ssl_mode: 'verify-full' });
    await update(id, { config: plain });
    expect(await opened(id)).toEqual(config);
  });
});

test('a delete names the pipelines that stand in its way', async () => {
  const { id } = await create();
  const pipeline = await app.rpc.call('catalog.pipelines.create', {
    tenantId,
    actor,
    name: 'in the way',
    sourceId: id,
    mode: 'full',
  });
  const remove = () => app.rpc.call('catalog.endpoints.delete', { tenantId, actor, role, id });
  expect(await failing(remove())).toMatchObject({
    kind: 'conflict',
    code: 'in-use',
    message: expect.stringContaining('"in the way"'),
  });
  await app.rpc.call('catalog.pipelines.delete', { tenantId, actor, id: pipeline.id });
  expect(await remove()).toBeNull();
  expect(await failing(remove())).toMatchObject({ kind: 'not-found', code: 'no-such-source' });
  expect(await database.query('SELECT 1 FROM secret WHERE endpoint_id = $1', [id])).toEqual([]);
});

describe('test', () => {
  test('findings are kept, worst first; an error among them is a failure', async () => {
    const { id } = await create();
    const warning = { code: 'slow', severity: 'warning' as const, message: 'w' };
    const error = { code: 'wal-level', severity: 'error' as const, message: 'e', fix: 'f' };
    runner.findings = [warning];
    expect(await test1(id)).toMatchObject({ status: 'ok', findings: [warning] });
    runner.findings = [warning, error];
    expect(await test1(id)).toMatchObject({ status: 'failed', findings: [error, warning] });
  });

  test.each([
    [
      'a wrong password',
      new ConfigError('password refused', { code: 'authentication', fix: 'check it' }),
      { code: 'authentication', severity: 'error', message: 'password refused', fix: 'check it' },
    ],
    [
      'a host that does not answer',
      new TransientError('no answer', { code: 'unreachable' }),
      { code: 'unreachable', severity: 'error', message: 'no answer' },
    ],
  ])('%s is a finding', async (_what, error, finding) => {
    const { id } = await create();
    runner.findings = error;
    expect(await test1(id)).toMatchObject({ status: 'failed', findings: [finding] });
  });

  test('without a runner nothing is known: unavailable, and the state stays', async () => {
    const { id } = await create();
    runner.stop();
    expect(await failing(test1(id))).toMatchObject({ kind: 'unavailable', code: 'no-service' });
    runner = fakeRunner(app);
    const [view] = await app.rpc.call('catalog.endpoints.getMany', { role, keys: [{ tenantId, id }] });
    expect(view).toMatchObject({ status: 'untested', lastTestedAt: null });
    expect(await database.query('SELECT 1 FROM probe')).toEqual([]);
  });
});

describe('tickets', () => {
  const redeem = (ticket: string): Promise<unknown> =>
    app.rpc.call('catalog.probes.redeem', { ticket, publicKey: newKeyPair(ticket).publicKey });
  test('are good once, while they last, and for one endpoint', async () => {
    const { id } = await create();
    const seen: string[] = [];
    runner.stop();
    const spy = app.nats.subscribe('runner.probes.check', {
      callback: (_e, m) => void seen.push(m.json<{ data: { ticket: string } }>().data.ticket),
    });
    const call = failing(test1(id));
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const ticket = seen[0]!;
    expect(await database.query('SELECT hash FROM probe')).not.toEqual([{ hash: ticket }]);
    const answers = await Promise.all([0, 1, 2].map(() => failing(redeem(ticket))));
    expect(answers.filter((answer) => (answer as { kind?: string }).kind === 'forbidden')).toHaveLength(2);
    expect(await failing(app.rpc.call('catalog.probes.streams', { ticket, streams: [] }))).toMatchObject({
      code: 'ticket-refused',
    });
    await database.query("UPDATE probe SET redeemed_at = NULL, expires_at = now() - interval '1 s'");
    expect(await failing(redeem(ticket))).toMatchObject({ kind: 'forbidden', code: 'ticket-refused' });
    expect(await failing(redeem('made up'))).toMatchObject({ kind: 'forbidden', code: 'ticket-refused' });
    spy.unsubscribe();
    await database.query('DELETE FROM probe');
    runner = fakeRunner(app);
    void call;
  });
});

describe('discovery', () => {
  const discover = (id: string) => app.rpc.call('catalog.endpoints.discover', { tenantId, actor, id });
  async function all(id: string): Promise<{ ids: string[]; pages: number }> {
    const ids: string[] = [];
    let pages = 0;
    for (let after: string | undefined; ; pages++) {
      const page = await app.rpc.call('catalog.streams.list', { tenantId, id, ...(after !== undefined && { after }) });
      expect(JSON.stringify(page).length).toBeLessThan(700 * 1024);
      ids.push(...page.items.map((one) => one.id));
      if (page.next === null) return { ids, pages: pages + 1 };
      after = page.next;
    }
  }

  test('thousands of streams in pages, each once, in order; the next discovery replaces them as a whole', async () => {
    const { id } = await create();
    expect(await all(id)).toEqual({ ids: [], pages: 1 });
    const wide: Stream['columns'] = Array.from({ length: 40 }, (_, i) => ({
      name: `column ${i}`,
      type: 'string',
      nullable: true,
      native: 'text',
    }));
    runner.streams = Array.from({ length: 1500 }, (_, i) => stream(`public.t${i}`, { columns: wide }));
    expect(await discover(id)).toMatchObject({ count: 1500 });
    const { ids, pages } = await all(id);
    expect(ids).toEqual(runner.streams.map((one) => one.id).sort());
    expect(pages).toBeGreaterThan(4);
    const only = await app.rpc.call('catalog.streams.list', { tenantId, id, only: ['public.t7', 'nope', 'public.t3'] });
    expect(only).toEqual({ items: [runner.streams[3], runner.streams[7]], next: null });
    runner.streams = [stream('public.new')];
    await discover(id);
    expect((await all(id)).ids).toEqual(['public.new']);
    expect(await database.query('SELECT count(*)::int AS n FROM stream WHERE endpoint_id = $1', [id])).toEqual([
      { n: 1 },
    ]);
  });

  test('one that breaks off changes nothing', async () => {
    const { id } = await create();
    await discover(id);
    runner.streams = new TransientError('gone', { code: 'connection-lost' });
    expect(await failing(discover(id))).toMatchObject({
      kind: 'unavailable',
      code: 'connection-lost',
      message: 'gone',
    });
    expect((await all(id)).ids).toEqual(['public.orders']);
  });
});

test('no secret is in any table, message or audit record', async () => {
  const { id } = await create({ config: { ...config, password: 'canary-deep', clientKey: 'canary-deeper' } });
  await update(id, { config: { ...config, password: 'canary-deepest' } });
  await test1(id);
  const tables = await database.query<{ table_name: string }>(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
  );
  for (const { table_name } of tables) {
    const [{ text }] = (await database.query<{ text: string | null }>(
      `SELECT string_agg(t::text, ' ') AS text FROM ${table_name} t`,
    )) as [{ text: string | null }];
    expect([table_name, /canary/.test(text ?? '')]).toEqual([table_name, false]);
  }
  expect(JSON.stringify(runner.opened.map(({ opening }) => opening))).not.toContain('canary');
  const trail = await database.query<{ action: string; actor: string }>(
    'SELECT action, actor FROM audit WHERE subject_id = $1 ORDER BY id',
    [id],
  );
  expect(trail).toEqual(['source.created', 'source.updated', 'source.tested'].map((action) => ({ action, actor })));
});

test('a hundred endpoints are read in one statement of about a millisecond', async () => {
  const keys: { tenantId: string; id: string }[] = [];
  for (let i = 0; i < 100; i++) keys.push({ tenantId, id: (await create()).id });
  const read = () => app.catalog.endpoints.getMany({ role, keys });
  for (let i = 0; i < 20; i++) await read();
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    await read();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  process.stdout.write(`endpoints.getMany, 100 keys: median ${times[25]!.toFixed(2)} ms\n`);
  expect(times[25]!).toBeLessThan(20); // far above what is usual, so that a busy machine does not fail it
});
