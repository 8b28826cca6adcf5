import { newKeyPair, startSubject, streams, type Assignment, type RunView } from '@sluice/messages';
import { AckPolicy } from '@nats-io/jetstream';
import { stream } from '../../test/fake-connectors.js';
import { eventually, failing, fakeRunner, runningCatalog, type FakeRunner, type Running } from '../../test/running.js';
import { testBroker, testDatabase, type TestBroker, type TestDatabase } from '../../test/services.js';

const actor = 'user:ann';
const tenantId = 'tenant-a';
let database: TestDatabase;
let broker: TestBroker;
let one: Running;
let runner: FakeRunner;
let made = 0;

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  one = await runningCatalog(database.url, broker.url);
  runner = fakeRunner(one);
  runner.streams = [stream('public.orders'), stream('public.people')];
});
afterAll(async () => {
  runner?.stop();
  await one?.[Symbol.asyncDispose]();
  await broker?.close();
  await database?.drop();
});

async function newPipeline(
  more: { mode?: 'full' | 'incremental' } = {},
): Promise<{ id: string; sourceId: string; destinationId: string }> {
  const n = ++made;
  const config = { host: 'h', user: 'u', password: `s3cret-${n}` };
  const source = await one.rpc.call('catalog.endpoints.create', {
    tenantId,
    actor,
    role: 'source',
    name: `s${n}`,
    connectorType: 'fakedb',
    config,
  });
  const destination = await one.rpc.call('catalog.endpoints.create', {
    tenantId,
    actor,
    role: 'destination',
    name: `d${n}`,
    connectorType: 'fakehouse',
    config: { ...config, password: `d3st-${n}` },
  });
  const pipeline = await one.rpc.call('catalog.pipelines.create', {
    tenantId,
    actor,
    name: `p${n}`,
    sourceId: source.id,
    destinationId: destination.id,
    mode: more.mode ?? 'full',
  });
  return { id: pipeline.id, sourceId: source.id, destinationId: destination.id };
}
const trigger = (pipelineId: string, more: object = {}): Promise<RunView> =>
  one.rpc.call('catalog.runs.create', { tenantId, pipelineId, actor, trigger: 'manual', ...more });
async function claim(
  runId: string,
  via: Running = one,
  runnerId = 'r1',
): Promise<(Assignment & { open(): unknown[] }) | null> {
  const keys = newKeyPair(runId);
  const got = await via.rpc.call('catalog.runs.claim', { runId, runnerId, publicKey: keys.publicKey });
  return got && { ...got, open: () => [keys.open(got.source.secrets), keys.open(got.destination.secrets)] };
}
const held = ({ id, fence }: Assignment, runnerId = 'r1') => ({ runId: id, runnerId, fence });
const none = { rowsRead: 0, rowsWritten: 0, rowsRejected: 0, bytes: 0 };
const counts = (rows: number) => ({ rowsRead: rows, rowsWritten: rows, rowsRejected: 0, bytes: rows * 10 });
const fail = (cls: 'transient' | 'config' | 'bug') => ({
  status: 'failed' as const,
  error: { class: cls, code: 'c', message: 'm' },
});

test('from trigger to done: announced, claimed with sealed secrets, renewed, finished', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  expect(run).toMatchObject({
    status: 'pending',
    attempt: 1,
    rootId: run.id,
    phase: 'queued',
    pipelineId: id,
    error: null,
  });
  const consumer = await queue('fakedb');
  const message = await consumer.next({ expires: 5000 });
  expect(message?.json()).toEqual({ runId: run.id });
  message?.ack();
  const got = await claim(run.id);
  expect(got).toMatchObject({
    pipelineId: id,
    attempt: 1,
    leaseSeconds: 15,
    mode: 'full',
    bindings: null,
    source: { connectorType: 'fakedb', config: { host: 'h', user: 'u' } },
  });
  expect(got?.open()).toEqual([{ password: `s3cret-${made}` }, { password: `d3st-${made}` }]);
  expect(JSON.stringify(got)).not.toContain('s3cret');
  expect(await claim(run.id)).toBeNull();
  expect(await one.rpc.call('catalog.runs.heartbeat', held(got!))).toEqual({ cancel: false, lost: false });
  expect(await one.rpc.call('catalog.runs.heartbeat', { ...held(got!), fence: '0' })).toEqual({
    cancel: false,
    lost: true,
  });
  const outcome = { status: 'succeeded' as const };
  const table = { stream: 'public.orders', status: 'succeeded' as const, estimatedRows: 9, error: null, ...counts(7) };
  const finish = { ...held(got!), outcome, counts: counts(7), streams: [table] };
  expect(await failing(one.rpc.call('catalog.runs.finish', { ...finish, fence: '999999' }))).toMatchObject({
    kind: 'conflict',
    code: 'stale-fence',
  });
  const done = await one.rpc.call('catalog.runs.finish', finish);
  expect(done).toMatchObject({
    status: 'succeeded',
    phase: 'done',
    rowsRead: 7,
    rowsWritten: 7,
    bytes: 70,
    error: null,
  });
  expect(done.finishedAt).not.toBeNull();
  expect(await one.rpc.call('catalog.runs.finish', finish)).toEqual(done);
  expect(await failing(one.rpc.call('catalog.runs.finish', { ...finish, outcome: fail('bug') }))).toMatchObject({
    code: 'run-over',
  });
  expect(await one.rpc.call('catalog.runs.streams', { tenantId, id: run.id })).toEqual([table]);
  const pipeline = await one.rpc.call('catalog.pipelines.get', { tenantId, id });
  expect(pipeline).toMatchObject({ status: 'active' });
  expect(pipeline.lastSyncAt).not.toBeNull();
  expect(await one.rpc.call('catalog.runs.heartbeat', held(got!))).toMatchObject({ lost: true });
});

test('two catalogs that race for one claim give it to one runner, and fences grow', async () => {
  const two = await runningCatalog(database.url, broker.url);
  const { id } = await newPipeline();
  let last = 0n;
  for (let round = 0; round < 10; round++) {
    const run = await trigger(id);
    const publicKey = newKeyPair(run.id).publicKey;
    const answers = await Promise.all(
      [0, 1, 2, 3].map((n) => (n % 2 ? one : two).catalog.runs.claim({ runId: run.id, runnerId: `r${n}`, publicKey })),
    );
    const won = answers.filter((answer) => answer !== null);
    expect(won).toHaveLength(1);
    expect(BigInt(won[0]!.fence)).toBeGreaterThan(last);
    last = BigInt(won[0]!.fence);
    const runnerId = `r${answers.indexOf(won[0]!)}`;
    await one.rpc.call('catalog.runs.finish', {
      ...held(won[0]!, runnerId),
      outcome: { status: 'succeeded' },
      counts: none,
      streams: [],
    });
  }
  await two[Symbol.asyncDispose]();
});

test('one active run per pipeline, also when triggered at the same moment; one start per due time', async () => {
  const { id } = await newPipeline();
  const answers = await Promise.all([0, 1, 2].map(() => failing(trigger(id))));
  expect(answers.filter((answer) => JSON.stringify(answer).includes('run-active'))).toHaveLength(2);
  const [row] = await database.query<{ id: string }>('SELECT id FROM run WHERE pipeline_id = $1', [id]);
  await one.rpc.call('catalog.runs.cancel', { tenantId, id: row!.id, actor });
  const dueAt = '2026-01-01T00:00:00.000Z';
  const due = await trigger(id, { dueAt, trigger: 'schedule' });
  await one.rpc.call('catalog.runs.cancel', { tenantId, id: due.id, actor });
  expect(await failing(trigger(id, { dueAt, trigger: 'schedule' }))).toMatchObject({
    kind: 'conflict',
    code: 'already-started',
  });
});

test('a start that falls due during a run is skipped for good', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  expect(await failing(trigger(id, { dueAt: '2026-02-02T00:00:00.000Z', trigger: 'schedule' }))).toMatchObject({
    code: 'run-active',
  });
  const [row] = await database.query<{ last_due_at: Date }>('SELECT last_due_at FROM pipeline WHERE id = $1', [id]);
  expect(row!.last_due_at.toISOString()).toBe('2026-02-02T00:00:00.000Z');
  await one.rpc.call('catalog.runs.cancel', { tenantId, id: run.id, actor });
});

test('a chain shows through its first run: running between attempts, counts over the chain, the last error', async () => {
  const { id } = await newPipeline();
  const root = await trigger(id);
  const first = (await claim(root.id))!;
  const people = { stream: 'public.people', status: 'failed' as const, estimatedRows: null, error: null, ...counts(3) };
  await one.rpc.call('catalog.runs.finish', {
    ...held(first),
    outcome: fail('transient'),
    counts: counts(3),
    streams: [people],
  });
  const seen = (): Promise<RunView> => one.rpc.call('catalog.runs.get', { tenantId, id: root.id });
  expect(await seen()).toMatchObject({ status: 'running', error: null, finishedAt: null });
  expect(await failing(trigger(id))).toMatchObject({ code: 'run-active' });
  const unresolved = await one.rpc.call('catalog.runs.unresolved', { limit: 100 });
  expect(unresolved.find((run) => run.id === root.id)).toMatchObject({
    status: 'failed',
    attempt: 1,
    maxAttempts: 3,
    fruitless: 0,
    fruitlessInARow: 0,
    lostRunners: 0,
    error: { class: 'transient' },
  });

  const notBefore = new Date(Date.now() + 600).toISOString();
  const second = await trigger(id, { trigger: 'retry', previousId: root.id, notBefore });
  expect(second).toMatchObject({ attempt: 2, rootId: root.id, previousId: root.id, status: 'pending', rowsRead: 3 });
  expect(await failing(trigger(id, { trigger: 'retry', previousId: root.id }))).toMatchObject({
    kind: 'conflict',
    code: 'already-continued',
  });
  expect(await seen()).toMatchObject({ status: 'running', nextId: second.id });
  expect(await claim(second.id)).toBeNull();
  const again = await eventually(
    () => claim(second.id),
    (got) => got !== null,
  );
  expect(again!.generation).toBe(first.generation);
  expect(again!.rootId).toBe(root.id);
  await one.rpc.call('catalog.runs.finish', {
    ...held(again!),
    outcome: fail('config'),
    counts: counts(7),
    streams: [{ ...people, status: 'succeeded', ...counts(7) }],
  });
  expect(await seen()).toMatchObject({
    status: 'failed',
    rowsRead: 7,
    rowsWritten: 7,
    bytes: 70,
    error: { class: 'config' },
  });
  expect((await seen()).finishedAt).not.toBeNull();
  expect(await one.rpc.call('catalog.runs.get', { tenantId, id: second.id })).toMatchObject({
    status: 'failed',
    rowsRead: 7,
  });
  expect(await one.rpc.call('catalog.runs.streams', { tenantId, id: root.id })).toEqual([
    { ...people, status: 'succeeded', ...counts(7) },
  ]);
  expect(await one.rpc.call('catalog.pipelines.get', { tenantId, id })).toMatchObject({ status: 'error' });
  const page = await one.rpc.call('catalog.runs.list', {
    tenantId,
    pipelineId: id,
    page: 0,
    size: 20,
    sort: 'startedAt',
    descending: true,
  });
  expect(page).toMatchObject({ total: 1, items: [{ id: root.id, status: 'failed', rowsRead: 7 }] });
  const next = await trigger(id);
  const third = (await claim(next.id))!;
  expect(third.generation).toBeGreaterThan(first.generation);
  await one.rpc.call('catalog.runs.finish', {
    ...held(third),
    outcome: { status: 'succeeded' },
    counts: none,
    streams: [],
  });
});

test('a cursor keeps its generation from run to run', async () => {
  const { id } = await newPipeline({ mode: 'incremental' });
  const generations: number[] = [];
  for (let i = 0; i < 2; i++) {
    const got = (await claim((await trigger(id)).id))!;
    generations.push(got.generation);
    await one.rpc.call('catalog.runs.finish', {
      ...held(got),
      outcome: { status: 'succeeded' },
      counts: none,
      streams: [],
    });
  }
  expect(generations[1]).toBe(generations[0]);
});

test('a settled failure ends the chain; nothing follows it', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  await one.rpc.call('catalog.runs.finish', {
    ...held((await claim(run.id))!),
    outcome: fail('bug'),
    counts: none,
    streams: [],
  });
  expect(await one.rpc.call('catalog.runs.settle', { runId: run.id })).toMatchObject({
    status: 'failed',
    error: { class: 'bug' },
  });
  expect(await one.rpc.call('catalog.pipelines.get', { tenantId, id })).toMatchObject({ status: 'error' });
  expect(await failing(trigger(id, { trigger: 'retry', previousId: run.id }))).toMatchObject({ code: 'run-over' });
});

test('cancel: pending at once, running by asking, over not at all; a cancelled run that fails is cancelled', async () => {
  const { id } = await newPipeline();
  const cancel = (runId: string): Promise<RunView> =>
    one.rpc.call('catalog.runs.cancel', { tenantId, id: runId, actor, reason: 'why not' });
  const pending = await trigger(id);
  expect(await cancel(pending.id)).toMatchObject({ status: 'cancelled', phase: 'done' });
  expect(await claim(pending.id)).toBeNull();
  expect(await failing(cancel(pending.id))).toMatchObject({ kind: 'conflict', code: 'run-over' });

  const run = await trigger(id);
  const heard = new Promise<string>((resolve) =>
    one.nats.subscribe('run-control.*.cancel', { max: 1, callback: (_e, m) => resolve(m.subject) }),
  );
  const got = (await claim(run.id))!;
  expect(await cancel(run.id)).toMatchObject({ status: 'cancelling' });
  expect(await heard).toBe(`run-control.${run.id}.cancel`);
  expect(await one.rpc.call('catalog.runs.heartbeat', held(got))).toEqual({ cancel: true, lost: false });
  const done = await one.rpc.call('catalog.runs.finish', {
    ...held(got),
    outcome: fail('transient'),
    counts: none,
    streams: [],
  });
  expect(done).toMatchObject({ status: 'cancelled', error: { class: 'transient' } });
  expect(
    (await one.rpc.call('catalog.runs.unresolved', { limit: 100 })).map((unresolved) => unresolved.id),
  ).not.toContain(run.id);

  const waiting = await trigger(id);
  await one.rpc.call('catalog.runs.finish', {
    ...held((await claim(waiting.id))!),
    outcome: fail('transient'),
    counts: none,
    streams: [],
  });
  expect(await cancel(waiting.id)).toMatchObject({ status: 'cancelled' });
  expect(await failing(trigger(id, { trigger: 'retry', previousId: waiting.id }))).toMatchObject({ code: 'run-over' });
});

test('a lease that ran out ends the attempt; one that was renewed does not', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  const got = (await claim(run.id))!;
  expect(await one.rpc.call('catalog.runs.expire', { runId: run.id })).toMatchObject({ status: 'running' });
  await database.query(`UPDATE run SET lease_until = now() - interval '1 s' WHERE id = $1`, [run.id]);
  expect((await one.rpc.call('catalog.runs.unresolved', { limit: 100 })).find((u) => u.id === run.id)).toMatchObject({
    status: 'running',
  });
  await one.rpc.call('catalog.runs.expire', { runId: run.id });
  expect((await one.rpc.call('catalog.runs.unresolved', { limit: 100 })).find((u) => u.id === run.id)).toMatchObject({
    status: 'failed',
    lostRunners: 1,
    fruitless: 1,
    fruitlessInARow: 1,
    error: { class: 'heartbeat', code: 'heartbeat_timeout' },
  });
  expect(await one.rpc.call('catalog.runs.heartbeat', held(got))).toMatchObject({ lost: true });
  expect(
    await failing(
      one.rpc.call('catalog.runs.finish', {
        ...held(got),
        outcome: { status: 'succeeded' },
        counts: none,
        streams: [],
      }),
    ),
  ).toMatchObject({ code: 'run-over' });
  await one.rpc.call('catalog.runs.settle', { runId: run.id });
});

test('a run handed back is announced again as the same attempt, and keeps its counts', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  const first = (await claim(run.id))!;
  const event = {
    kind: 'progress',
    runId: run.id,
    tenantId,
    fence: first.fence,
    at: new Date().toISOString(),
    phase: 'loading',
    estimatedRows: 50,
    ...counts(20),
    streams: [{ stream: 'public.orders', status: 'running', estimatedRows: 50, error: null, ...counts(20) }],
  };
  await one.jets.client.publish(`run-events.${run.id}.progress`, JSON.stringify(event));
  await eventually(
    () => one.rpc.call('catalog.runs.get', { tenantId, id: run.id }),
    (seen) => seen.rowsRead === 20,
  );
  await one.rpc.call('catalog.runs.release', held(first));
  expect(await one.rpc.call('catalog.runs.get', { tenantId, id: run.id })).toMatchObject({
    status: 'pending',
    attempt: 1,
    rowsRead: 20,
  });
  const sends = await eventually(
    () =>
      database.query<{ sends: number; sent_seq: string | null }>('SELECT sends, sent_seq FROM run WHERE id = $1', [
        run.id,
      ]),
    ([row]) => row?.sent_seq !== null,
  );
  expect(sends[0]!.sends).toBe(2);
  const second = (await claim(run.id))!;
  expect(second.attempt).toBe(1);
  expect(BigInt(second.fence)).toBeGreaterThan(BigInt(first.fence));
  await one.rpc.call('catalog.runs.finish', {
    ...held(second),
    outcome: { status: 'succeeded' },
    counts: counts(50),
    streams: [{ stream: 'public.orders', status: 'succeeded', estimatedRows: 50, error: null, ...counts(50) }],
  });
  expect(await one.rpc.call('catalog.runs.get', { tenantId, id: run.id })).toMatchObject({
    status: 'succeeded',
    rowsRead: 50,
    rowsWritten: 50,
  });
  expect(await one.rpc.call('catalog.runs.streams', { tenantId, id: run.id })).toMatchObject([
    { status: 'succeeded', rowsWritten: 50 },
  ]);
});

test('no destination named: the only one is taken, several are a conflict that says what to do', async () => {
  const lonely = 'tenant-lonely';
  const base = { tenantId: lonely, actor };
  const config = { host: 'h', password: 'p' };
  const source = await one.rpc.call('catalog.endpoints.create', {
    ...base,
    role: 'source',
    name: 's',
    connectorType: 'fakedb',
    config,
  });
  const pipeline = await one.rpc.call('catalog.pipelines.create', {
    ...base,
    name: 'p',
    sourceId: source.id,
    mode: 'full',
  });
  const go = () => one.rpc.call('catalog.runs.create', { ...base, pipelineId: pipeline.id, trigger: 'manual' });
  expect(await failing(go())).toMatchObject({ kind: 'conflict', code: 'no-destination' });
  const only = await one.rpc.call('catalog.endpoints.create', {
    ...base,
    role: 'destination',
    name: 'd',
    connectorType: 'fakehouse',
    config,
  });
  const run = await go();
  const [row] = await database.query<{ destination_id: string }>('SELECT destination_id FROM run WHERE id = $1', [
    run.id,
  ]);
  expect(row!.destination_id).toBe(only.id);
  await one.rpc.call('catalog.runs.cancel', { tenantId: lonely, id: run.id, actor });
  await one.rpc.call('catalog.endpoints.create', {
    ...base,
    role: 'destination',
    name: 'd2',
    connectorType: 'fakehouse',
    config,
  });
  expect(await failing(go())).toMatchObject({
    kind: 'conflict',
    code: 'no-destination',
    fix: expect.stringContaining('destinationId'),
  });
});

test('a run whose destination is gone fails with a reason, and is not handed out for ever', async () => {
  const { id, destinationId } = await newPipeline();
  const run = await trigger(id);
  await database.query('UPDATE pipeline SET destination_id = NULL WHERE id = $1', [id]);
  await one.rpc.call('catalog.endpoints.delete', { tenantId, id: destinationId, role: 'destination', actor });
  expect(await claim(run.id)).toBeNull();
  expect(await one.rpc.call('catalog.runs.get', { tenantId, id: run.id })).toMatchObject({
    status: 'failed',
    error: { class: 'config', code: 'no-such-destination' },
  });
});

/** A consumer as a runner makes it: one per connector type. */
async function queue(type: string) {
  const manager = await one.jets.client.jetstreamManager();
  await manager.consumers.add(streams.runs.name, {
    durable_name: `runner-${type}`,
    ack_policy: AckPolicy.Explicit,
    filter_subject: startSubject(type),
  });
  return one.jets.client.consumers.get(streams.runs.name, `runner-${type}`);
}

test('a partial run says which streams failed and why, and is not tried again', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  const got = await claim(run.id);
  const error = { class: 'data' as const, code: 'value-rejected', message: 'too big', end: 'destination' as const };
  const table = (name: string, failed: boolean) => ({
    stream: `public.${name}`,
    status: failed ? ('failed' as const) : ('succeeded' as const),
    estimatedRows: null,
    error: failed ? error : null,
    ...counts(1),
  });
  const streams = [table('a', false), table('b', true), table('c', true)];
  const done = await one.rpc.call('catalog.runs.finish', {
    ...held(got!),
    outcome: { status: 'partial' },
    counts: counts(3),
    streams,
  });
  expect(done).toMatchObject({
    status: 'partial',
    error: { class: 'data', code: 'partial', message: '2 of 3 streams failed: public.b (too big), public.c (too big)' },
  });
  expect(await one.rpc.call('catalog.pipelines.get', { tenantId, id })).toMatchObject({ status: 'active' });
  const kept = await one.rpc.call('catalog.runs.streams', { tenantId, id: run.id });
  expect(kept.map((view) => view.error?.end)).toEqual([undefined, 'destination', 'destination']);
});

test('another source while an attempt waits for its turn: what was loaded from the first is not gone on from', async () => {
  const other = (await newPipeline()).sourceId;
  for (const mode of ['full', 'incremental'] as const) {
    const { id } = await newPipeline({ mode });
    const run = await trigger(id);
    const first = (await claim(run.id))!;
    await one.rpc.call('catalog.runs.finish', {
      ...held(first),
      outcome: fail('transient'),
      counts: counts(5),
      streams: [],
    });
    const next = await trigger(id, { trigger: 'retry', previousId: run.id });
    const name = `p${made}`;
    await one.rpc.call('catalog.pipelines.update', { tenantId, id, actor, name, sourceId: other, mode });
    const second = (await claim(next.id))!;
    expect(second.source.name).not.toBe(first.source.name);
    expect(second.generation).toBe(first.generation + 1);
    await one.rpc.call('catalog.runs.finish', {
      ...held(second),
      outcome: { status: 'succeeded' },
      counts: counts(5),
      streams: [],
    });
    const later = (await claim((await trigger(id)).id))!;
    expect(later.generation).toBe(mode === 'full' ? second.generation + 1 : second.generation);
    await one.rpc.call('catalog.runs.finish', {
      ...held(later),
      outcome: { status: 'succeeded' },
      counts: counts(5),
      streams: [],
    });
  }
});

test('a retry in the generation of the attempt before stays in it, whatever else of the pipeline has changed', async () => {
  const { id, sourceId } = await newPipeline();
  const name = `p${made}`;
  const run = await trigger(id);
  const first = (await claim(run.id))!;
  await one.rpc.call('catalog.runs.finish', {
    ...held(first),
    outcome: fail('transient'),
    counts: counts(5),
    streams: [],
  });
  const next = await trigger(id, { trigger: 'retry', previousId: run.id });
  const options = { maxAttempts: 5 };
  await one.rpc.call('catalog.pipelines.update', { tenantId, id, actor, name, sourceId, mode: 'full', options });
  expect((await claim(next.id))!.generation).toBe(first.generation);
});

test('a load that a later attempt started over, and that became smaller: shown is what became visible (Invariant 6)', async () => {
  const { id } = await newPipeline();
  const run = await trigger(id);
  const table = (rows: number, status: 'succeeded' | 'pending') => ({
    stream: 'public.orders',
    status,
    estimatedRows: 9,
    error: null,
    ...counts(rows),
  });
  const end = async (runId: string, outcome: object, rows: number, status: 'succeeded' | 'pending') =>
    one.rpc.call('catalog.runs.finish', {
      ...held((await claim(runId))!),
      outcome: outcome as { status: 'succeeded' },
      counts: counts(rows),
      streams: [table(rows, status)],
    });
  const shown = async () => [
    (await one.rpc.call('catalog.runs.get', { tenantId, id: run.id })).rowsWritten,
    (
      await one.rpc.call('catalog.runs.list', {
        tenantId,
        pipelineId: id,
        page: 0,
        size: 9,
        sort: 'startedAt',
        descending: true,
      })
    ).items[0]?.rowsWritten,
    (await one.rpc.call('catalog.runs.streams', { tenantId, id: run.id }))[0]?.rowsWritten,
  ];
  await end(run.id, fail('transient'), 9, 'pending');
  const next = await trigger(id, { trigger: 'retry', previousId: run.id });
  expect(await shown()).toEqual([9, 9, 9]); // until the next attempt knows better
  await end(next.id, { status: 'succeeded' }, 7, 'succeeded');
  expect(await shown()).toEqual([7, 7, 7]);
});
