import type { Checkpoint } from '@sluice/connector-sdk';
import { countsIn, type KeptCounts } from './engine-marks.js';

/** Counts of one lane over its chain of attempts. What was staged and not committed is taken back when the lane fails. */
export interface LaneCounts {
  /** Committed, and read since the last commit. */
  readonly rowsRead: number;
  /** Committed. Equals `rowsRead` when the lane has succeeded. (Invariant 6) */
  readonly rowsWritten: number;
  readonly rowsRejected: number;
  /** Of the agreed encoding, or as the destination counted them. */
  readonly bytes: number;
}

export type PartCounts = Pick<LaneCounts, 'rowsWritten' | 'bytes'>;

export class LaneMeter {
  #rows = 0;
  #bytes = 0;
  #stagedRows = 0;
  #stagedBytes = 0;
  /** Milliseconds on the monotonic clock; undefined until the first row or the first bytes were read. */
  firstDataAt: number | undefined;

  /** `chain`: shared by all attempts of one run, e.g. the first one's id. */
  constructor(private readonly chain = '') {}

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
  /** What the lane will have committed once what is staged is. Kept in the destination with the data. */
  get next(): KeptCounts {
    return { chain: this.chain, rows: this.#rows + this.#stagedRows, bytes: this.#bytes + this.#stagedBytes };
  }
  /** What the parts of a lane have committed together, as the lane without a part keeps it. */
  ofParts({ rowsWritten: rows, bytes }: PartCounts): KeptCounts {
    return { chain: this.chain, rows, bytes };
  }
  /** After `resume`: the destination alone knows what is durable, a commit whose answer was lost included. (Invariant 6) */
  resumed(last: Checkpoint | undefined): void {
    ({ rows: this.#rows, bytes: this.#bytes } = countsIn(last, this.chain));
  }
  commit(): void {
    this.#rows += this.#stagedRows;
    this.#bytes += this.#stagedBytes;
    this.rollback();
  }
  rollback(): void {
    this.#stagedRows = this.#stagedBytes = 0;
  }
}
