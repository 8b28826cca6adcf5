/** What a run says while it runs, in order, on JetStream. */
import type { JetStreamClient } from '@nats-io/jetstream';
import type { Logger } from '@sluice/service';
import { eventSubject, type RunEvent } from '@sluice/messages';
import { pause } from '@sluice/engine';

type Common = 'runId' | 'tenantId' | 'fence' | 'at';
type Bare<E> = E extends RunEvent ? Omit<E, Common> : never;
export type EventBody = Bare<RunEvent>;

const tries = 4;
/** Events that wait for the bus; beyond that progress is left out, since the next one says it all again. */
const patience = 100;

export class RunEvents {
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #number = 0;

  constructor(
    private readonly jets: Pick<JetStreamClient, 'publish'>,
    private readonly run: Pick<RunEvent, 'runId' | 'tenantId' | 'fence'>,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  publish(body: EventBody): void {
    if (this.#waiting > patience && body.kind === 'progress') return;
    if (this.#waiting > 10 * patience) return;
    const event = { ...body, ...this.run, at: new Date().toISOString() } as RunEvent;
    const msgID = `${this.run.runId}.${this.run.fence}.${this.#number++}`;
    this.#waiting++;
    this.#tail = this.#tail.then(() => this.#send(event, msgID)).finally(() => this.#waiting--);
  }

  /** Resolves when all that was published has been sent or given up. */
  flush(): Promise<void> {
    return this.#tail;
  }

  /** An event is a copy of what is true elsewhere: one that cannot be sent is given up after a while. */
  async #send(event: RunEvent, msgID: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.jets.publish(eventSubject(event.runId, event.kind), JSON.stringify(event), { msgID, timeout: 3000 });
        return;
      } catch (error) {
        if (attempt < tries) await pause(200 * 2 ** attempt, new AbortController().signal);
        else return this.logger.warn({ err: error, runId: event.runId, kind: event.kind }, 'an event was not sent');
      }
    }
  }
}
