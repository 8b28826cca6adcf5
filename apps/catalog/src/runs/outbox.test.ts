import { streams, type RunView } from '@sluice/messages';
import { Jets, RpcClient, connectNats } from '@sluice/service';
import { AckPolicy } from '@nats-io/jetstream';
import { openCatalog, type Catalog } from '../catalog.js';
import { Database } from '../database/database.js';
import { fakeConnectors, stream } from '../../test/fake-connectors.js';
import { eventually, ring } from '../../test/running.js';
import { testBroker, testDatabase, type TestBroker, type TestDatabase } from '../../test/services.js';

/** The catalog's services without their bus subjects: here the broker comes and goes. */
const actor = 'user:ann';
const tenantId = 'tenant-a';
let database: TestDatabase;
let broker: TestBroker;
let catalog: Catalog;
let nats: Awaited<ReturnType<typeof connectNats>>;
let jets: Jets;
let made = 0;

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  nats = await connectNats(broker.url, 'test');
  jets = await Jets.open(nats);
  catalog = await open();
});
afterAll(async () => {
  await catalog?.[Symbol.asyncDispose]();
  await nats?.close();
  await broker?.close();
  await database?.drop();
});

async function open(): Promise<Catalog> {
  return openCatalog({
    db: await Database.open(database.url, 5),
    connectors: fakeConnectors,
    keyRing: ring('k1'),
    rpc: new RpcClient(nats),
    jets,
    repair: async () => void (await Jets.open(nats)),
    publish: () => undefined,
    logger: { warn: () => undefined, error: () => undefined },
    sweepEvery: 100,
    resendAfter: 400,
  });
}

/** A pipeline whose source was discovered, without a runner. */
async function pipeline(): Promise<string> {
  const n = ++made;
  const config = { host: 'h', password: 'p' };
  const source = await catalog.endpoints.create({
    tenantId,
    actor,
    role: 'source',
    name: `s${n}`,
    connectorType: 'fakedb',
    config,
  });
  const destination = await catalog.endpoints.create({
    tenantId,
    actor,
    role: 'destination',
    name: `d${n}`,
    connectorType: 'fakehouse',
    config,
  });
  const [{ id }] = (await database.query<{ id: string }>(
    'UPDATE endpoint SET discovery_id = gen_random_uuid(), discovered_at = now() WHERE id = $1 RETURNING discovery_id AS id',
    [source.id],
  )) as [{ id: string }];
  await database.query("INSERT INTO stream VALUES ($1, $2, $3, 'a.b', $4, 100)", [
    tenantId,
    source.id,
    id,
    JSON.stringify(stream('a.b')),
  ]);
  return (
    await catalog.pipelines.create({
      tenantId,
      actor,
      name: `p${n}`,
      sourceId: source.id,
      destinationId: destination.id,
      mode: 'full',
    })
  ).id;
}
const trigger = async (): Promise<RunView> =>
  catalog.runs.create({ tenantId, actor, pipelineId: await pipeline(), trigger: 'manual' });
/** Run ids that wait in the queue, in order. */
async function queued(): Promise<string[]> {
  const manager = await jets.client.jetstreamManager(false);
  const { state } = await manager.streams.info(streams.runs.name);
  const ids: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(streams.runs.name, { seq }).catch(() => null);
    if (message) ids.push(message.json<{ runId: string }>().runId);
  }
  return ids;
}

test('a crash between commit and publish: the next sweep, of any catalog, announces the run', async () => {
  const { createRun } = await import('./create-run.js');
  const run = await createRun(catalog.db, { tenantId, actor, pipelineId: await pipeline(), trigger: 'manual' });
  expect(await queued()).toEqual([]);
  const next = await open();
  next.start();
  expect(await eventually(queued, (ids) => ids.length > 0)).toEqual([run.id]);
  await next[Symbol.asyncDispose]();
  expect(await database.query('SELECT 1 FROM outbox')).toEqual([]);
});

test('a crash between publish and commit: the announcement is repeated and the broker keeps one', async () => {
  const run = await trigger();
  await eventually(queued, (ids) => ids.includes(run.id));
  const message = `${run.id}.1.1`;
  await database.query(
    `INSERT INTO outbox (tenant_id, kind, run_id, message_id, subject, body) VALUES ($1, 'run-start', $2, $3, 'runs.start.fakedb', $4)`,
    [tenantId, run.id, message, JSON.stringify({ runId: run.id })],
  );
  await catalog.outbox.flush();
  expect(await database.query('SELECT 1 FROM outbox')).toEqual([]);
  expect((await queued()).filter((id) => id === run.id)).toEqual([run.id]);
});

test('a run that is not due is announced when it is', async () => {
  const pipelineId = await pipeline();
  const notBefore = new Date(Date.now() + 4000).toISOString();
  const run = await catalog.runs.create({ tenantId, actor, pipelineId, trigger: 'manual', notBefore });
  await catalog.outbox.flush();
  expect(await queued()).not.toContain(run.id);
  await new Promise((resolve) => setTimeout(resolve, 4100));
  await catalog.outbox.sweep();
  expect(await queued()).toContain(run.id);
});

test('a message that waits in the queue is not sent again; one that was taken and not claimed is', async () => {
  const run = await trigger();
  await eventually(queued, (ids) => ids.includes(run.id));
  await new Promise((resolve) => setTimeout(resolve, 600));
  await catalog.outbox.sweep();
  await catalog.outbox.sweep();
  const sends = async () =>
    (await database.query<{ sends: number }>('SELECT sends FROM run WHERE id = $1', [run.id]))[0]!.sends;
  expect(await sends()).toBe(1);
  const manager = await jets.client.jetstreamManager();
  await manager.consumers.add(streams.runs.name, { durable_name: 'careless', ack_policy: AckPolicy.Explicit });
  const consumer = await jets.client.consumers.get(streams.runs.name, 'careless');
  for (const _ of await queued()) (await consumer.next({ expires: 1000 }))?.ack();
  await eventually(queued, (ids) => ids.length === 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await catalog.outbox.sweep();
  expect(await queued()).toContain(run.id);
  expect(await sends()).toBe(2);
  await manager.consumers.delete(streams.runs.name, 'careless');
});

test('with the broker down runs are taken on; when it is back, even with nothing on its disk, all are announced', async () => {
  const before = await trigger();
  await eventually(queued, (ids) => ids.includes(before.id));
  await broker.stop();
  const during = await trigger();
  expect(during.status).toBe('pending');
  await broker.start(true);
  const answers = (): Promise<boolean> =>
    nats.rtt().then(
      () => true,
      () => false,
    );
  await eventually(answers, (up) => up, 15_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const swept = eventually(
    async () => {
      await catalog.outbox.sweep();
      return queued().catch((): string[] => []);
    },
    (ids) => ids.includes(before.id) && ids.includes(during.id),
    30_000,
  );
  expect(await swept).toEqual(expect.arrayContaining([before.id, during.id]));
}, 60_000);
