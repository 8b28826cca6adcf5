import { turns } from './turns.js';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('[T6] one owner has a few turns at a time, in order, and leaves the others theirs', async () => {
  const inTurn = turns({ atOnce: 2, waiting: 1 });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (owner: string, name: string): Promise<string> =>
    inTurn(owner, async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      return name;
    });
  const first = work('a', 'a1');
  const rest = [work('a', 'a2'), work('a', 'a3')];
  await tick();
  expect(begun).toEqual(['a1', 'a2']);
  await expect(work('a', 'a4')).rejects.toMatchObject({ kind: 'unavailable', failure: { code: 'too-many-probes' } });
  const other = work('b', 'b1');
  await tick();
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  ends.get('a1')!();
  expect(await first).toBe('a1');
  await tick();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  for (const name of ['a2', 'a3', 'b1']) ends.get(name)!();
  expect(await Promise.all([...rest, other])).toEqual(['a2', 'a3', 'b1']);
});

test('a failure gives its turn back', async () => {
  const inTurn = turns({ atOnce: 1, waiting: 0 });
  await expect(inTurn('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await inTurn('a', async () => 1)).toBe(1);
});
