/** What Sluice must reach on two cores. Judged as they stand; a miss is reported with its figure, never adjusted. */

export interface Target {
  readonly scenario: string;
  /** Name of one of the scenario's figures. */
  readonly figure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly unit: string;
}

export const targets: readonly Target[] = [
  { scenario: 'pg-pg', figure: 'sluice vs psql-binary', atLeast: 0.9, unit: 'x' },
  { scenario: 'pg-pg', figure: 'sluice vs pg_dump', atLeast: 1, unit: 'x' },
  { scenario: 'pg-pg', figure: 'sluice vs pgcopydb', atLeast: 1, unit: 'x' },
  { scenario: 'pg-pg', figure: 'sluice vs pgloader', atLeast: 1, unit: 'x' },
  { scenario: 'mysql-pg', figure: 'sluice vs pgloader', atLeast: 2, unit: 'x' },
  { scenario: 'pg-mariadb', figure: 'sluice vs load-data', atLeast: 0.9, unit: 'x' },
  { scenario: 'rows', figure: 'sluice-rows rows/s', atLeast: 200_000, unit: 'rows/s' },
  { scenario: 'memory', figure: 'worker peak MB, small table', atMost: 150, unit: 'MB' },
  { scenario: 'memory', figure: 'worker peak MB, 10 M rows', atMost: 150, unit: 'MB' },
  { scenario: 'memory', figure: 'peak at 10 M rows / peak at small table', atMost: 1.1, unit: 'x' },
  { scenario: 'latency', figure: 'trigger to first row, median ms', atMost: 300, unit: 'ms' },
  { scenario: 'many-tables', figure: 'median s', atMost: 60, unit: 's' },
  { scenario: 'gateway', figure: 'requests/s', atLeast: 4000, unit: '/s' },
  { scenario: 'gateway', figure: 'p99 ms', atMost: 25, unit: 'ms' },
];

/** A figure by name; null when it could not be measured. */
export type Figures = Readonly<Record<string, number | null>>;

export interface Verdict {
  readonly target: Target;
  readonly value: number | null;
  readonly verdict: 'reached' | 'missed' | 'not measured';
}

const reaches = ({ atLeast = -Infinity, atMost = Infinity }: Target, value: number): boolean =>
  value >= atLeast && value <= atMost;

export const judge = (scenario: string, figures: Figures, all: readonly Target[] = targets): Verdict[] =>
  all
    .filter((target) => target.scenario === scenario)
    .map((target) => {
      const value = figures[target.figure] ?? null;
      if (value === null || Number.isNaN(value)) return { target, value: null, verdict: 'not measured' };
      return { target, value, verdict: reaches(target, value) ? 'reached' : 'missed' };
    });

const rounded = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

/** One line of text: 'missed: pg-pg, sluice vs psql-binary = 0.82 x (>= 0.90 x)'. */
export const verdictLine = ({ target, value, verdict }: Verdict): string => {
  const bound = target.atLeast === undefined ? `<= ${rounded(target.atMost ?? NaN)}` : `>= ${rounded(target.atLeast)}`;
  const measured = value === null ? '' : ` = ${rounded(value)} ${target.unit}`;
  return `${verdict}: ${target.scenario}, ${target.figure}${measured} (${bound} ${target.unit})`;
};
