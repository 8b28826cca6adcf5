/** Reads what runs say from JetStream. */
import { DeliverPolicy, type JetStreamClient } from '@nats-io/jetstream';
import { streams, type RunEvent } from '@sluice/messages';
import type { EventLog, LoggedEvent } from './bus.js';

const idle = 1000;

export class RunLog implements EventLog {
  constructor(private readonly client: JetStreamClient) {}

  async *read(runId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LoggedEvent | undefined> {
    const consumer = await this.client.consumers.get(streams.runEvents.name, {
      filter_subjects: [`run-events.${runId}.>`],
      ...(afterSeq > 0
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: afterSeq + 1 }
        : { deliver_policy: DeliverPolicy.All }),
    });
    const messages = await consumer.consume({ max_messages: 200 });
    const stop = (): void => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const iterator = messages[Symbol.asyncIterator]();
      let next = iterator.next();
      while (!signal.aborted) {
        const message = await orNothing(next);
        if (message === undefined) yield undefined;
        else if (message.done) return;
        else {
          next = iterator.next();
          yield { seq: message.value.seq, event: message.value.json<RunEvent>() };
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      messages.stop();
      void consumer.delete().catch(() => undefined); // it would go by itself when nobody reads
    }
  }
}

/** What `promise` gives, or undefined when that takes longer than a second. */
async function orNothing<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), idle)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
