import type { Change, Row } from '@sluice/connector-sdk';
import fc from 'fast-check';
import { fold } from './fold.js';

const s = 's';
const insert = (after: Row): Change => ({ op: 'insert', stream: s, after });
const update = (after: Row, before?: Row): Change => ({
  op: 'update',
  stream: s,
  after,
  ...(before === undefined ? {} : { before }),
});
const remove = (before: Row): Change => ({ op: 'delete', stream: s, before });

test('one operation per key: the last that happened', () => {
  const { operations } = fold(
    s,
    [insert([1, 'a']), update([1, 'b']), insert([2, 'c']), remove([2, null]), remove([3, 'x'])],
    [0],
  );
  expect(operations).toEqual([
    { op: 'u', row: [1, 'b'] },
    { op: 'd', row: [2, null] },
    { op: 'd', row: [3, null] },
  ]);
});

test('a moved key goes, and its row comes under the new one', () => {
  expect(fold(s, [update([2, 'a'], [1, null])], [0]).operations).toEqual([
    { op: 'd', row: [1, null] },
    { op: 'u', row: [2, 'a'] },
  ]);
  expect(fold(s, [insert([1, 'a']), update([2, undefined], [1, null])], [0]).operations).toEqual([
    { op: 'd', row: [1, null] },
    { op: 'u', row: [2, 'a'] },
  ]);
});

test('unchanged values are those of the earlier operation, or wait for the target', () => {
  expect(fold(s, [insert([1, 'a', 1]), update([1, undefined, 2])], [0]).operations).toEqual([
    { op: 'u', row: [1, 'a', 2] },
  ]);
  expect(fold(s, [update([1, undefined, 2]), update([1, null, undefined])], [0]).operations).toEqual([
    { op: 'p', row: [1, null, 2] },
  ]);
  expect(() => fold(s, [remove([1]), update([1, undefined])], [0])).toThrow(/deleted/);
  expect(() => fold(s, [update([2, undefined], [1, null])], [0])).toThrow(/changes the key/);
});

test('truncate forgets what came before it', () => {
  expect(fold(s, [insert([1, 'a']), { op: 'truncate', stream: s }, insert([2, 'b'])], [0])).toEqual({
    truncated: true,
    operations: [{ op: 'u', row: [2, 'b'] }],
  });
});

test('keys of other types are other keys', () => {
  const rows: Row[] = [['1'], [1], [Buffer.from('1')], [true], [null]];
  expect(fold(s, rows.map(insert), [0]).operations).toHaveLength(rows.length);
});

test('folded or one by one, a table ends the same', () => {
  const step = fc.oneof(
    fc.tuple(fc.nat(3), fc.nat(9)).map(([key, value]) => insert([key, value])),
    fc.nat(3).map((key) => remove([key, null])),
  );
  const apply = (table: Map<unknown, unknown>, change: Change): void => {
    if (change.op === 'delete') table.delete(change.before[0]);
    else if (change.op !== 'truncate') table.set(change.after[0], change.after[1]);
  };
  fc.assert(
    fc.property(fc.array(step), (changes) => {
      const expected = new Map<unknown, unknown>([
        [0, 'old'],
        [1, 'old'],
      ]);
      const found = new Map(expected);
      for (const change of changes) apply(expected, change);
      for (const { op, row } of fold(s, changes, [0]).operations) apply(found, op === 'd' ? remove(row) : insert(row));
      expect([...found].toSorted()).toEqual([...expected].toSorted());
    }),
  );
});
