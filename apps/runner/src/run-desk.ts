/** Between the bus and the work: claims runs, holds their leases, and has the last word on each. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { NatsConnection } from '@nats-io/transport-node';
import { backoffDelay, pause, type StreamBinding } from '@sluice/engine';
import {
  ServiceError,
  newKeyPair,
  type Assignment,
  type JsonObject,
  type KeyPair,
  type Opening,
  type Outcome,
  type RunStreamView,
} from '@sluice/messages';
import type { Jets, Logger, RpcClient } from '@sluice/service';
import { Lease, type Held } from './lease.js';
import { RunAttempt, type AttemptEnd } from './run-attempt.js';
import { RunEvents } from './run-events.js';
import type { Claimed } from './run-queue.js';
import { RunStages } from './run-stages.js';
import type { RunnerMetrics } from './runner-metrics.js';
import type { RunnerSettings } from './runner-settings.js';
import type { WorkerPool } from './worker-pool.js';
import type { OpenOrder, RunOrder } from './worker/protocol.js';
import { scrubber } from './worker/scrub.js';

export interface DeskDeps {
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly nats: NatsConnection;
  readonly jets: Pick<Jets, 'client'>;
  readonly pool: Pick<WorkerPool, 'take'>;
  readonly metrics: RunnerMetrics;
  readonly logger: Logger;
  readonly settings: Pick<RunnerSettings, 'cancelGrace' | 'releaseGrace' | 'heartbeat' | 'parallelism'>;
}

export class RunDesk implements AsyncDisposable {
  readonly runnerId = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  readonly #active = new Set<RunAttempt>();
  readonly #work = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(private readonly deps: DeskDeps) {}

  async claim(runId: string, publishedAt: number): Promise<Claimed> {
    const stages = new RunStages(publishedAt);
    stages.mark('received');
    const pair = newKeyPair(runId);
    const { publicKey } = pair;
    const { rpc, metrics, logger } = this.deps;
    let assignment: Assignment | null;
    try {
      assignment = await rpc.call('catalog.runs.claim', { runId, runnerId: this.runnerId, publicKey });
    } catch (error) {
      if (!(error instanceof ServiceError) || (error.kind !== 'unavailable' && error.kind !== 'internal')) throw error;
      logger.warn({ err: error, runId }, 'a run could not be claimed now');
      return { kind: 'later' };
    }
    if (assignment === null) return { kind: 'gone' };
    stages.mark('claimed');
    metrics.queueWait.observe(Math.max(0, Date.now() - publishedAt) / 1000);
    const done = this.#take(assignment, pair, stages).finally(() => this.#work.delete(done));
    this.#work.add(done);
    return { kind: 'taken', done };
  }

  /** Hands back what runs, so that another runner resumes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const attempt of this.#active) attempt.stop('release', this.deps.settings.releaseGrace);
    await Promise.all(this.#work);
  }

  /** Never rejects: whatever happens to a run is said to the catalog and to the log. */
  async #take(assignment: Assignment, pair: KeyPair, stages: RunStages): Promise<void> {
    const { logger, metrics } = this.deps;
    const { id: runId, tenantId, fence } = assignment;
    const log = logger.child({ runId, tenantId });
    const held = { runId, runnerId: this.runnerId, fence };
    const events = new RunEvents(this.deps.jets.client, { runId, tenantId, fence }, log);
    metrics.active.inc();
    try {
      events.publish({ kind: 'started', runnerId: this.runnerId });
      for (const message of assignment.warnings) events.publish({ kind: 'log', level: 'warn', message });
      const end = await this.#attempt(assignment, pair, stages, events, log, held);
      metrics.ended.inc({ outcome: end.status });
    } catch (error) {
      metrics.ended.inc({ outcome: 'error' });
      log.error({ err: error }, 'a run was left without a last word; its lease will run out');
    } finally {
      metrics.active.dec();
    }
  }

  async #attempt(
    assignment: Assignment,
    pair: KeyPair,
    stages: RunStages,
    events: RunEvents,
    logger: Logger,
    held: Held,
  ): Promise<AttemptEnd> {
    const { pool, metrics, settings } = this.deps;
    const order = orderOf(assignment, pair);
    const scrub = scrubber(order.source.secrets, order.destination.secrets);
    const { parallelism } = settings;
    const attempt = new RunAttempt(assignment, order, scrub, { pool, events, logger, metrics, stages, parallelism });
    const running = this.#follow(attempt, held, logger);
    this.#active.add(attempt);
    if (this.#closing.signal.aborted) attempt.stop('release', settings.releaseGrace);
    try {
      const end = await running;
      const { peakMemory } = attempt;
      logger.info({ outcome: end.status, stages: stages.fields, peakMemory }, 'a run ended here');
      const first = stages.fields['first-data'];
      if (first !== undefined) metrics.firstRow.observe(first / 1000);
      await events.flush();
      if (end.status === 'released') await this.#insist(() => this.deps.rpc.call('catalog.runs.release', held), logger);
      else if (end.status !== 'lost') await this.#finish(end, attempt, held, events, logger);
      return end;
    } finally {
      this.#active.delete(attempt);
    }
  }

  async #follow(attempt: RunAttempt, held: Held, logger: Logger): Promise<AttemptEnd> {
    const { rpc, nats, settings } = this.deps;
    await using _lease = new Lease(held, { rpc, nats, logger }, settings.heartbeat, {
      cancel: () => attempt.stop('cancel', settings.cancelGrace),
      lost: () => attempt.stop('lost', 0),
    });
    return await attempt.run();
  }

  async #finish(
    outcome: Outcome,
    { progress }: RunAttempt,
    held: Held,
    events: RunEvents,
    logger: Logger,
  ): Promise<void> {
    const { counts } = progress;
    const streams = fitting(progress.views);
    await this.#insist(() => this.deps.rpc.call('catalog.runs.finish', { ...held, outcome, counts, streams }), logger);
    events.publish({ kind: 'finished', outcome, ...counts });
    await events.flush();
  }

  /** Until it is answered: the catalog may be restarting. When this runner itself has to go, the lease says the rest. */
  async #insist(call: () => Promise<unknown>, logger: Logger): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        return void (await call());
      } catch (error) {
        const later =
          error instanceof ServiceError &&
          (error.kind === 'unavailable' || (error.kind === 'internal' && failures < 5));
        if (!later || (this.#closing.signal.aborted && failures >= 3)) throw error;
        logger.warn({ err: error, failures }, 'the last word on a run was not heard');
        await pause(backoffDelay({ base: 200, cap: 10_000 }, failures), new AbortController().signal);
      }
    }
  }
}

function orderOf(assignment: Assignment, pair: KeyPair): RunOrder {
  const { pipelineId, mode, fence, generation, rootId, bindings, options } = assignment;
  const open = ({ name, connectorType, config, secrets }: Opening): OpenOrder => ({
    name,
    type: connectorType,
    config,
    secrets: pair.open(secrets) as JsonObject,
  });
  return {
    pipelineId,
    mode,
    fence: BigInt(fence),
    generation,
    rootId,
    bindings: bindings as readonly StreamBinding[] | null,
    encoding: options.encoding ?? 'auto',
    source: open(assignment.source),
    destination: open(assignment.destination),
  };
}

/** As many as one message on the bus can carry, those that failed first. The others were told by progress events. */
function fitting(views: readonly RunStreamView[]): readonly RunStreamView[] {
  let bytes = 0;
  return views.filter((view) => (bytes += Buffer.byteLength(JSON.stringify(view)) + 1) < 600 * 1024);
}
