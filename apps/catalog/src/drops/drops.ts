/** Has runners carry out drop orders, one part at a time, and tries again for as long as an endpoint cannot be reached. */
import { ServiceError } from '@sluice/messages';
import type { Logger, RpcClient } from '@sluice/service';
import { first, type Database } from '../database/database.js';
import { dropTicket, issueTicket } from '../probes/tickets.js';
import { wasAsked } from '../probes/unasked.js';
import { endOrder, giveUp, lanesDropped, postpone, takeOrder, type DropOrder } from './drop-orders.js';

export interface DropDeps {
  readonly db: Database;
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /** ms */
  readonly sweepEvery: number;
  readonly dropPolicy?: DropPolicy;
}
export interface DropPolicy {
  /** Failures of one part until it is given up. */
  readonly tries: number;
  /** Seconds to the second try; doubled from try to try, up to `longestWait`. */
  readonly firstWait: number;
  readonly longestWait: number;
}
/** About four hours in all. */
const defaultPolicy: DropPolicy = { tries: 20, firstWait: 5, longestWait: 900 };
/** ms; above what a runner allows itself. */
const answerWithin = 60_000;
/** Seconds until an order whose holder died is due again. */
const lentFor = answerWithin / 1000 + 15;
/** Lanes in one request, well below the bus's limit for a message; what is done is kept between two. */
const lanesAtOnce = 200;
const ordersAtOnce = 4;

export class Drops implements AsyncDisposable {
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #busy = new Set<Promise<void>>();
  constructor(private readonly deps: DropDeps) {}

  start(): void {
    this.#timer = setInterval(() => this.kick(), this.deps.sweepEvery);
  }

  /** Looks for what is due. */
  kick(): void {
    if (this.#closed || this.#busy.size >= ordersAtOnce) return;
    const working: Promise<void> = this.#next()
      .catch((error: unknown) => {
        this.deps.logger.warn({ err: error }, 'drop orders could not be looked after');
        return false;
      })
      .then((found) => {
        this.#busy.delete(working);
        if (found) this.kick();
      });
    this.#busy.add(working);
  }

  async #next(): Promise<boolean> {
    const { db } = this.deps;
    const order = await db.transaction((em) => takeOrder(em, lentFor));
    if (order === undefined) return false;
    this.kick();
    const where = [order.tenant_id, order.endpoint_id];
    if (await db.run((em) => first(em, 'SELECT 1 FROM endpoint WHERE tenant_id = $1 AND id = $2', where)))
      await this.#carryOut(order);
    else await db.transaction((em) => endOrder(em, order, 'pipeline.left-behind', { why: 'the endpoint is gone' }));
    return true;
  }

  async #carryOut(order: DropOrder): Promise<void> {
    const { db, rpc } = this.deps;
    const lanes = order.lanes.slice(0, lanesAtOnce);
    const owner = { tenant_id: order.tenant_id, endpoint_id: order.endpoint_id, discovery_id: null };
    const ticket = await db.run((em) => issueTicket(em, owner, lentFor));
    try {
      const left = await rpc.call('runner.probes.drop', { ticket, lanes }, answerWithin);
      await db.transaction((em) => lanesDropped(em, order, lanes, left));
    } catch (error) {
      await this.#failed(order, error);
    } finally {
      await db.run((em) => dropTicket(em, ticket)).catch(() => undefined);
    }
  }

  async #failed(order: DropOrder, error: unknown): Promise<void> {
    const { db, logger, dropPolicy: policy = defaultPolicy } = this.deps;
    if (!(error instanceof ServiceError)) logger.error({ err: error, order: order.id }, 'a drop order failed');
    const why = error instanceof ServiceError ? error.failure.message : 'an unexpected error; the log has its cause';
    const counts = wasAsked(error);
    const failures = order.failures + (counts ? 1 : 0);
    const seconds = Math.min(policy.longestWait, policy.firstWait * 2 ** Math.max(0, failures - 1));
    await db.transaction((em) =>
      failures >= policy.tries ? giveUp(em, order, why) : postpone(em, order, { seconds, why, counts }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    // What is in hand is lent for a time only, and comes due again.
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => (timer = setTimeout(resolve, 2000)));
    await Promise.race([Promise.all(this.#busy), enough]);
    clearTimeout(timer);
  }
}
