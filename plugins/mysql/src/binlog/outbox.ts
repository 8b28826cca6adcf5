/** Changes on their way to batches: bounded in bytes, with a checkpoint only where a transaction has ended. (Invariant 3) */
import type { Batch, Change, Checkpoint, Stream } from '@sluice/connector-sdk';

/** A batch is cut when it has so many bytes of the log, or changes. */
const mostBytes = 1024 * 1024;
const mostChanges = 10_000;

export class Outbox {
  #changes: Change[] = [];
  #bytes = 0;
  /** How many of the changes are of transactions that have ended. */
  #whole = 0;
  /** A transaction has ended since the last checkpoint. */
  #due = false;
  /** Changes without a checkpoint were handed over. */
  #staged = false;
  /** Some of the open transaction's changes were. */
  #spilled = false;
  #lastTime = 0;
  #lastText = '';

  /** `start`: the position that is known to whoever reads. */
  constructor(start: Checkpoint) {
    this.#remember(start);
  }

  /** Where row events put their changes. */
  get open(): Change[] {
    return this.#changes;
  }
  added(bytes: number): void {
    this.#bytes += bytes;
  }
  push(change: Change): void {
    this.#changes.push(change);
  }

  get full(): boolean {
    return this.#bytes >= mostBytes || this.#changes.length >= mostChanges;
  }
  get openCount(): number {
    return this.#changes.length - this.#whole;
  }
  /** The open transaction cannot be taken back any more. */
  get spilled(): boolean {
    return this.#spilled;
  }
  /** Nothing waits, and nothing was handed over that lacks its checkpoint. */
  get idle(): boolean {
    return this.#changes.length === 0 && !this.#staged;
  }
  get sinceCheckpoint(): number {
    return performance.now() - this.#lastTime;
  }

  /** The open transaction has committed. */
  commit(): void {
    this.#whole = this.#changes.length;
    this.#due ||= this.#whole > 0 || this.#staged;
    this.#spilled = false;
  }
  /** The open transaction was taken back, but for the changes that `stay`. */
  rollBack(stay: (change: Change) => boolean): void {
    const open = this.#changes.splice(this.#whole);
    this.#changes.push(...open.filter(stay));
    this.commit();
  }

  /** What has ended, with its checkpoint; of the open transaction only what is too much to wait with. */
  *flush(checkpoint: () => Checkpoint): Generator<Batch> {
    if (this.#due) {
      const changes = this.#changes.splice(0, this.#whole);
      this.#whole = 0;
      this.#due = false;
      this.#staged = false;
      if (this.#changes.length === 0) this.#bytes = 0;
      yield { kind: 'changes', changes, checkpoint: this.#remember(checkpoint()) };
    }
    if (this.full) yield* this.spill();
  }

  *spill(): Generator<Batch> {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#bytes = 0;
    this.#staged = true;
    this.#spilled = true;
    yield { kind: 'changes', changes };
  }

  /** The new shape comes between the changes of the old one and those of the new. */
  *schema(stream: Stream, checkpoint: () => Checkpoint): Generator<Batch> {
    yield* this.flush(checkpoint);
    yield* this.spill();
    yield { kind: 'schema', stream };
  }

  /** Where the reading begins, for a reader that has no position yet: without it the next run would begin somewhere else. */
  *begin(checkpoint: Checkpoint): Generator<Batch> {
    yield { kind: 'idle', checkpoint: this.#remember(checkpoint) };
  }
  /** Only where the position is another than the last one that was told. */
  *idleBatch(checkpoint: Checkpoint): Generator<Batch> {
    if (JSON.stringify(checkpoint) !== this.#lastText) yield { kind: 'idle', checkpoint: this.#remember(checkpoint) };
  }

  #remember(checkpoint: Checkpoint): Checkpoint {
    this.#lastTime = performance.now();
    this.#lastText = JSON.stringify(checkpoint);
    return checkpoint;
  }
}
