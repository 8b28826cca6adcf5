/**
 * Brings announcements of runs to the broker: written in the transaction that makes a run, published after it, and swept up
 * when a crash or a lost broker came between. The broker is a cache; the table of runs is the queue.
 */
import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { streams, type StartMessage } from '@sluice/messages';
import type { Logger } from '@sluice/service';
import type { EntityManager } from 'typeorm';
import { first, rows, type Database } from '../database/database.js';

/** Leaves the announcement of a pending run, for when it may start. Each announcement has an id of its own. */
export async function announce(em: EntityManager, runId: string, subject: string): Promise<void> {
  const body: StartMessage = { runId };
  await em.query(
    `WITH sent AS (UPDATE run SET sends = sends + 1, sent_at = NULL, sent_seq = NULL WHERE id = $1 RETURNING *)
     INSERT INTO outbox (tenant_id, kind, run_id, message_id, subject, body, available_at)
     SELECT tenant_id, 'run-start', id, id || '.' || attempt || '.' || sends, $2, $3, greatest(coalesce(not_before, now()), now())
     FROM sent`,
    [runId, subject, JSON.stringify(body)],
  );
}

interface Row {
  readonly run_id: string;
  readonly message_id: string;
  readonly subject: string;
  readonly body: StartMessage;
}
export interface OutboxDeps {
  readonly db: Database;
  readonly jets: { readonly client: Pick<JetStreamClient, 'publish' | 'jetstreamManager'> };
  /** Makes missing streams anew, after a broker came back empty. */
  repair(): Promise<void>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly sweepEvery: number;
  readonly resendAfter: number;
}

export class Outbox implements AsyncDisposable {
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #again = false;
  #closed = false;
  constructor(private readonly deps: OutboxDeps) {}

  start(): void {
    this.#timer = setInterval(() => void this.sweep(), this.deps.sweepEvery);
  }

  /** Publishes what is due. Never throws: what fails is left for the next sweep. */
  flush(): Promise<void> {
    this.#again = true;
    this.#flushing ??= this.#loop().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  /** Publishes what is due, and what the broker has lost. */
  async sweep(): Promise<void> {
    if (this.#closed) return;
    await this.#resend().catch((error: unknown) =>
      this.deps.logger.warn({ err: error }, 'pending runs could not be looked after'),
    );
    await this.flush();
  }

  async #loop(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        while ((await this.#publishSome()) === batch);
      } catch (error) {
        this.deps.logger.warn({ err: error }, 'runs could not be announced; trying again soon');
        await this.deps.repair().catch(() => undefined);
      }
    }
  }

  /** One transaction: what it does not publish stays. A crash before its end publishes again, under the same message id. */
  #publishSome(): Promise<number> {
    return this.deps.db.transaction(async (em) => {
      const due = await rows<Row>(
        em,
        `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE kind = 'run-start' AND available_at <= now()
           ORDER BY available_at, id LIMIT ${batch} FOR UPDATE SKIP LOCKED)
         RETURNING run_id, message_id, subject, body`,
      );
      const sent = await Promise.all(due.map((row) => this.#publish(row)));
      if (due.length > 0)
        await em.query(
          `UPDATE run SET sent_at = now(), sent_seq = s.seq FROM unnest($1::uuid[], $2::bigint[]) AS s (id, seq) WHERE run.id = s.id`,
          [due.map(({ run_id }) => run_id), sent],
        );
      return due.length;
    });
  }

  async #publish({ subject, body, message_id }: Row): Promise<number> {
    const ack = await this.deps.jets.client.publish(subject, JSON.stringify(body), {
      msgID: message_id,
      timeout: 5000,
    });
    return ack.seq;
  }

  /** Pending runs that nobody took for a while: announced anew when the broker does not hold their message any more. */
  async #resend(): Promise<void> {
    const quiet = await this.deps.db.run((em) =>
      rows<{ id: string; sent_seq: string | null; source_type: string }>(
        em,
        `SELECT id, sent_seq, source_type FROM run
         WHERE status = 'pending' AND coalesce(sent_at, created_at) < now() - make_interval(secs => $1)
           AND (not_before IS NULL OR not_before < now() - make_interval(secs => $1))
           AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = run.id) ORDER BY created_at LIMIT 200`,
        [this.deps.resendAfter / 1000],
      ),
    );
    if (quiet.length === 0) return;
    const manager = await this.deps.jets.client.jetstreamManager(false);
    for (const { id, sent_seq, source_type } of quiet) {
      if (await isQueued(manager, id, sent_seq))
        await this.deps.db.run((em) => em.query('UPDATE run SET sent_at = now() WHERE id = $1', [id]));
      else await this.#announceAgain(id, `${source_type}`);
    }
  }

  async #announceAgain(id: string, sourceType: string): Promise<void> {
    await this.deps.db.transaction(async (em) => {
      const still = await first(em, "SELECT 1 FROM run WHERE id = $1 AND status = 'pending' FOR UPDATE", [id]);
      if (still) await announce(em, id, `runs.start.${sourceType}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#flushing;
  }
}
const batch = 50;

/** A work queue forgets a message when it was taken; the sequence may since belong to another one. */
async function isQueued(manager: JetStreamManager, runId: string, seq: string | null): Promise<boolean> {
  if (seq === null) return false;
  try {
    const message = await manager.streams.getMessage(streams.runs.name, { seq: Number(seq) });
    return message !== null && message.json<StartMessage>().runId === runId;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === 404) return false;
    throw error;
  }
}
