import { ConfigError, TransientError } from '@sluice/connector-sdk';
import { newKeyPair, type EndpointView } from '@sluice/messages';
import { stream } from '../../test/fake-connectors.js';
import { eventually, failing, fakeRunner, runningCatalog, type FakeRunner, type Running } from '../../test/running.js';
import { testBroker, testDatabase, type TestBroker, type TestDatabase } from '../../test/services.js';

const as = { tenantId: 'tenant-a', actor: 'user:ann' };
const dropPolicy = { tries: 3, firstWait: 0.02, longestWait: 0.05 };
let database: TestDatabase;
let broker: TestBroker;
let app: Running;
let runner: FakeRunner;
let made = 0;

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  app = await runningCatalog(database.url, broker.url, { sweepEvery: 50, dropPolicy });
});
afterAll(async () => {
  runner?.stop();
  await app?.[Symbol.asyncDispose]();
  await broker?.close();
  await database?.drop();
});
beforeEach(() => {
  runner = fakeRunner(app);
  runner.streams = [stream('public.orders')];
});
afterEach(() => runner.stop());

const endpoint = (role: EndpointView['role'], connectorType: string): Promise<EndpointView> =>
  app.rpc.call('catalog.endpoints.create', {
    ...as,
    role,
    name: `${role} ${++made}`,
    connectorType,
    config: { host: 'h', password: `secret ${made}` },
  });
const zero = { rowsRead: 0, rowsWritten: 0, rowsRejected: 0, bytes: 0 };

/** A pipeline that has run once, over these streams. */
async function ran(streams: readonly string[], destination?: EndpointView) {
  const source = await endpoint('source', 'fakedb');
  const to = destination ?? (await endpoint('destination', 'fakehouse'));
  const pipeline = await app.rpc.call('catalog.pipelines.create', {
    ...as,
    name: `p${++made}`,
    sourceId: source.id,
    destinationId: to.id,
    mode: 'full',
  });
  const run = await app.rpc.call('catalog.runs.create', { ...as, pipelineId: pipeline.id, trigger: 'manual' });
  const got = await app.rpc.call('catalog.runs.claim', {
    runId: run.id,
    runnerId: 'r',
    publicKey: newKeyPair(run.id).publicKey,
  });
  await app.rpc.call('catalog.runs.finish', {
    runId: run.id,
    runnerId: 'r',
    fence: got!.fence,
    outcome: { status: 'failed', error: { class: 'config', code: 'c', message: 'm' } },
    counts: zero,
    streams: streams.map((id) => ({
      stream: id,
      status: 'failed' as const,
      estimatedRows: null,
      error: null,
      ...zero,
    })),
  });
  const remove = () => app.rpc.call('catalog.pipelines.delete', { ...as, id: pipeline.id });
  const lane = (id: string) => `${pipeline.id}/full/${id}`;
  return { source, to, pipeline, remove, lane };
}
const orders = () => database.query<{ status: string; failures: number }>('SELECT status, failures FROM drop_order');
const gone = () => eventually(orders, (found) => found.length === 0);
const removeEndpoint = ({ id, role }: EndpointView) => app.rpc.call('catalog.endpoints.delete', { ...as, id, role });
const secrets = ({ id }: EndpointView) => database.query('SELECT 1 FROM secret WHERE endpoint_id = $1', [id]);

test('what a deleted pipeline left is dropped, lane by lane, also of more lanes than one request takes', async () => {
  const names = Array.from({ length: 450 }, (_, i) => `public.t${i}`);
  const { remove, lane, pipeline, to } = await ran(names);
  await remove();
  await gone();
  expect([...runner.dropped].sort()).toEqual(names.map(lane).sort());
  expect(runner.opened.at(-1)?.secrets).toEqual({ password: expect.stringMatching(/^secret /) });
  const lines = await database.query('SELECT action, after FROM audit WHERE subject_id = $1 ORDER BY id DESC LIMIT 1', [
    pipeline.id,
  ]);
  expect(lines).toEqual([{ action: 'pipeline.dropped', after: { endpointId: to.id, left: [] } }]);
});

test('with no runner there is no hurry and no failure; deleting is done at once', async () => {
  const { remove, lane } = await ran(['public.orders']);
  runner.stop();
  await remove();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await orders()).toEqual([{ status: 'pending', failures: 0 }]);
  runner = fakeRunner(app);
  await gone();
  expect(runner.dropped).toEqual([lane('public.orders')]);
});

test('both ends are deleted meanwhile: nobody sees them, and their secrets go when the order has ended', async () => {
  const { remove, lane, source, to } = await ran(['public.orders']);
  const { name, connectorType } = to;
  runner.dropping = new TransientError('no route to host', { code: 'unreachable' });
  await remove();
  await removeEndpoint(source);
  await removeEndpoint(to);
  expect(await failing(removeEndpoint(to))).toMatchObject({ kind: 'not-found' });
  expect(await app.rpc.call('catalog.endpoints.getMany', { role: 'destination', keys: [to] })).toEqual([null]);
  const listed = await app.rpc.call('catalog.endpoints.list', { ...as, role: 'destination' });
  expect(listed.map(({ id }) => id)).not.toContain(to.id);
  const next = await app.rpc.call('catalog.endpoints.create', {
    ...as,
    role: 'destination',
    name,
    connectorType,
    config: { host: 'h', password: 'p' },
  });
  expect(next.name).toBe(name);
  expect([await secrets(source), await secrets(to)]).toEqual([[], [expect.anything()]]);
  runner.dropping = undefined;
  await gone();
  expect(runner.dropped).toEqual([lane('public.orders')]);
  expect(await secrets(to)).toEqual([]);
  expect(await database.query("SELECT 1 FROM endpoint WHERE role LIKE 'retired-%'")).toEqual([]);
});

test('after so many failures the destination says what is left, and a test that succeeds begins anew', async () => {
  const { remove, lane, to, pipeline } = await ran(['public.orders']);
  runner.dropping = new ConfigError('refused: wrong password', { code: 'authentication' });
  await remove();
  await eventually(orders, ([order]) => order?.status === 'given-up');
  const seen = async () =>
    (await app.rpc.call('catalog.endpoints.getMany', { role: 'destination', keys: [to] }))[0]!.findings;
  const warning = {
    code: 'left-behind',
    severity: 'warning',
    message: expect.stringContaining(`"${pipeline.name}" kept here could not be removed: refused: wrong password`),
  };
  expect(await seen()).toMatchObject([warning]);
  runner.findings = [{ code: 'x', severity: 'error', message: 'still wrong' }];
  const test = () => app.rpc.call('catalog.endpoints.test', { ...as, role: 'destination', id: to.id });
  expect((await test()).findings).toMatchObject([{ code: 'x' }, warning]);
  runner.findings = [];
  runner.dropping = undefined;
  expect((await test()).findings).toEqual([]);
  await gone();
  expect(runner.dropped).toEqual([lane('public.orders')]);
});

test('given up, a destination that was deleted goes with its secrets, and the audit trail says what is left', async () => {
  const { remove, lane, to, pipeline } = await ran(['public.orders']);
  runner.dropping = new TransientError('no route to host', { code: 'unreachable' });
  await remove();
  await removeEndpoint(to);
  await gone();
  expect(await secrets(to)).toEqual([]);
  const [line] = await database.query('SELECT action, after FROM audit WHERE subject_id = $1 ORDER BY id DESC', [
    pipeline.id,
  ]);
  expect(line).toEqual({
    action: 'pipeline.left-behind',
    after: { endpointId: to.id, lanes: [lane('public.orders')], why: 'no route to host' },
  });
});

test('a catalog that dies with an order in hand leaves it to the next', async () => {
  const { remove } = await ran(['public.orders']);
  runner.stop();
  await remove();
  await eventually(orders, ([order]) => order !== undefined);
  await app[Symbol.asyncDispose]();
  app = await runningCatalog(database.url, broker.url, { sweepEvery: 50, dropPolicy });
  await database.query('UPDATE drop_order SET due_at = now()'); // as if the time it was lent for were over
  runner = fakeRunner(app);
  await gone();
  expect(runner.dropped).toHaveLength(1);
});
