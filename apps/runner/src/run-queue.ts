/** Takes start messages off JetStream, one for each free slot. */
import {
  AckPolicy,
  DeliverPolicy,
  type Consumer,
  type ConsumerMessages,
  type JetStreamClient,
  type JsMsg,
} from '@nats-io/jetstream';
import type { Logger } from '@sluice/service';
import { startSubject, streams, type StartMessage } from '@sluice/messages';
import { pause } from '@sluice/engine';

/** 'taken': runs until `done`. 'gone': nothing to do. 'later': the catalog cannot be asked now. */
export type Claimed =
  { readonly kind: 'taken'; readonly done: Promise<void> } | { readonly kind: 'gone' } | { readonly kind: 'later' };
export interface QueueOptions {
  readonly jets: JetStreamClient;
  readonly slots: number;
  /** Empty: every connector's runs. */
  readonly connectors: readonly string[];
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /** `publishedAt`: wall clock, ms. */
  claim(runId: string, publishedAt: number): Promise<Claimed>;
}

const second = 1e9; // nanoseconds, as JetStream counts
const pullFor = 20_000;

export class RunQueue implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #busy = new Set<Promise<void>>();
  #pull: ConsumerMessages | undefined;
  readonly #loop: Promise<void>;

  constructor(private readonly options: QueueOptions) {
    this.#loop = this.#run();
  }

  /** Takes no more. Runs that were taken go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#pull?.stop();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { logger, slots } = this.options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const consumer = await this.#consumer();
        while (!signal.aborted) {
          while (this.#busy.size >= slots) await Promise.race(this.#busy);
          await this.#takeOne(consumer);
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'runs cannot be taken from the bus now');
        await pause(1000, signal);
      }
    }
  }

  /** Runners of one group share a durable consumer. It vanishes when its group is gone, so that groups can be cut anew. */
  async #consumer(): Promise<Consumer> {
    const { jets, connectors } = this.options;
    const { name } = streams.runs;
    const durable = connectors.length === 0 ? 'runners' : `runners-${[...connectors].sort().join('-')}`;
    const subjects = connectors.length === 0 ? [...streams.runs.subjects] : connectors.map(startSubject);
    const manager = await jets.jetstreamManager();
    try {
      await manager.consumers.add(name, {
        durable_name: durable,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: 30 * second,
        inactive_threshold: 300 * second,
        ...(subjects.length === 1 ? { filter_subject: subjects[0]! } : { filter_subjects: subjects }),
      });
    } catch (cause) {
      throw new Error(
        `no consumer ${durable} on ${name}: every connector belongs to one group of runners (SLUICE_RUNNER_CONNECTORS), all of them or disjoint ones`,
        { cause },
      );
    }
    return jets.consumers.get(name, durable);
  }

  async #takeOne(consumer: Consumer): Promise<void> {
    const pull = await consumer.fetch({ max_messages: 1, expires: pullFor });
    this.#pull = pull;
    if (this.#stop.signal.aborted) pull.stop();
    for await (const message of pull) {
      if (this.#stop.signal.aborted) {
        message.nak();
        continue;
      }
      // Until the claim is answered nothing else is taken: a slot is either free or has a run in it.
      await this.#handle(message);
    }
  }

  async #handle(message: JsMsg): Promise<void> {
    const runId = runIdOf(message);
    if (runId === undefined) return message.term('not a start message');
    let claimed: Claimed;
    try {
      claimed = await this.options.claim(runId, Number(message.timestampNanos / 1_000_000n));
    } catch (error) {
      this.options.logger.error({ err: error, runId }, 'a run could not be claimed');
      return message.term('refused');
    }
    if (claimed.kind === 'later') return message.nak(2000 + Math.random() * 3000);
    message.ack(); // the claim is durable in the catalog: from here its lease looks after the run
    if (claimed.kind === 'gone') return;
    const done = claimed.done.finally(() => this.#busy.delete(done));
    this.#busy.add(done);
  }
}

function runIdOf(message: JsMsg): string | undefined {
  try {
    const { runId } = message.json<Partial<StartMessage>>();
    return typeof runId === 'string' ? runId : undefined;
  } catch {
    return undefined;
  }
}
