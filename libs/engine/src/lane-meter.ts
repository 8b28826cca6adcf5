import { isDeepStrictEqual } from 'node:util';
import type { Checkpoint } from '@sluice/connector-sdk';

/** Counts of one lane in one attempt. Rows that were staged and not committed are taken back when the lane fails. */
export interface LaneCounts {
  /** Committed, and read since the last commit. */
  readonly rowsRead: number;
  /** Committed. Equals `rowsRead` when the lane has succeeded. (Invariant 6) */
  readonly rowsWritten: number;
  readonly rowsRejected: number;
  /** Of the agreed encoding, or as the destination counted them. */
  readonly bytes: number;
}

export class LaneMeter {
  #rows = 0;
  #bytes = 0;
  #stagedRows = 0;
  #stagedBytes = 0;
  #inDoubt: { readonly checkpoint: Checkpoint; readonly rows: number; readonly bytes: number } | undefined;
  /** Milliseconds on the monotonic clock; undefined until the first row or the first bytes were read. */
  firstDataAt: number | undefined;

  get counts(): LaneCounts {
    return {
      rowsRead: this.#rows + this.#stagedRows,
      rowsWritten: this.#rows,
      rowsRejected: 0,
      bytes: this.#bytes + this.#stagedBytes,
    };
  }
  get committed(): LaneCounts {
    return { rowsRead: this.#rows, rowsWritten: this.#rows, rowsRejected: 0, bytes: this.#bytes };
  }
  get staged(): number {
    return this.#stagedRows;
  }
  stage(rows: number, bytes: number): void {
    if (rows > 0 || bytes > 0) this.firstDataAt ??= performance.now();
    this.#stagedRows += rows;
    this.#stagedBytes += bytes;
  }
  /** Before a commit: should its answer be lost, the next `resume` tells whether it came to pass. */
  committing(checkpoint: Checkpoint): void {
    this.#inDoubt = { checkpoint, rows: this.#stagedRows, bytes: this.#stagedBytes };
  }
  /** After `resume`: counts a commit whose answer was lost, when the lane stands where it led. (Invariant 6) */
  resumed(last: Checkpoint | undefined): void {
    const doubt = this.#inDoubt;
    this.#inDoubt = undefined;
    if (doubt === undefined || !isDeepStrictEqual(doubt.checkpoint, last)) return;
    this.#rows += doubt.rows;
    this.#bytes += doubt.bytes;
  }
  commit(): void {
    this.#inDoubt = undefined;
    this.#rows += this.#stagedRows;
    this.#bytes += this.#stagedBytes;
    this.rollback();
  }
  rollback(): void {
    this.#stagedRows = this.#stagedBytes = 0;
  }
}
