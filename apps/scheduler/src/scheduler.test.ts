import {
  conflict,
  notFound,
  unavailable,
  type Answer,
  type Request,
  type Subject,
  type UnresolvedRun,
} from '@sluice/messages';
import type { RpcClient } from '@sluice/service';
import type { Entry } from './clock.js';
import { startScheduler, type Scheduler } from './scheduler.js';
import { look } from './watchdog.js';

type Handlers = { [S in Subject]?: (request: Request<S>) => Answer<S> | Promise<Answer<S>> };
/** Answers as a catalog would, and keeps what it was asked. */
function fakeCatalog(handlers: Handlers) {
  const asked: [string, unknown][] = [];
  const rpc: Pick<RpcClient, 'call'> = {
    async call<S extends Subject>(subject: S, request: Request<S>): Promise<Answer<S>> {
      asked.push([subject, request]);
      const handler: ((request: Request<S>) => Answer<S> | Promise<Answer<S>>) | undefined = handlers[subject];
      if (!handler) throw unavailable('no-service', subject);
      return handler(request);
    },
  };
  return { rpc, asked, of: (subject: Subject) => asked.filter(([s]) => s === subject).map(([, request]) => request) };
}
const logger = { info: () => undefined, warn: () => undefined, debug: () => undefined };
const settings = { leaderTtl: 1000, watchdogEvery: 20, retryScale: 1 };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Waits as long as a busy machine may need. */
const until = async (holds: () => boolean): Promise<void> => {
  for (const end = Date.now() + 30_000; !holds() && Date.now() < end;) await wait(10);
};
/** Leads at once. */
const bucket = { create: async () => 1, update: async () => 1, delete: async () => undefined };

const run = (more: Partial<UnresolvedRun>): UnresolvedRun => ({
  id: 'r1',
  tenantId: 't',
  pipelineId: 'p1',
  pipelineName: 'p',
  mode: 'full',
  trigger: 'manual',
  status: 'failed',
  attempt: 1,
  rootId: 'r1',
  previousId: null,
  nextId: null,
  phase: 'done',
  estimatedRows: null,
  error: { class: 'transient', code: 'c', message: 'm' },
  cancelRequestedAt: null,
  createdAt: '',
  startedAt: null,
  finishedAt: null,
  rowsRead: 0,
  rowsWritten: 0,
  rowsRejected: 0,
  bytes: 0,
  maxAttempts: 3,
  fruitless: 1,
  fruitlessInARow: 1,
  lostRunners: 0,
  ...more,
});

describe('watchdog', () => {
  test('a failed attempt is followed by the next one, not before its wait', async () => {
    const { rpc, of } = fakeCatalog({
      'catalog.runs.unresolved': () => [run({})],
      'catalog.runs.create': () => run({ id: 'r2' }),
    });
    const before = Date.now();
    await look({ rpc, logger, scale: 1, random: () => 0.5 });
    const [request] = of('catalog.runs.create') as [Request<'catalog.runs.create'>];
    expect(request).toMatchObject({
      tenantId: 't',
      pipelineId: 'p1',
      previousId: 'r1',
      trigger: 'retry',
      actor: 'scheduler',
    });
    expect(Date.parse(request.notBefore!) - before).toBeGreaterThanOrEqual(10_000);
    expect(Date.parse(request.notBefore!) - before).toBeLessThan(12_000);
  });

  test('a silent runner: its attempt is ended and followed at once', async () => {
    let expired = false;
    const { rpc, asked } = fakeCatalog({
      'catalog.runs.unresolved': () => [
        expired
          ? run({ error: { class: 'heartbeat', code: 'heartbeat_timeout', message: '' }, lostRunners: 1 })
          : run({ status: 'running', error: null }),
      ],
      'catalog.runs.expire': () => {
        expired = true;
        return run({});
      },
      'catalog.runs.create': () => run({ id: 'r2' }),
    });
    await look({ rpc, logger, scale: 1 });
    expect(asked.map(([subject]) => subject)).toEqual([
      'catalog.runs.unresolved',
      'catalog.runs.expire',
      'catalog.runs.unresolved',
      'catalog.runs.create',
    ]);
    expect(asked.at(-1)![1]).not.toHaveProperty('notBefore');
  });

  test.each([
    ['no attempt is left', run({ fruitless: 3 }), () => run({})],
    ['the error needs a person', run({ error: { class: 'config', code: 'c', message: '' } }), () => run({})],
    ['the pipeline is gone', run({}), () => Promise.reject(notFound('no-such-pipeline', ''))],
    ['it was continued already', run({}), () => Promise.reject(conflict('already-continued', ''))],
  ])('the chain is closed when %s', async (_what, failed, create) => {
    const { rpc, of } = fakeCatalog({
      'catalog.runs.unresolved': () => [failed],
      'catalog.runs.create': create,
      'catalog.runs.settle': () => failed,
    });
    await look({ rpc, logger, scale: 1 });
    expect(of('catalog.runs.settle')).toEqual([{ runId: 'r1' }]);
  });

  test('it is not closed when the catalog is away', async () => {
    const { rpc, of } = fakeCatalog({
      'catalog.runs.unresolved': () => [run({})],
      'catalog.runs.create': () => Promise.reject(unavailable('database', '')),
    });
    await expect(look({ rpc, logger, scale: 1 })).rejects.toMatchObject({ kind: 'unavailable' });
    expect(of('catalog.runs.settle')).toEqual([]);
  });
});

describe('scheduler', () => {
  const entry = (pipelineId: string): Entry => ({
    pipelineId,
    tenantId: 't',
    schedule: { kind: 'cron', cron: '* * * * *' },
    lastDueAt: null,
    createdAt: new Date(Date.now() - 120_000).toISOString(),
  });
  let scheduler: Scheduler | undefined;
  afterEach(async () => scheduler?.[Symbol.asyncDispose]());

  test('the leader reads schedules page by page, catches up, reports, and hears of changes', async () => {
    let known = Array.from({ length: 1001 }, (_, i) => entry(`p${String(i).padStart(4, '0')}`));
    const { rpc, of } = fakeCatalog({
      'catalog.schedules.list': ({ after, limit }) =>
        known.filter(({ pipelineId }) => pipelineId > (after ?? '')).slice(0, limit),
      'catalog.schedules.planned': () => null,
      'catalog.runs.create': ({ pipelineId }) =>
        pipelineId === 'p0007' ? Promise.reject(conflict('run-active', '')) : run({}),
      'catalog.runs.unresolved': () => [],
    });
    let changed: () => void = () => undefined;
    scheduler = startScheduler({
      rpc,
      bucket,
      logger,
      settings,
      listen: (_subject, heard) => ((changed = heard), () => undefined),
    });
    // Each pipeline, not each call: a minute may pass meanwhile.
    const ids = (subject: 'catalog.runs.create' | 'catalog.schedules.planned') =>
      new Set(of(subject).map((request) => (request as { pipelineId: string }).pipelineId)).size;
    await until(() => ids('catalog.schedules.planned') === 1001 && ids('catalog.runs.create') === 1001);
    expect(scheduler.schedules).toBe(1001);
    const starts = of('catalog.runs.create') as Request<'catalog.runs.create'>[];
    expect(ids('catalog.runs.create')).toBe(1001);
    expect(starts[0]).toMatchObject({ trigger: 'schedule', actor: 'scheduler', tenantId: 't' });
    expect(new Date(starts[0]!.dueAt!).getSeconds()).toBe(0);
    expect(ids('catalog.schedules.planned')).toBe(1001);
    known = known.slice(0, 3);
    changed();
    await until(() => scheduler?.schedules === 3);
    expect(scheduler.schedules).toBe(3);
  });

  test('a catalog that is not up yet is asked again soon', async () => {
    let up = false;
    const { rpc } = fakeCatalog({
      'catalog.schedules.list': () => (up ? [] : Promise.reject(unavailable('no-service', ''))),
      'catalog.runs.unresolved': () => [],
    });
    const listed = jest.spyOn(rpc, 'call');
    scheduler = startScheduler({ rpc, bucket, logger, settings, listen: () => () => undefined });
    const lists = () => listed.mock.calls.filter(([subject]) => subject === 'catalog.schedules.list').length;
    await until(() => lists() === 1);
    up = true;
    await until(() => lists() > 1);
    expect(lists()).toBe(2);
  });

  test('who does not lead does nothing, and who stops leading stops', async () => {
    const { rpc, asked } = fakeCatalog({ 'catalog.schedules.list': () => [], 'catalog.runs.unresolved': () => [] });
    let leading = false;
    const revision = async (): Promise<number> => {
      if (leading) return 1;
      throw new Error('wrong last sequence: 7');
    };
    scheduler = startScheduler({
      rpc,
      bucket: { ...bucket, create: revision, update: revision },
      logger,
      settings,
      listen: () => () => undefined,
    });
    await wait(100);
    expect([scheduler.leads, asked]).toEqual([false, []]);
    leading = true;
    await until(() => scheduler?.leads === true && asked.length > 1);
    expect(scheduler.leads).toBe(true);
    expect(asked.length).toBeGreaterThan(1);
    leading = false;
    await until(() => scheduler?.leads === false);
    await wait(200);
    const count = asked.length;
    await wait(200);
    expect([scheduler.leads, asked.length]).toEqual([false, count]);
  });
});
