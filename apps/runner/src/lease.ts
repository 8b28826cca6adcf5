/** A runner's hold on a run: heartbeats, and the two things that can come back. */
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Logger, RpcClient } from '@sluice/service';
import { ServiceError, cancelSubject } from '@sluice/messages';

export interface Held {
  readonly runId: string;
  readonly runnerId: string;
  readonly fence: string;
}
export interface LeaseListener {
  cancel(): void;
  lost(): void;
}

/**
 * While the catalog is silent the work goes on: the lease only saves work, and the fence protects the data should somebody else
 * have taken over (Invariant 4).
 */
export class Lease implements AsyncDisposable {
  readonly #timer: NodeJS.Timeout;
  readonly #control: Subscription;
  #beating = false;
  #over = false;

  constructor(
    private readonly held: Held,
    private readonly deps: {
      readonly rpc: Pick<RpcClient, 'call'>;
      readonly nats: NatsConnection;
      readonly logger: Pick<Logger, 'warn'>;
    },
    every: number,
    private readonly listener: LeaseListener,
  ) {
    this.#timer = setInterval(() => void this.#beat(), every * 1000);
    this.#control = deps.nats.subscribe(cancelSubject(held.runId), {
      callback: () => void (this.#over || listener.cancel()),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    clearInterval(this.#timer);
    this.#control.unsubscribe();
  }

  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    try {
      const { cancel, lost } = await this.deps.rpc.call('catalog.runs.heartbeat', this.held, 4000);
      if (this.#over) return;
      if (lost) this.listener.lost();
      else if (cancel) this.listener.cancel();
    } catch (error) {
      // A refusal is an answer: the run is not ours any more. Silence is none.
      const refused = error instanceof ServiceError && !['unavailable', 'internal'].includes(error.kind);
      if (refused && !this.#over) this.listener.lost();
      this.deps.logger.warn({ err: error, runId: this.held.runId }, 'a heartbeat was not answered');
    } finally {
      this.#beating = false;
    }
  }
}
