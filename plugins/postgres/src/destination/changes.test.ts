import type { Change, Column, LogicalType, Row, Stream } from '@sluice/connector-sdk';
import fc from 'fast-check';
import { type TestDatabase, contents, lane, target, testDatabase, withDestination } from '../../test/server.js';
import { collapse } from './collapse.js';

let db: TestDatabase;
beforeAll(async () => void (db = await testDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

const column = (name: string, type: LogicalType): Column => ({ name, type, nullable: true, native: type });
const stream: Stream = {
  id: 's',
  path: ['s'],
  columns: [column('id', 'int32'), column('v', 'string'), column('n"o', 'decimal')],
  key: ['id'],
  modes: ['full'],
  cursors: [],
};
const insert = (...after: Row): Change => ({ op: 'insert', stream: 's', after });
const update = (after: Row, before?: Row): Change => ({
  op: 'update',
  stream: 's',
  after,
  ...(before ? { before } : {}),
});
const remove = (...before: Row): Change => ({ op: 'delete', stream: 's', before });
const truncate: Change = { op: 'truncate', stream: 's' };

let tables = 0;
/** Starts with rows 1 to 3; writes each list of changes by itself, all in one commit. */
async function after(...writes: readonly (readonly Change[])[]): Promise<unknown[]> {
  const table = `ch_${(tables += 1)}`;
  await withDestination(db.destination, async (session) => {
    await session.resume(lane(table));
    await session.prepare(stream, target([table], 'upsert', ['id']));
    await session.write({
      kind: 'rows',
      stream: 's',
      rows: [
        [1, 'a', '1'],
        [2, 'b', '2'],
        [3, 'c', '3'],
      ],
    });
    await session.commit({ v: 1 });
    for (const changes of writes) expect((await session.write({ kind: 'changes', changes })).rows).toBe(changes.length);
    expect(await contents(db, table)).toHaveLength(3);
    await session.commit({ v: 2 });
  });
  return (await db.query(`SELECT * FROM ${table} ORDER BY id`)).map((row) => Object.values(row));
}
const three = [
  ['1', 'a', '1'],
  ['2', 'b', '2'],
  ['3', 'c', '3'],
];

test.each<[string, readonly (readonly Change[])[], readonly unknown[]]>([
  [
    'insert, update and delete',
    [[insert(4, 'd', '4'), update([1, 'x', null]), remove(2, null, null)]],
    [['1', 'x', null], three[2], ['4', 'd', '4']],
  ],
  [
    'one key through everything',
    [[update([1, 'x', '1']), remove(1), insert(1, 'y', '2'), remove(1), insert(1, 'last', '3')]],
    [['1', 'last', '3'], ...three.slice(1)],
  ],
  [
    'the same over several writes',
    [[insert(9, 'x', '1')], [remove(9)], [insert(9, 'y', '2')], [update([9, 'z', '3'])]],
    [...three, ['9', 'z', '3']],
  ],
  ['a key that moves', [[update([7, 'a', '1'], [1, null, null])]], [...three.slice(1), ['7', 'a', '1']]],
  [
    'two keys that change places',
    [[update([9, 'a', '1'], [1]), update([1, 'b', '2'], [2]), update([2, 'a', '1'], [9])]],
    [['1', 'b', '2'], ['2', 'a', '1'], three[2]],
  ],
  [
    'unchanged keeps, null clears',
    [[update([1, undefined, '7']), update([2, null, undefined])]],
    [['1', 'a', '7'], ['2', null, '2'], three[2]],
  ],
  [
    'unchanged after what is staged in the same write',
    [[update([1, 'staged', '5']), update([1, undefined, '6'])]],
    [['1', 'staged', '6'], ...three.slice(1)],
  ],
  [
    'unchanged after what was staged by an earlier write',
    [[insert(4, 'd', '4')], [update([4, undefined, '6'])], [update([4, 'e', undefined])]],
    [...three, ['4', 'e', '6']],
  ],
  [
    'a key that moves with unchanged columns',
    [[update([7, undefined, '9'], [1])], [update([7, 'late', undefined])]],
    [...three.slice(1), ['7', 'late', '9']],
  ],
  [
    'truncate in its place',
    [[insert(30, 'x', '1'), truncate, insert(31, 'y', '2')], [insert(32, 'z', '3')]],
    [
      ['31', 'y', '2'],
      ['32', 'z', '3'],
    ],
  ],
  [
    'truncate, with unchanged columns behind it',
    [[insert(30, 'x', '1')], [truncate, insert(31, 'y', '2')], [update([31, undefined, '8'])]],
    [['31', 'y', '8']],
  ],
])('%s', async (_, writes, expected) => expect(await after(...writes)).toEqual(expected));

test('rows behind changes are later than they are', async () => {
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('mixed'));
    await session.prepare(stream, target(['mixed'], 'upsert', ['id']));
    await session.write({ kind: 'rows', stream: 's', rows: [[1, 'first', null]] });
    await session.write({ kind: 'changes', changes: [update([1, 'second', null]), insert(2, 'second', null)] });
    await session.write({ kind: 'rows', stream: 's', rows: [[2, 'third', null]] });
    await session.commit({ v: 1 });
  });
  expect(await db.query('SELECT id, v FROM mixed ORDER BY id')).toEqual([
    { id: '1', v: 'second' },
    { id: '2', v: 'third' },
  ]);
});

test('a column that appears between changes of one transaction', async () => {
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('grow'));
    await session.prepare(stream, target(['grow'], 'upsert', ['id']));
    await session.write({ kind: 'changes', changes: [insert(1, 'a', '1'), insert(2, 'b', '2')] });
    await session.prepare(
      { ...stream, columns: [column('late', 'int64'), ...stream.columns] },
      target(['grow'], 'upsert', ['id']),
    );
    await session.write({ kind: 'changes', changes: [update([5, 1, undefined, '9']), insert(6, 3, 'c', null)] });
    await session.commit({ v: 1 });
  });
  expect((await db.query('SELECT id, v, "n""o", late FROM grow ORDER BY id')).map((row) => Object.values(row))).toEqual(
    [
      ['1', 'a', '9', '5'],
      ['2', 'b', '2', null],
      ['3', 'c', null, '6'],
    ],
  );
});

test.each<[string, Change, object]>([
  ['a key that is NULL', insert(null, 'x', '1'), { class: 'data', stream: 's' }],
  [
    'an update with unchanged columns of a row that is not there',
    update([99, undefined, '1']),
    { class: 'data', code: 'rows-lost' },
  ],
])('refused: %s', async (_, change, expected) => {
  await expect(after([change])).rejects.toMatchObject(expected);
});

test("changes need mode 'upsert'", async () => {
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('wrong mode'));
    await session.prepare(stream, target(['wrong_mode'], 'append'));
    await expect(session.write({ kind: 'changes', changes: [insert(1, 'a', '1')] })).rejects.toMatchObject({
      class: 'data',
      code: 'unsupported',
    });
  });
});

/** The changes one by one on a map: what the order of commits means. */
function model(changes: readonly Change[]): Map<unknown, Row> {
  const rows = new Map<unknown, Row>();
  for (const change of changes) {
    if (change.op === 'truncate') rows.clear();
    else if (change.op === 'delete') rows.delete(change.before[0]);
    else if (change.op === 'insert') rows.set(change.after[0], change.after);
    else {
      const key = (change.before ?? change.after)[0];
      const was = rows.get(key);
      rows.delete(key);
      rows.set(
        change.after[0],
        change.after.map((value, i) => (value === undefined ? was?.[i] : value)),
      );
    }
  }
  return rows;
}

/** Random histories that a source could have written: no insert of a key that is there, no update of one that is not. */
const history = fc
  .array(fc.tuple(fc.nat(99), fc.nat(4), fc.nat(4), fc.nat(99), fc.boolean()), { maxLength: 30 })
  .map((steps) => {
    const changes: Change[] = [];
    const present = new Set<number>();
    for (const [kind, a, b, n, open] of steps) {
      const value = open ? undefined : `v${n}`;
      if (kind < 4) {
        changes.push(truncate);
        present.clear();
      } else if (!present.has(a)) {
        changes.push(insert(a, `v${n}`, String(n)));
        present.add(a);
      } else if (kind < 30) {
        changes.push(remove(a, null, null));
        present.delete(a);
      } else if (kind < 50 && !present.has(b)) {
        changes.push(update([b, value, String(n)], [a, null, null]));
        present.delete(a);
        present.add(b);
      } else changes.push(update([a, value, String(n)]));
    }
    return changes;
  });

test('any history, cut into any writes, ends as if done one by one', async () => {
  await withDestination(db.destination, async (session) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 1, max: 7 }), async (changes, size) => {
        const table = `h_${(run += 1)}`;
        await session.resume(lane(table));
        await session.prepare(stream, target([table], 'upsert', ['id']));
        for (let i = 0; i < changes.length; i += size)
          await session.write({ kind: 'changes', changes: changes.slice(i, i + size) });
        await session.commit({ v: 1 });
        const found = (await db.query(`SELECT * FROM ${table}`)).map((row) => Object.values(row).join());
        expect(found.sort()).toEqual([...model(changes).values()].map((row) => row.join()).sort());
      }),
      { numRuns: 60 },
    );
  });
}, 60_000);

test('a collapsed write has at most one operation a key and group', () => {
  fc.assert(
    fc.property(history, (changes) => {
      for (const group of collapse(changes, [0])) {
        if (group === 'truncate') continue;
        const keys = group.map(({ row }) => row[0]);
        expect(new Set(keys).size).toBe(keys.length);
      }
    }),
  );
});
