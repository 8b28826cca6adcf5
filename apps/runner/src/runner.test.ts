import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent } from '@sluice/messages';
import { openHarness, until, upTo, type Harness, type TestRunner } from '../test/harness.js';

jest.setTimeout(60_000);
let house: Harness;
let number = 0;
/** A destination folder of its own for each test. */
let folder: string;
const table = (name: string): number[] | undefined => house.table(join(`out${number}`, name));
beforeAll(async () => {
  house = await openHarness();
});
afterAll(() => house.close());
beforeEach(() => {
  folder = join(house.folder, `out${++number}`);
});

type Run = Awaited<ReturnType<Harness['catalog']['start']>>;
type Kind = RunEvent['kind'];
const events = <K extends Kind>(run: Run, kind: K) =>
  run.events.filter((event): event is RunEvent & { kind: K } => event.kind === kind);
const logged = (run: Run): string => JSON.stringify(events(run, 'log'));
const ended = (run: Run) => until(() => run.finish, `the end of run ${run.id}`);
const loading = (run: Run, rows: number) =>
  until(() => events(run, 'progress').some((event) => event.rowsWritten >= rows), `${rows} rows`);

describe('with a runner', () => {
  let runner: TestRunner;
  beforeAll(async () => {
    runner = await house.runner({ slots: 2 });
  });
  afterAll(() => runner.stop());

  test('a run goes from its start message to its last word, and says all along what it does', async () => {
    const run = await house.catalog.start({
      source: { tables: { a: 95, b: 5 }, window: 30 },
      destination: { folder },
      secrets: { password: 'hunter2' },
      assignment: { options: { parallelism: 1 } },
    });
    const finish = await ended(run);
    expect(finish).toMatchObject({
      outcome: { status: 'succeeded' },
      counts: { rowsRead: 100, rowsWritten: 100, rowsRejected: 0, bytes: 400 },
    });
    expect(finish.streams).toMatchObject([
      { stream: 'app.a', status: 'succeeded', rowsWritten: 95, estimatedRows: 95, error: null },
      { stream: 'app.b', status: 'succeeded', rowsWritten: 5, estimatedRows: 5, error: null },
    ]);
    expect([table('a'), table('b')]).toEqual([upTo(95), upTo(5)]);
    await until(() => events(run, 'finished')[0], 'the finished event');
    expect(run.events.map(({ kind }) => kind).filter((kind, i, all) => kind !== all[i - 1])[0]).toBe('started');
    expect(new Set(events(run, 'progress').map(({ phase }) => phase))).toEqual(
      new Set(['planning', 'loading', 'finishing']),
    );
    expect(events(run, 'checkpoint').map(({ checkpoint, complete }) => [checkpoint['n'], complete])).toEqual([
      [30, false],
      [60, false],
      [90, false],
      [95, false],
      [undefined, true],
      [5, false],
      [undefined, true],
    ]);
    expect(events(run, 'finished')[0]).toMatchObject({
      outcome: { status: 'succeeded' },
      rowsWritten: 100,
      tenantId: 't',
    });
    expect(JSON.stringify(run.events)).not.toContain('hunter2');
    expect(logged(run)).toContain('opened with ***');
    expect(logged(run)).toMatch(/first data after \d+ ms/);
  });

  test('a second start message of one run does nothing', async () => {
    const run = await house.catalog.start({ source: { tables: { a: 5 } }, destination: { folder } });
    await ended(run);
    const before = house.catalog.calls.filter((call) => call === 'catalog.runs.claim').length;
    await house.catalog.publish(run.id);
    await until(
      () => house.catalog.calls.filter((call) => call === 'catalog.runs.claim').length > before,
      'the second claim',
    );
    expect(events(run, 'started').length).toBe(1);
  });

  test('one stream fails, the others arrive', async () => {
    const run = await house.catalog.start({
      source: { tables: { a: 5, b: 5, c: 5 } },
      destination: { folder, reject: 'app.b' },
      assignment: { bindings: [{ stream: 'app.a' }, { stream: 'b' }, { stream: 'c', columns: ['x'] }] },
    });
    const { outcome, streams } = await ended(run);
    expect(outcome).toEqual({ status: 'partial' });
    const summary = streams.map(({ stream, status, error }) => [stream, status, error?.class, error?.code]);
    expect(summary).toEqual([
      ['app.b', 'failed', 'data', 'value-rejected'],
      ['c', 'failed', 'config', 'config-invalid'],
      ['app.a', 'succeeded', undefined, undefined],
    ]);
    expect(streams.map(({ error }) => [error?.end, error?.message])).toEqual([
      ['destination', 'destination "folder": too big a number'],
      [undefined, expect.stringContaining('x')],
      [undefined, undefined],
    ]);
    expect([table('a'), table('b')]).toEqual([upTo(5), undefined]);
  });

  test('a connection that cannot be opened fails the run with what to do', async () => {
    const run = await house.catalog.start({
      source: { tables: { a: 5 } },
      destination: { folder },
      secrets: { password: 'wrong' },
    });
    const { outcome } = await ended(run);
    expect(outcome).toMatchObject({
      status: 'failed',
      error: {
        class: 'config',
        code: 'authentication',
        fix: 'set the password',
        end: 'source',
        message: 'source "numbers": refused: ***',
      },
    });
    expect(events(run, 'log').map(({ fields }) => fields?.['end'])).toContain('source');
  });

  test('a crash of the worker fails the attempt with its exit reason; the next one resumes', async () => {
    const once = join(house.folder, `crash${number}`);
    const base = {
      source: { tables: { a: 50 }, behave: 'crash', at: 30, once },
      destination: { folder },
      secrets: { password: 'hunter2' },
    };
    const run = await house.catalog.start(base);
    const { outcome, counts } = await ended(run);
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { class: 'transient', code: 'worker-crashed', message: expect.stringContaining('SIGSEGV') },
    });
    // The third window was being written while the crash came with the fourth.
    expect(counts).toMatchObject({ rowsRead: 20, rowsWritten: 20 });
    expect(table('a')).toBeUndefined();
    await until(() => logged(run).includes('about to crash, the password is ***'), 'the tail of stderr');
    const next = await ended(await house.catalog.start(base));
    expect(next).toMatchObject({ outcome: { status: 'succeeded' }, counts: { rowsWritten: 30 } });
    expect(table('a')).toEqual(upTo(50));
  });

  test('a bug in a plugin fails its stream, without the secret it quotes', async () => {
    const run = await house.catalog.start({
      source: { tables: { a: 50, b: 5 }, behave: 'bug', at: 30, misbehaving: 'app.a' },
      destination: { folder },
      secrets: { password: 'hunter2' },
    });
    const { outcome, streams } = await ended(run);
    expect(outcome.status).toBe('partial');
    expect(streams[0]).toMatchObject({
      stream: 'app.a',
      rowsWritten: 30,
      error: { class: 'bug', end: 'source', message: 'source "numbers": TypeError: cannot read ***' },
    });
  });

  test('a line that is cut is tried again inside the attempt', async () => {
    const once = join(house.folder, `cut${number}`);
    const run = await house.catalog.start({
      source: { tables: { a: 50 }, behave: 'transient', at: 30, once },
      destination: { folder },
    });
    expect(await ended(run)).toMatchObject({
      outcome: { status: 'succeeded' },
      counts: { rowsRead: 50, rowsWritten: 50 },
    });
    expect(logged(run)).toContain('trying again: source \\"numbers\\": the line was cut');
    expect(table('a')).toEqual(upTo(50));
  });

  test.each(['heartbeat', 'message'])('a cancel by %s in mid load ends at a boundary', async (how) => {
    const run = await house.catalog.start({ source: { tables: { a: 10_000 }, pace: 20 }, destination: { folder } });
    await loading(run, 10);
    if (how === 'heartbeat') run.cancel = true;
    else house.catalog.cancelNow(run.id);
    const { outcome, counts, streams } = await ended(run);
    expect(outcome).toEqual({ status: 'cancelled' });
    expect(counts.rowsRead).toBe(counts.rowsWritten);
    expect(counts.rowsWritten).toBeLessThan(10_000);
    expect([streams[0]?.status, table('a')]).toEqual(['pending', undefined]);
  });

  test('a lost lease ends the work at once, without a last word', async () => {
    const run = await house.catalog.start({ source: { tables: { a: 10_000 }, pace: 20 }, destination: { folder } });
    await loading(run, 10);
    run.lost = true;
    await until(async () => (await gauge(runner, 'sluice_runs_active')) === 0, 'the end of the work');
    expect([run.finish, run.state]).toEqual([undefined, 'running']);
  });

  test('a lane that another runner has taken ends quietly', async () => {
    const run = await house.catalog.start({ source: { tables: { a: 10_000 }, pace: 20 }, destination: { folder } });
    await loading(run, 10);
    const next = await house.catalog.start({
      source: { tables: { a: 100 } },
      destination: { folder },
      assignment: { generation: 2 },
    });
    expect((await ended(next)).outcome).toEqual({ status: 'succeeded' });
    await until(() => logged(run).includes('another runner has app.a'), 'the end of the first');
    expect([run.finish, table('a')]).toEqual([undefined, upTo(100)]);
  });

  test('a catalog that is away for a while is waited for, at both ends', async () => {
    house.catalog.failures.set('catalog.runs.finish', 3);
    const run = await house.catalog.start({ source: { tables: { a: 5 } }, destination: { folder } });
    await ended(run);
    expect(run.finish).toMatchObject({ outcome: { status: 'succeeded' } });
    house.catalog.failures.set('catalog.runs.claim', 1);
    const later = await house.catalog.start({ source: { tables: { a: 5 } }, destination: { folder } });
    expect((await ended(later)).outcome.status).toBe('succeeded');
  });

  test('lanes run side by side when the pipeline says so', async () => {
    const tables = { a: 150, b: 150, c: 150, d: 150 };
    const source = { tables, pace: 100 };
    const run = await house.catalog.start({
      source,
      destination: { folder },
      assignment: { options: { parallelism: 4 } },
    });
    const { outcome, streams } = await ended(run);
    expect([outcome.status, streams.length]).toEqual(['succeeded', 4]);
    expect(Object.keys(tables).map(table)).toEqual([upTo(150), upTo(150), upTo(150), upTo(150)]);
    // Events hold what moved: the state of all streams is what they add up to.
    const status = new Map<string, string>();
    const running = events(run, 'progress').map((event) => {
      for (const stream of event.streams) status.set(stream.stream, stream.status);
      return [...status.values()].filter((one) => one === 'running').length;
    });
    expect(Math.max(...running)).toBeGreaterThan(1);
  });

  test('metrics and readiness', async () => {
    expect((await runner.ops.readiness()).checks).toEqual({ workers: 'ok' });
    const text = await runner.ops.metrics.metrics();
    for (const name of [
      'sluice_run_rows_total{direction="written"',
      'sluice_run_bytes_total',
      'sluice_run_queue_wait_seconds_count',
      'sluice_lane_duration_seconds_count{app="runner",status="done"',
    ])
      expect(text).toContain(name);
  });
});

async function gauge(runner: TestRunner, name: string): Promise<number | undefined> {
  const metric = await runner.ops.metrics.getSingleMetric(name)?.get();
  return metric?.values[0]?.value;
}

describe('probes', () => {
  let runner: TestRunner;
  beforeAll(async () => {
    runner = await house.runner();
  });
  afterAll(() => runner.stop());

  const ask = <S extends 'runner.probes.check' | 'runner.probes.discover'>(
    subject: S,
    config: object,
    password = 'hunter2',
    role: 'source' | 'destination' = 'source',
  ) => {
    const ticket = `t${Math.random()}`;
    house.catalog.tickets.set(ticket, { role, type: 'numbers', config: config as never, secrets: { password } });
    return house.catalog.call(subject, { ticket });
  };

  test('a check answers every finding', async () => {
    const findings = [{ code: 'wal-level', severity: 'warning', message: 'off', fix: 'ALTER SYSTEM' }];
    expect(await ask('runner.probes.check', { tables: {}, findings })).toEqual(findings);
    expect(await ask('runner.probes.check', { folder }, 'x', 'destination')).toEqual([]);
  });

  test('[N1] a plugin connects through the gate, which has the policy of the operator', async () => {
    const bus = new URL(house.url);
    const to = { tables: {}, host: bus.hostname, port: Number(bus.port) };
    expect(await ask('runner.probes.check', to)).toEqual([]);
    await runner.stop();
    runner = await house.runner({ outbound: { allow: [], deny: [], own: [bus.host] } });
    expect(await ask('runner.probes.check', to)).toMatchObject([{ code: 'outbound-denied', severity: 'error' }]);
  });

  test('what keeps a check from connecting is a finding', async () => {
    expect(await ask('runner.probes.check', { tables: {} }, 'wrong')).toEqual([
      { code: 'authentication', severity: 'error', message: 'source "n": refused: ***', fix: 'set the password' },
    ]);
    expect(await ask('runner.probes.check', {})).toMatchObject([{ code: 'config-invalid', severity: 'error' }]);
  });

  test('a bug met by a check is a finding that says where to look, and nothing of what it said', async () => {
    expect(await ask('runner.probes.check', { tables: {}, behave: 'bug' })).toEqual([
      {
        code: 'bug',
        severity: 'error',
        message: 'source "n": the connector failed in an unexpected way',
        fix: expect.stringMatching(
          /^look for [0-9a-f]{8} in the log of the runner, and tell whoever maintains the numbers/,
        ),
      },
    ]);
  });

  test('a source that keeps something for a pipeline drops it, and says what is left', async () => {
    const left = [{ code: 'slot', severity: 'warning', message: 'the slot is in use' }];
    const drop = (config: object) => {
      const secrets = { password: 'hunter2' };
      house.catalog.tickets.set('d', { role: 'source', type: 'numbers', config: config as never, secrets });
      return house.catalog.call('runner.probes.drop', { ticket: 'd', lanes: [] });
    };
    expect(await drop({ tables: {}, slots: left })).toEqual(left);
    expect(await drop({ tables: {} })).toEqual([]);
  });

  test('a discovery sends all streams in pages and says how many', async () => {
    const tables = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`t${i}`, i]));
    house.catalog.discovered.length = 0;
    house.catalog.calls.length = 0;
    expect(await ask('runner.probes.discover', { tables })).toEqual({ count: 5000 });
    expect(new Set(house.catalog.discovered.map(({ id }) => id)).size).toBe(5000);
    expect(house.catalog.calls.filter((call) => call === 'catalog.probes.streams').length).toBeGreaterThan(1);
  });

  test('a discovery that cannot connect fails with the reason', async () => {
    await expect(ask('runner.probes.discover', { tables: {} }, 'wrong')).rejects.toMatchObject({
      failure: { kind: 'invalid', code: 'authentication', fix: 'set the password' },
    });
  });
});

describe('a runner of its own', () => {
  test('a worker that does not stop is killed after the grace, and the run is cancelled', async () => {
    const runner = await house.runner({ cancelGrace: 1 });
    const run = await house.catalog.start({
      source: { tables: { a: 50 }, behave: 'stubborn', at: 30 },
      destination: { folder },
    });
    await loading(run, 30);
    run.cancel = true;
    expect(await ended(run)).toMatchObject({
      outcome: { status: 'cancelled' },
      counts: { rowsRead: 30, rowsWritten: 30 },
    });
    await runner.stop();
  });

  test.each([
    ['hang', { workerSilence: 2 }, 'worker-hung'],
    ['eat', { workerMemory: 256 }, 'worker-memory'],
  ])('a worker that does %j is killed with a clear reason', async (behave, settings, code) => {
    const runner = await house.runner(settings);
    const run = await house.catalog.start({ source: { tables: { a: 50 }, behave, at: 30 }, destination: { folder } });
    const { outcome } = await ended(run);
    expect(outcome).toMatchObject({ status: 'failed', error: { class: 'transient', code } });
    await runner.stop();
  });

  test('a runner that is stopped hands its run back, and the next one resumes it', async () => {
    const first = await house.runner();
    const run = await house.catalog.start({ source: { tables: { a: 200 }, pace: 50 }, destination: { folder } });
    await loading(run, 20);
    await first.stop();
    expect(run.state).toBe('released');
    const second = await house.runner();
    await house.catalog.publish(run.id);
    const { outcome, counts } = await ended(run);
    expect(outcome).toEqual({ status: 'succeeded' });
    expect(counts.rowsWritten).toBe(200);
    expect(table('a')).toEqual(upTo(200));
    await second.stop();
  });

  test('no more runs are taken than there are slots', async () => {
    const runner = await house.runner({ slots: 1 });
    const slow = { source: { tables: { a: 60 }, pace: 100 }, destination: { folder } };
    const [one, two] = [await house.catalog.start(slow), await house.catalog.start(slow)];
    await loading(one, 10);
    expect(two.state).toBe('pending');
    await ended(one);
    await ended(two);
    await runner.stop();
  });

  test('workers have no environment, and die with the runner', async () => {
    const runner = await house.runner();
    await until(() => existsSync(`/proc/${process.pid}/task`), '/proc');
    const children = await until(() => {
      const found = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
      return found.filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker.ts'));
    }, 'a worker');
    for (const pid of children) {
      const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter(Boolean)
        .map((entry) => entry.split('=')[0]);
      expect(names.filter((name) => !name!.startsWith('NODE_CHANNEL_'))).toEqual([]);
    }
    await runner.stop();
    for (const pid of children) expect(existsSync(`/proc/${pid}/status`)).toBe(false);
  });
});
