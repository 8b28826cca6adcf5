import { outlast, restFor } from './late-commits.js';

test.each([
  [10, 3, 7],
  [10, 3600 * 9 + 3, 7], // a zone behind UTC
  [10, -3600 * 9 + 3, 7], // a zone ahead
  [10, -1, 11], // a clock that is ahead
  [10, 60, 0],
  [10, 3600 * 5.5 + 20, 0],
  [10, undefined, 0],
  [0, 3, 0],
  [3600, 3, 0], // kept by the clock of UTC instead
])('a lag of %d s and a mark of %p s ago: a rest of %d s', (lag, age, seconds) => {
  expect(restFor(lag, age)).toBeCloseTo(seconds, 6);
});

const never = new AbortController().signal;
test('those of the first look are outlasted, later ones are not', async () => {
  const looks = [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'd'],
  ];
  const list = (): Promise<{ id: string }[]> => Promise.resolve((looks.shift() ?? ['x']).map((id) => ({ id })));
  expect(await outlast(list, 10, never)).toEqual([]);
  expect(looks).toEqual([]);
});

test('those that stay are told when the time is over, at once on abort; who cannot see says so', async () => {
  const list = (): Promise<{ id: string }[]> => Promise.resolve([{ id: 'a' }]);
  expect(await outlast(list, 0.05, never)).toEqual([{ id: 'a' }]);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  const start = Date.now();
  expect(await outlast(list, 60, abort.signal)).toEqual([{ id: 'a' }]);
  expect(Date.now() - start).toBeLessThan(5000);
  expect(await outlast(() => Promise.resolve(undefined), 10, never)).toBeUndefined();
});
