/**
 * One scheduler of several acts: the one whose name stands in a key that vanishes unless renewed. Leadership saves work and
 * protects nothing: everything a leader asks for is safe to be asked for twice.
 */
import type { KV } from '@nats-io/kv';
import type { Logger } from '@sluice/service';

export interface LeaderDeps {
  /** Its entries vanish `ttl` ms after their last change. */
  readonly bucket: Pick<KV, 'create' | 'update' | 'delete'>;
  readonly key: string;
  readonly name: string;
  readonly ttl: number;
  gained(): void;
  lost(): void;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export class Leader implements AsyncDisposable {
  #revision: number | undefined;
  #renewedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;
  constructor(private readonly deps: LeaderDeps) {}

  get leads(): boolean {
    return this.#revision !== undefined;
  }

  start(): void {
    const turn = (): void => {
      this.#turn = this.#take().finally(() => {
        if (!this.#closed) this.#timer = setTimeout(turn, this.deps.ttl / 4);
      });
    };
    turn();
  }

  async #take(): Promise<void> {
    const { bucket, key, name } = this.deps;
    const asked = Date.now();
    try {
      const revision = await within(
        this.#revision === undefined ? bucket.create(key, name) : bucket.update(key, name, this.#revision),
        this.deps.ttl / 4,
      );
      this.#renewedAt = asked;
      this.#become(revision);
    } catch (error) {
      if (this.#revision === undefined) return; // somebody else leads, or the bus is away
      const refused = error instanceof Error && /wrong last sequence/i.test(error.message);
      // The key vanishes when it is not renewed, and then another one leads: stop before that.
      if (refused || Date.now() - this.#renewedAt > this.deps.ttl / 2) this.#resign(error);
    }
  }

  #become(revision: number): void {
    const before = this.#revision;
    this.#revision = revision;
    if (before !== undefined || this.#closed) return;
    this.deps.logger.info({ name: this.deps.name }, 'leading');
    this.deps.gained();
  }

  #resign(error: unknown): void {
    this.#revision = undefined;
    this.deps.logger.warn({ err: error }, 'not leading any more');
    this.deps.lost();
  }

  /** Gives the key back, so that the next one need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#turn;
    if (this.#revision === undefined) return;
    const previousSeq = this.#revision;
    this.#revision = undefined;
    this.deps.lost();
    await within(this.deps.bucket.delete(this.deps.key, { previousSeq }), 2000).catch(() => undefined);
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms)),
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
