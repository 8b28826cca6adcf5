/** Checks, discoveries and removals: a ticket is traded for what to open, and a warm worker opens it. */
import { randomBytes } from 'node:crypto';
import type { Finding } from '@sluice/connector-sdk';
import { ServiceError, newKeyPair, unavailable, type Failure, type JsonObject, type Stream } from '@sluice/messages';
import type { Logger, RpcClient } from '@sluice/service';
import { WorkerFailure, type WorkerProcess } from './worker-process.js';
import type { WorkerPool } from './worker-pool.js';
import type { OpenOrder, Role } from './worker/protocol.js';

export interface ProbeDeps {
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly pool: Pick<WorkerPool, 'take'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly limits?: ProbeLimits;
}
/** Milliseconds. Below what the catalog waits, so that it hears why. `atOnce`: probes side by side; others queue. */
export interface ProbeLimits {
  readonly check: number;
  readonly discover: number;
  readonly drop: number;
  readonly atOnce: number;
}
const defaults: ProbeLimits = { check: 30_000, discover: 290_000, drop: 50_000, atOnce: 4 };

export class ProbeDesk {
  readonly #limits: ProbeLimits;
  readonly #busy = new Set<Promise<unknown>>();
  constructor(private readonly deps: ProbeDeps) {
    this.#limits = deps.limits ?? defaults;
  }

  /** Everything that is wrong with an endpoint. That it cannot be reached or does not answer is a finding too. */
  async check(ticket: string): Promise<readonly Finding[]> {
    const { role, opening } = await this.#redeem(ticket);
    try {
      return await this.#with(opening, this.#limits.check, (worker) => worker.ask('check', { role, opening }));
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error;
      if (error.report.class === 'bug') return [this.#bug(error, role, opening)];
      const { code, message, fix } = error.report;
      return [{ code, severity: 'error', message, ...(fix !== undefined && { fix }) }];
    }
  }

  /** Removes what a deleted pipeline left at an endpoint; answers what could not be removed. */
  async drop(ticket: string, lanes: readonly string[]): Promise<readonly Finding[]> {
    const { role, opening } = await this.#redeem(ticket);
    try {
      return await this.#with(opening, this.#limits.drop, (worker) => worker.ask('drop', { role, opening, lanes }));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Sends what a source offers to the catalog page by page, and answers how many streams that were. */
  async discover(ticket: string): Promise<{ count: number }> {
    const { opening } = await this.#redeem(ticket);
    try {
      return await this.#with(opening, this.#limits.discover, async (worker) => {
        let sent = Promise.resolve();
        const send = (streams: readonly Stream[]): void => {
          sent = sent.then(async () => void (await this.deps.rpc.call('catalog.probes.streams', { ticket, streams })));
          sent.catch(() => undefined); // awaited below
        };
        worker.onNote = (note) => note.kind === 'streams' && send(note.streams);
        const answer = await worker.ask('discover', { opening });
        await sent;
        return answer;
      });
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async #redeem(ticket: string): Promise<{ role: Role; opening: OpenOrder }> {
    const pair = newKeyPair(ticket);
    const { role, opening } = await this.deps.rpc.call('catalog.probes.redeem', { ticket, publicKey: pair.publicKey });
    const { name, connectorType: type, config, secrets } = opening;
    return { role, opening: { name, type, config, secrets: pair.open(secrets) as JsonObject } };
  }

  async #with<T>({ type }: OpenOrder, limit: number, work: (worker: WorkerProcess) => Promise<T>): Promise<T> {
    while (this.#busy.size >= this.#limits.atOnce) await Promise.race(this.#busy).catch(() => undefined);
    const worker = this.deps.pool.take([type]);
    const message = `there was no answer within ${Math.round(limit / 1000)} s`;
    const timer = setTimeout(() => worker.kill({ class: 'transient', code: 'unreachable', message }), limit);
    const done = work(worker).finally(() => {
      clearTimeout(timer);
      void worker[Symbol.asyncDispose]();
    });
    this.#busy.add(done);
    try {
      return await done;
    } finally {
      this.#busy.delete(done);
    }
  }

  /** What went wrong is for whoever mends the connector; its user learns where that is written. */
  #bug(error: WorkerFailure, role: Role, { type, name }: OpenOrder): Finding {
    const reference = randomBytes(4).toString('hex');
    this.deps.logger.error({ err: error, stderr: error.stderr, reference, role, connectorType: type }, unexpected);
    const message = `${role} ${JSON.stringify(name)}: ${unexpected}`;
    const fix = `look for ${reference} in the log of the runner, and tell whoever maintains the ${type} connector`;
    return { code: 'bug', severity: 'error', message, fix };
  }

  /** A worker's failure as the wire carries it; anything that is not of the contract is told to the log, not to the user. */
  #failure(error: unknown): unknown {
    if (!(error instanceof WorkerFailure)) return error;
    const { class: cls, code, message, fix } = error.report;
    const extra = { cause: error, ...(fix !== undefined && { fix }) };
    if (cls === 'transient') return unavailable(code, message, extra);
    if (cls === 'config' || cls === 'data') return failing('invalid', code, message, fix);
    this.deps.logger.error({ err: error, stderr: error.stderr }, unexpected);
    return failing('internal', code, `${unexpected}; the log of the runner has its cause`);
  }
}
const unexpected = 'the connector failed in an unexpected way';
const failing = (kind: Failure['kind'], code: string, message: string, fix?: string): ServiceError =>
  new ServiceError({ kind, code, message, ...(fix !== undefined && { fix }) });
