import { judge, targets, verdictLine, type Target } from './targets.js';

const bar: Target = { scenario: 's', figure: 'ratio', atLeast: 0.9, unit: 'x' };
const cap: Target = { scenario: 's', figure: 'p99', atMost: 25, unit: 'ms' };

test('a bound is part of what is allowed', () => {
  const verdicts = (ratio: number, p99: number) => judge('s', { ratio, p99 }, [bar, cap]).map(({ verdict }) => verdict);
  expect(verdicts(0.9, 25)).toEqual(['reached', 'reached']);
  expect(verdicts(0.899, 25.1)).toEqual(['missed', 'missed']);
});

test('what was not measured is not reached', () => {
  expect(judge('s', { ratio: null, p99: NaN }, [bar, cap]).map(({ verdict }) => verdict)).toEqual([
    'not measured',
    'not measured',
  ]);
  expect(judge('other', { ratio: 1 }, [bar])).toEqual([]);
});

test('the line names the figure and the bound', () => {
  const [missed] = judge('s', { ratio: 0.8234 }, [bar]);
  expect(missed && verdictLine(missed)).toBe('missed: s, ratio = 0.82 x (>= 0.90 x)');
  const [unknown] = judge('s', {}, [cap]);
  expect(unknown && verdictLine(unknown)).toBe('not measured: s, p99 (<= 25.00 ms)');
});

test('every target has exactly one bound', () => {
  for (const target of targets)
    expect([target.atLeast, target.atMost].filter((bound) => bound !== undefined)).toHaveLength(1);
});
