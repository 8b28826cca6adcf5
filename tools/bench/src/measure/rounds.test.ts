import { interleave, type Method } from './rounds.js';

const cost = { wallSeconds: 1, clientCpuSeconds: 1, machineCpuSeconds: 2, peakRssBytes: 10 };
const common = { say: () => undefined, signal: new AbortController().signal };

test('methods alternate, each after a reset and before a check', async () => {
  const log: string[] = [];
  const method = (id: string): Method => ({
    id,
    title: id,
    prepare: async () => void log.push(`prepare ${id}`),
    run: async () => (log.push(id), cost),
  });
  const rounds = await interleave({
    contenders: [method('a'), { id: 'x', title: 'x', unavailable: 'not installed' }, method('b')],
    rounds: 1,
    reset: async () => void log.push('reset'),
    check: async () => (log.push('check'), undefined),
    ...common,
  });
  const one = ['reset', 'prepare a', 'a', 'check', 'reset', 'prepare b', 'b', 'check'];
  expect(log).toEqual([...one, ...one]);
  expect(rounds.map(({ method, round, warmUp }) => [method, round, warmUp])).toEqual([
    ['a', 0, true],
    ['b', 0, true],
    ['a', 1, false],
    ['b', 1, false],
  ]);
});

test('wrong data are a failure, not a data point', async () => {
  const answers = [undefined, 'count is 9, not 10'];
  const rounds = await interleave({
    contenders: [{ id: 'a', title: 'a', run: async () => cost }],
    rounds: 1,
    reset: async () => undefined,
    check: async () => answers.shift(),
    ...common,
  });
  expect(rounds.map(({ failure }) => failure)).toEqual([undefined, 'count is 9, not 10']);
});

test('a method that fails in the warm-up does not hold up the others', async () => {
  const broken: Method = { id: 'broken', title: 'broken', run: () => Promise.reject(new Error('no such server')) };
  const rounds = await interleave({
    contenders: [broken, { id: 'a', title: 'a', run: async () => cost }],
    rounds: 2,
    reset: async () => undefined,
    check: async () => undefined,
    ...common,
  });
  expect(rounds.map(({ method, failure }) => [method, failure])).toEqual([
    ['broken', 'no such server'],
    ['a', undefined],
    ['a', undefined],
    ['a', undefined],
  ]);
});

test('nothing is started after an abort', async () => {
  const stop = new AbortController();
  let runs = 0;
  const plan = {
    ...common,
    contenders: [{ id: 'a', title: 'a', run: async () => (stop.abort(new Error('stopped')), runs++, cost) }],
    rounds: 3,
    reset: async () => undefined,
    check: async () => undefined,
    signal: stop.signal,
  };
  await expect(interleave(plan)).rejects.toThrow('stopped');
  expect(runs).toBe(1);
});
