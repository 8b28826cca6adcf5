import { comparisonFigures, comparisonTable, failuresOf, type Comparison } from './comparison.js';
import type { Contender, Round } from '../measure/rounds.js';

const method = (id: string): Contender => ({ id, title: id, run: () => Promise.reject(new Error('not run here')) });
const rounds = (id: string, seconds: readonly number[], failure?: string): Round[] =>
  seconds.map((wallSeconds, round) => ({
    method: id,
    round,
    warmUp: round === 0,
    wallSeconds,
    clientCpuSeconds: 0.5,
    machineCpuSeconds: 4,
    peakRssBytes: 9_000_000 + round,
    ...(failure !== undefined && round === 1 && { failure }),
  }));

const comparison: Comparison = {
  contenders: [
    method('base'),
    method('sluice'),
    method('wrong'),
    { id: 'gone', title: 'gone', unavailable: 'no package' },
  ],
  rounds: [
    ...rounds('base', [99, 2, 2, 2]),
    ...rounds('sluice', [99, 2.5, 2.6, 2.4]),
    ...rounds('wrong', [1, 1, 1, 1], 'sum differs'),
  ],
  rows: 1_000_000,
  base: 'base',
};

test('the warm-up does not count, the ratio is base over method', () => {
  const lines = comparisonTable(comparison).split('\n');
  expect(lines[2]).toBe('| base | 2.00 (2.00-2.00) | 500,000 | 1.00 | 0.5 | 4.0 | 9 |  |');
  expect(lines[3]).toBe('| sluice | 2.50 (2.40-2.60) | 400,000 | 0.80 | 0.5 | 4.0 | 9 |  |');
});

test('one wrong round takes the method out of the table; a missing one says why', () => {
  const lines = comparisonTable(comparison).split('\n');
  expect(lines[4]).toBe('| wrong | - | - | - | - | - | - | FAILED: sum differs |');
  expect(lines[5]).toBe('| gone | - | - | - | - | - | - | skipped: no package |');
  expect(failuresOf(comparison)).toEqual(['wrong, round 1: sum differs']);
});

test('figures by name, null where nothing counts', () => {
  const figures = comparisonFigures(comparison);
  expect(figures['sluice vs base']).toBeCloseTo(0.8);
  expect(figures['sluice rows/s']).toBeCloseTo(400_000);
  expect(figures['wrong median s']).toBeNull();
  expect(figures['sluice vs wrong']).toBeNull();
  expect(figures['sluice vs gone']).toBeNull();
});
