import { median, percentile, speedRatio, summarize, twoPeaks } from './statistics.js';

test('median of odd and even counts, in any order', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
});

test('percentile is a measured value', () => {
  const values = Array.from({ length: 20 }, (_, index) => 20 - index);
  expect(percentile(values, 0.5)).toBe(10);
  expect(percentile(values, 0.95)).toBe(19);
  expect(percentile(values, 1)).toBe(20);
  expect(percentile([7], 0)).toBe(7);
});

test('summary', () => expect(summarize([5, 9, 1])).toEqual({ median: 5, min: 1, max: 9 }));

test('a method that takes half the time is twice as fast', () => expect(speedRatio([1, 1, 9], [2, 2, 0])).toBe(2));

test('two peaks are found, one is not', () => {
  expect(twoPeaks([12.3, 18.0, 12.4, 18.2, 12.2])).toEqual([
    { median: 12.3, count: 3 },
    { median: 18.1, count: 2 },
  ]);
  expect(twoPeaks([2.5, 2.6, 2.75, 2.6, 2.55])).toBeUndefined();
  expect(twoPeaks([2.5, 2.5, 2.5, 2.5, 9])).toBeUndefined(); // one outlier is no peak
  expect(twoPeaks([1, 9])).toBeUndefined();
});
