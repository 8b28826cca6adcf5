/** A question that the benchmark answers. */
import type { Stand } from '../stand.js';
import type { Figures } from '../report/targets.js';
import { comparisonFigures, comparisonTable, failuresOf, type Comparison } from '../report/comparison.js';

export interface Outcome {
  /** Markdown. */
  readonly table: string;
  readonly figures: Figures;
  /** Wrong data and broken runs. */
  readonly failures: readonly string[];
  /** Every round as it was measured. */
  readonly raw: unknown;
  /** Versions and settings of the servers that took part. */
  readonly servers: Readonly<Record<string, unknown>>;
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
}
export interface Scenario {
  readonly id: string;
  readonly title: string;
  run(stand: Stand): Promise<Outcome>;
}

export const comparisonOutcome = (
  comparison: Comparison,
  servers: Outcome['servers'],
  notes: readonly string[],
): Outcome => ({
  table: comparisonTable(comparison),
  figures: comparisonFigures(comparison),
  failures: failuresOf(comparison),
  raw: comparison.rounds,
  servers,
  notes,
});
