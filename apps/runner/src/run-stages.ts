/** When a run reached what, in milliseconds since its start message was published: the measure of "trigger to first row". */
import type { Stage } from './worker/protocol.js';

export type RunStage = 'received' | 'claimed' | Stage;

export class RunStages {
  readonly #at = new Map<RunStage, number>();
  /** `published`: wall clock, ms. */
  constructor(private readonly published: number) {}

  /** True the first time. */
  mark(stage: RunStage, at = Date.now()): boolean {
    if (this.#at.has(stage)) return false;
    this.#at.set(stage, Math.max(0, Math.round(at - this.published)));
    return true;
  }
  get fields(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#at);
  }
  get total(): number {
    return Math.max(0, ...this.#at.values());
  }
}
