/** The scheduler put together: while it leads, a clock and a watchdog. */
import { randomUUID } from 'node:crypto';
import type { KV } from '@nats-io/kv';
import { ServiceError, scheduleChanged } from '@sluice/messages';
import type { Logger, RpcClient } from '@sluice/service';
import { Clock, type Entry, type Started } from './clock.js';
import { Leader } from './leader.js';
import type { SchedulerSettings } from './settings.js';
import { look } from './watchdog.js';

export interface SchedulerDeps {
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly bucket: Pick<KV, 'create' | 'update' | 'delete'>;
  /** Core NATS. Answers how to stop listening. */
  listen(subject: string, heard: () => void): () => void;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'debug'>;
  readonly settings: SchedulerSettings;
  counted?(what: 'started' | 'skipped' | 'retried'): void;
}
export interface Scheduler extends AsyncDisposable {
  readonly leads: boolean;
  /** How many schedules its clock holds; 0 while it does not lead. */
  readonly schedules: number;
}

/** A message that a schedule changed may be lost: all are read again so often, ms. */
const reloadEvery = 60_000;
const reloadSoon = 100;
const againAfterFailure = 1000;
const page = 1000;
const reportsAtOnce = 8;

export function startScheduler(deps: SchedulerDeps): Scheduler {
  const { rpc, logger, settings } = deps;
  const report = inTurn(reportsAtOnce);
  const clock = new Clock({
    logger,
    start: (entry, dueAt) => startDue(deps, entry, dueAt),
    planned: (pipelineId, next) =>
      report(() => rpc.call('catalog.schedules.planned', { pipelineId, nextRunAt: next?.toISOString() ?? null })),
  });
  const reload = repeated(logger, 'schedules could not be read', async () => {
    const entries = await readSchedules(rpc);
    if (leader.leads) await clock.load(entries);
  });
  const watch = repeated(logger, 'failed runs could not be looked after', () =>
    look({ rpc, logger, scale: settings.retryScale, retried: () => deps.counted?.('retried') }),
  );
  const leader = new Leader({
    ...deps,
    key: 'scheduler',
    name: randomUUID(),
    ttl: settings.leaderTtl,
    gained() {
      reload.start(reloadEvery);
      watch.start(settings.watchdogEvery);
    },
    lost() {
      reload.stop();
      watch.stop();
      clock.stop();
    },
  });
  const deafen = deps.listen(scheduleChanged, () => reload.soon(reloadSoon));
  leader.start();
  return {
    get leads() {
      return leader.leads;
    },
    get schedules() {
      return clock.size;
    },
    async [Symbol.asyncDispose]() {
      deafen();
      await leader[Symbol.asyncDispose]();
      reload.stop();
      watch.stop();
      clock.stop();
    },
  };
}

async function readSchedules(rpc: SchedulerDeps['rpc']): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after: string | undefined; ;) {
    const some = await rpc.call('catalog.schedules.list', { limit: page, ...(after !== undefined && { after }) });
    entries.push(...some);
    after = some.at(-1)?.pipelineId;
    if (some.length < page) return entries;
  }
}

async function startDue(
  { rpc, logger, counted }: SchedulerDeps,
  { pipelineId, tenantId }: Entry,
  due: Date,
): Promise<Started> {
  const dueAt = due.toISOString();
  const where = { pipeline: pipelineId, tenant: tenantId, dueAt };
  try {
    const run = await rpc.call('catalog.runs.create', {
      tenantId,
      pipelineId,
      actor: 'scheduler',
      trigger: 'schedule',
      dueAt,
    });
    logger.info({ ...where, run: run.id }, 'a scheduled run was started');
    counted?.('started');
    return 'started';
  } catch (error) {
    const { kind, code } = error instanceof ServiceError ? error.failure : { kind: 'internal', code: 'internal' };
    if (kind === 'not-found') return 'gone';
    if (kind === 'unavailable') return 'later';
    if (code === 'already-started') logger.debug(where, 'this one was started already');
    else
      logger.warn(
        { ...where, code },
        code === 'run-active' ? 'skipped: a run is active' : 'a scheduled run could not be started',
      );
    counted?.('skipped');
    return 'skipped';
  }
}

/** Runs `work` at once and then regularly, never twice at a time; after a failure, which is logged, soon again. */
function repeated(logger: SchedulerDeps['logger'], complaint: string, work: () => Promise<unknown>) {
  let every: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let asked = false;
  const turn = async (): Promise<void> => {
    clearTimeout(timer);
    asked = running;
    if (running) return;
    running = true;
    const failed = await work().then(
      () => false,
      (error: unknown) => {
        logger.warn({ err: error }, complaint);
        return true;
      },
    );
    running = false;
    if (every === undefined) return;
    timer = setTimeout(() => void turn(), asked ? 0 : failed ? Math.min(every, againAfterFailure) : every);
  };
  return {
    start(ms: number): void {
      every = ms;
      void turn();
    },
    /** Brings the next turn forward. */
    soon(ms: number): void {
      if (every === undefined) return;
      clearTimeout(timer);
      timer = setTimeout(() => void turn(), ms);
    },
    stop(): void {
      every = undefined;
      clearTimeout(timer);
    },
  };
}

/** At most `width` of the works given to it at once, in order; none of them fails. */
function inTurn(width: number): (work: () => Promise<unknown>) => Promise<void> {
  const lanes = Array.from({ length: width }, () => Promise.resolve());
  let next = 0;
  return (work) => {
    const lane = next++ % width;
    const done = lanes[lane]!.then(work).then(
      () => undefined,
      () => undefined,
    );
    lanes[lane] = done;
    return done;
  };
}
