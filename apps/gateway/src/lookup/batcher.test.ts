import { Batcher } from './batcher.js';

interface Call {
  readonly keys: readonly number[];
  readonly answer: (values?: readonly string[]) => void;
  readonly fail: (error: Error) => void;
}
function setUp(options: { most?: number; patience?: number } = {}): {
  batcher: Batcher<number, string>;
  calls: Call[];
  turn: () => Promise<void>;
} {
  const calls: Call[] = [];
  const batcher = new Batcher<number, string>({
    load: (keys) =>
      new Promise((resolve, fail) =>
        calls.push({ keys, fail, answer: (values = keys.map((key) => `v${key}`)) => resolve(values) }),
      ),
    textOf: String,
    most: options.most ?? 256,
    patience: options.patience ?? 60_000,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
  return { batcher, calls, turn };
}

test('questions of one turn go together, each key once', async () => {
  const { batcher, calls, turn } = setUp();
  const asked = [batcher.get(1), batcher.get(2), batcher.get(1)];
  await turn();
  expect(calls.map(({ keys }) => keys)).toEqual([[1, 2]]);
  calls[0]!.answer();
  expect(await Promise.all(asked)).toEqual(['v1', 'v2', 'v1']);
});

test('what is asked while a lookup is under way waits for the next one, even for the same key: no stale answers', async () => {
  const { batcher, calls, turn } = setUp();
  const before = batcher.get(1);
  await turn();
  const after = [batcher.get(1), batcher.get(3)];
  await turn();
  expect(calls).toHaveLength(1);
  calls[0]!.answer(['old']);
  await turn();
  expect(calls[1]!.keys).toEqual([1, 3]);
  calls[1]!.answer(['new', 'v3']);
  expect([await before, ...(await Promise.all(after))]).toEqual(['old', 'new', 'v3']);
});

test('more than the most go as several', async () => {
  const { batcher, calls, turn } = setUp({ most: 2 });
  const asked = [1, 2, 3, 4, 5].map((key) => batcher.get(key));
  await turn();
  expect(calls.map(({ keys }) => keys)).toEqual([[1, 2], [3, 4], [5]]);
  for (const { answer } of calls) answer();
  expect(await Promise.all(asked)).toEqual(['v1', 'v2', 'v3', 'v4', 'v5']);
});

test('a lookup that fails fails those that wait for it, and nobody else', async () => {
  const { batcher, calls, turn } = setUp();
  const first = batcher.get(1).catch((error: Error) => error.message);
  await turn();
  const second = batcher.get(2);
  calls[0]!.fail(new Error('gone'));
  expect(await first).toBe('gone');
  await turn();
  calls[1]!.answer();
  expect(await second).toBe('v2');
});

test('an answer of the wrong length is an error, not a mix-up', async () => {
  const { batcher, calls, turn } = setUp();
  const both = Promise.all([batcher.get(1), batcher.get(2)]).catch((error: Error) => error.message);
  await turn();
  calls[0]!.answer(['only one']);
  expect(await both).toBe('2 keys were asked for, 1 answered');
});

test('a slow lookup holds up others for no longer than the patience', async () => {
  const { batcher, calls } = setUp({ patience: 30 });
  const slow = batcher.get(1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const next = batcher.get(2);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(calls).toHaveLength(2);
  calls[1]!.answer();
  expect(await next).toBe('v2');
  calls[0]!.answer();
  expect(await slow).toBe('v1');
});
