/**
 * Changes on their way into batches. A checkpoint stands at the end of a transaction and nowhere else (Invariant 3); small transactions
 * share a batch, a large one takes many. (Invariant 10)
 */
import type { Batch, Change, Checkpoint, Stream } from '@sluice/connector-sdk';

export interface BatchLimits {
  /** Bytes of a batch, as the log has them. */
  readonly batchBytes: number;
  /** How long a small transaction waits for others to share its batch with. */
  readonly groupMillis: number;
  /** How often the position moves while there is no data. */
  readonly idleMillis: number;
}

export class Batches {
  readonly #limits: BatchLimits;
  readonly #checkpoint: (lsn: bigint) => Checkpoint;
  readonly #ready: Batch[] = [];
  #changes: Change[] = [];
  #bytes = 0;
  /** How many of the changes belong to transactions that have ended, their bytes, and where the last one ended. */
  #whole = 0;
  #wholeBytes = 0;
  #end = 0n;
  #endedAt = 0;
  /** In a transaction; and whether a part of it was handed out. */
  #open = false;
  #staged = false;
  /** The last checkpoint that was made, and a later position with nothing in between. */
  #last: bigint;
  #idle = 0n;
  #idleAt: number;

  constructor(start: bigint, limits: BatchLimits, checkpoint: (lsn: bigint) => Checkpoint) {
    this.#limits = limits;
    this.#checkpoint = checkpoint;
    this.#last = start;
    this.#idleAt = Date.now();
  }

  get ready(): boolean {
    return this.#ready.length > 0;
  }
  /** The next batch that is ready. */
  take(): Batch | undefined {
    return this.#ready.shift();
  }

  begin(): void {
    this.#open = true;
  }

  add(change: Change, bytes: number): void {
    while (this.#bytes >= this.#limits.batchBytes) this.#cut();
    this.#changes.push(change);
    this.#bytes += bytes;
  }

  /** The stream's shape from here on; what comes before it goes first. */
  announce(stream: Stream): void {
    if (this.#whole > 0) this.#flush();
    if (this.#changes.length > 0) this.#cut();
    this.#ready.push({ kind: 'schema', stream });
  }

  /** The transaction ends; `end` is where the log goes on. */
  commit(end: bigint): void {
    this.#open = false;
    if (this.#changes.length === 0 && !this.#staged) {
      this.#idle = end;
      this.tick(Date.now());
      return;
    }
    if (this.#whole === 0) this.#endedAt = Date.now();
    this.#whole = this.#changes.length;
    this.#wholeBytes = this.#bytes;
    this.#end = end;
    if (this.#whole === 0 || this.#bytes >= this.#limits.batchBytes || this.#wait(Date.now()) <= 0) this.#flush();
  }

  /** The log has been read up to `lsn`. `asked`: the server waits for it to be confirmed. */
  reached(lsn: bigint, asked: boolean): void {
    if (this.#open) return;
    if (this.#whole > 0) {
      if (asked) this.#flush();
      return;
    }
    if (lsn > this.#idle) this.#idle = lsn;
    if (asked) this.#flushIdle();
    else this.tick(Date.now());
  }

  /** Makes ready what has waited long enough. */
  tick(now: number): void {
    if (this.#whole > 0 && this.#wait(now) <= 0) this.#flush();
    if (this.#isIdle() && now - this.#idleAt >= this.#limits.idleMillis) this.#flushIdle();
  }

  /** Milliseconds until `tick` has something to do; Infinity when it has not. */
  due(now: number): number {
    if (this.#whole > 0) return Math.max(0, this.#wait(now));
    return this.#isIdle() ? Math.max(0, this.#idleAt + this.#limits.idleMillis - now) : Infinity;
  }

  #wait(now: number): number {
    return this.#endedAt + this.#limits.groupMillis - now;
  }

  /** Nothing is under way, and the position has moved. */
  #isIdle(): boolean {
    return !this.#open && !this.#staged && this.#changes.length === 0 && this.#idle > this.#last;
  }

  #flushIdle(): void {
    if (!this.#isIdle()) return;
    this.#last = this.#idle;
    this.#idleAt = Date.now();
    this.#ready.push({ kind: 'idle', checkpoint: this.#checkpoint(this.#idle) });
  }

  /** The batch is full: what has ended goes with its checkpoint, else what there is goes without. */
  #cut(): void {
    if (this.#whole > 0) {
      this.#flush();
      return;
    }
    this.#ready.push({ kind: 'changes', changes: this.#changes });
    this.#changes = [];
    this.#bytes = 0;
    this.#staged = true;
  }

  /** Hands out the transactions that have ended. Changes of the one that is open stay. */
  #flush(): void {
    const rest = this.#changes.length === this.#whole ? [] : this.#changes.slice(this.#whole);
    if (rest.length > 0) this.#changes.length = this.#whole;
    this.#ready.push({ kind: 'changes', changes: this.#changes, checkpoint: this.#checkpoint(this.#end) });
    this.#changes = rest;
    this.#bytes -= this.#wholeBytes;
    this.#whole = this.#wholeBytes = 0;
    this.#staged = false;
    this.#last = this.#end;
    this.#idleAt = Date.now();
  }
}
