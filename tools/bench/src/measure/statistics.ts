/** Figures of a series of rounds. Medians only: a mean of a two-peaked series is a value that never happened. */

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}
export interface Peak {
  readonly median: number;
  readonly count: number;
}

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** @param share 0 to 1; nearest rank, so that the answer is a value that was measured. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = ascending(values);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('a percentile of no values');
  return value;
};

/** Middle value; of an even number, the mean of the two in the middle. */
export const median = (values: readonly number[]): number => {
  const sorted = ascending(values);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError('a median of no values');
  return (lower + upper) / 2;
};

export const summarize = (values: readonly number[]): Summary => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/** How many times as fast as the base: above 1 is faster. Both in seconds. */
export const speedRatio = (seconds: readonly number[], baseSeconds: readonly number[]): number =>
  median(baseSeconds) / median(seconds);

/**
 * Two peaks, or nothing when the series has one: both sides hold at least two values, and the gap between them is wider than
 * a fifth of the median and than twice the spread of either side.
 */
export const twoPeaks = (values: readonly number[]): readonly [Peak, Peak] | undefined => {
  const sorted = ascending(values);
  if (sorted.length < 4) return undefined;
  const gaps = sorted.slice(1).map((value, index) => value - (sorted[index] ?? value));
  const gap = Math.max(...gaps);
  const cut = gaps.indexOf(gap) + 1;
  const sides = [sorted.slice(0, cut), sorted.slice(cut)] as const;
  const spread = Math.max(...sides.map((side) => Math.max(...side) - Math.min(...side)));
  if (sides.some((side) => side.length < 2) || gap < 0.2 * median(sorted) || gap < 2 * spread) return undefined;
  const peak = (side: readonly number[]): Peak => ({ median: median(side), count: side.length });
  return [peak(sides[0]), peak(sides[1])];
};
