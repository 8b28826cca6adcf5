/** What the log says of tables of every kind, and what of it becomes of batches. */
import type { Batch, Change, Stream } from '@sluice/connector-sdk';
import { Reading, changesIn, connected, dropSlots, streamsOf } from '../../test/changes.js';
import { type TestDatabase, testContext, testDatabase } from '../../test/server.js';
import { prepareChanges } from './index.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterEach(() => dropSlots(db));
afterAll(() => db[Symbol.asyncDispose]());

/** Makes the table, follows it, makes the changes, and answers the batches when so many changes have come. */
async function follow(
  ddl: string,
  changes: readonly string[],
  count: number,
  added?: 'ignore',
): Promise<readonly Batch[]> {
  await db.query(`DROP TABLE IF EXISTS t CASCADE; ${ddl}`);
  await using reading = await Reading.open(db, {
    pipeline: `t ${Math.random()}`,
    streams: await streamsOf(db, 't'),
    ...(added && { added }),
  });
  for (const sql of changes) await db.query(sql);
  return (await reading.whole(count)).batches;
}
const followed = async (ddl: string, ...changes: string[]): Promise<Change[]> => {
  const wanted = changes.filter((sql) => !/^(ALTER|CREATE|--)/.test(sql)).length;
  return changesIn(await follow(ddl, changes, wanted));
};
const stream = 'public.t';

test('insert, update, delete and truncate, in their order', async () => {
  expect(
    await followed(
      'CREATE TABLE t (id integer PRIMARY KEY, v text)',
      "INSERT INTO t VALUES (1, 'a')",
      "UPDATE t SET v = 'b'",
      'UPDATE t SET v = NULL, id = 2',
      'DELETE FROM t',
      'TRUNCATE t',
    ),
  ).toEqual([
    { op: 'insert', stream, after: [1, 'a'] },
    { op: 'update', stream, after: [1, 'b'] },
    { op: 'update', stream, before: [1, null], after: [2, null] },
    { op: 'delete', stream, before: [2, null] },
    { op: 'truncate', stream },
  ]);
});

const large = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i)";
const wide = `INSERT INTO t VALUES (1, ${large}, 'x')`;
const largeText = async (): Promise<string> => String((await db.query(`SELECT ${large} AS v`))[0]!['v']);

test('an unchanged value that was stored out of line is not sent: it is neither NULL nor there', async () => {
  const changes = await followed(
    'CREATE TABLE t (id integer PRIMARY KEY, big text, v text)',
    wide,
    "UPDATE t SET v = 'y'",
    'UPDATE t SET big = NULL',
  );
  expect(changes.slice(1)).toEqual([
    { op: 'update', stream, after: [1, undefined, 'y'] },
    { op: 'update', stream, after: [1, null, 'y'] },
  ]);
  expect(Object.hasOwn((changes[1] as { after: object }).after, 1)).toBe(true); // a value of its own, not a hole
});

test('REPLICA IDENTITY FULL has the whole old row, and what is unchanged comes from there', async () => {
  const big = await largeText();
  const ddl = 'CREATE TABLE t (id integer PRIMARY KEY, big text, v text); ALTER TABLE t REPLICA IDENTITY FULL';
  expect(await followed(ddl, wide, "UPDATE t SET v = 'y'", 'DELETE FROM t')).toEqual([
    { op: 'insert', stream, after: [1, big, 'x'] },
    { op: 'update', stream, before: [1, big, 'x'], after: [1, big, 'y'] },
    { op: 'delete', stream, before: [1, big, 'y'] },
  ]);
});

test('a key that is stored out of line is told with every update', async () => {
  const big = await largeText();
  const ddl =
    'CREATE TABLE t (id integer, big text NOT NULL, v text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE UNIQUE INDEX t_key ON t (id); ALTER TABLE t ALTER id SET NOT NULL; ALTER TABLE t REPLICA IDENTITY USING INDEX t_key';
  const changes = await followed(ddl, wide, "UPDATE t SET v = 'y'", 'UPDATE t SET id = 5', 'DELETE FROM t');
  expect(changes.slice(1)).toEqual([
    { op: 'update', stream, after: [1, undefined, 'y'] },
    { op: 'update', stream, before: [1, null, null], after: [5, undefined, 'y'] },
    { op: 'delete', stream, before: [5, null, null] },
  ]);
  expect(big).toHaveLength(16_000);
});

test('a table without key is followed with FULL: its old rows are its identity', async () => {
  const ddl = 'CREATE TABLE t (a integer, b text); ALTER TABLE t REPLICA IDENTITY FULL';
  expect(await followed(ddl, "INSERT INTO t VALUES (1, 'x')", "UPDATE t SET b = 'y'", 'DELETE FROM t')).toEqual([
    { op: 'insert', stream, after: [1, 'x'] },
    { op: 'update', stream, before: [1, 'x'], after: [1, 'y'] },
    { op: 'delete', stream, before: [1, 'y'] },
  ]);
});

test.each([
  ['nothing', 'CREATE TABLE t (id integer PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING'],
  ['no key', 'CREATE TABLE t (id integer)'],
  [
    'an index that has not the key',
    'CREATE TABLE t (id integer PRIMARY KEY, u integer NOT NULL UNIQUE); ALTER TABLE t REPLICA IDENTITY USING INDEX t_u_key',
  ],
])(
  'a table whose identity is %s is not published: its writers would be refused, or its changes be lost',
  async (_, ddl) => {
    await db.query(`DROP TABLE IF EXISTS t; ${ddl}`);
    const [one] = await streamsOf(db, 't');
    await expect(
      connected(db, (connection) => prepareChanges(connection, testContext(), 'unfit', [one!])),
    ).rejects.toMatchObject({
      code: 'postgres.replica-identity',
      fix: 'ALTER TABLE "public"."t" REPLICA IDENTITY FULL',
    });
    await db.query('INSERT INTO t (id) VALUES (1)').catch(() => db.query('INSERT INTO t VALUES (1, 1)'));
    await db.query('UPDATE t SET id = 2');
  },
);

test('an identity that is taken away while changes are read stops the stream at the first change that it cannot tell', async () => {
  await db.query('DROP TABLE IF EXISTS t; CREATE TABLE t (id integer PRIMARY KEY, u integer NOT NULL UNIQUE)');
  await using reading = await Reading.open(db, { pipeline: 'identity', streams: await streamsOf(db, 't') });
  await db.query('ALTER TABLE t REPLICA IDENTITY USING INDEX t_u_key; INSERT INTO t VALUES (1, 1)');
  await reading.whole(1);
  await db.query('UPDATE t SET id = 2');
  expect(await reading.failed()).toMatchObject({ class: 'data', code: 'postgres.replica-identity', stream });
  expect(reading.list).toHaveLength(1);
});

test('partitions are read as the table they are of, whatever their own columns look like', async () => {
  const ddl = `CREATE TABLE t (id integer, part integer, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
    CREATE TABLE t1 (v text, dropped integer, part integer NOT NULL, id integer NOT NULL); ALTER TABLE t1 DROP dropped;
    ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)`;
  expect(
    await followed(ddl, "INSERT INTO t VALUES (1, 1, 'a')", "UPDATE t SET v = 'b'", 'DELETE FROM t', 'TRUNCATE t'),
  ).toEqual([
    { op: 'insert', stream, after: [1, 1, 'a'] },
    { op: 'update', stream, after: [1, 1, 'b'] },
    { op: 'delete', stream, before: [1, 1, null] },
    { op: 'truncate', stream },
  ]);
  await db.query('DROP TABLE t');
});

test('generated columns come with their values where the server logs them, and are refused where it does not', async () => {
  const version = Number((await db.query("SELECT current_setting('server_version_num') AS v"))[0]!['v']);
  const ddl = 'CREATE TABLE t (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (id * 2) STORED)';
  const stored = followed(ddl, 'INSERT INTO t VALUES (4)', 'UPDATE t SET id = 5');
  if (version < 180_000) {
    await expect(stored).rejects.toMatchObject({ code: 'postgres.generated-column' });
    return;
  }
  expect(await stored).toEqual([
    { op: 'insert', stream, after: [4, 8] },
    { op: 'update', stream, before: [4, null], after: [5, 10] },
  ]);
  const virtual = 'CREATE TABLE t (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (id * 2) VIRTUAL)';
  await expect(followed(virtual)).rejects.toMatchObject({ code: 'postgres.generated-column' });
});

const shapes = (batches: readonly Batch[]) =>
  batches.flatMap((batch): unknown[] => {
    if (batch.kind === 'schema')
      return [batch.stream.columns.map(({ name, native }) => `${name} ${native}`).join(', ')];
    return batch.kind === 'changes'
      ? batch.changes.map((change) => ('after' in change ? change.after : change.op))
      : [];
  });
const evolution = [
  'INSERT INTO t VALUES (1, 2)',
  'ALTER TABLE t ADD c varchar(5)',
  "INSERT INTO t VALUES (2, 3, 'x')",
  'ALTER TABLE t DROP b',
  'ALTER TABLE t ALTER c TYPE numeric(5,1) USING 1',
  'INSERT INTO t VALUES (3, 4.5)',
];

test('a table of another shape is announced before the first change of that shape', async () => {
  const batches = await follow('CREATE TABLE t (a integer PRIMARY KEY, b integer)', evolution, 3);
  expect(shapes(batches)).toEqual([
    [1, 2],
    'a integer, b integer, c character varying(5)',
    [2, 3, 'x'],
    'a integer, c numeric(5,1)',
    [3, '4.5'],
  ]);
  const last = batches.findLast((batch) => batch.kind === 'schema')!.stream;
  expect(last.columns[1]).toEqual({
    name: 'c',
    type: 'decimal',
    native: 'numeric(5,1)',
    nullable: true,
    precision: 5,
    scale: 1,
  });
});

test('columns that were not selected stay out', async () => {
  const batches = await follow('CREATE TABLE t (a integer PRIMARY KEY, b integer)', evolution, 3, 'ignore');
  expect(shapes(batches)).toEqual([[1, 2], [2, 3], 'a integer', [3]]);
});

test('a shape that changes inside a transaction splits its batches and not its checkpoint', async () => {
  const inside =
    "BEGIN; INSERT INTO t VALUES (1); ALTER TABLE t ADD b mood_of_change DEFAULT 'x'; INSERT INTO t VALUES (2); COMMIT";
  await db.query("DROP TYPE IF EXISTS mood_of_change CASCADE; CREATE TYPE mood_of_change AS ENUM ('x')");
  const batches = await follow('CREATE TABLE t (a integer PRIMARY KEY)', [inside], 2);
  const data = batches.filter(({ kind }) => kind !== 'idle');
  expect(data.map((batch) => [batch.kind, 'checkpoint' in batch])).toEqual([
    ['changes', false],
    ['schema', false],
    ['changes', true],
  ]);
  expect(shapes(data)).toEqual([[1], 'a integer, b public.mood_of_change', [2, 'x']]);
});

test('names that must be quoted, and tables of no concern', async () => {
  await db.query(
    'CREATE TABLE IF NOT EXISTS "we""ird. T" (id integer PRIMARY KEY, "sel ect" text); CREATE TABLE IF NOT EXISTS other (id integer PRIMARY KEY)',
  );
  const [one] = await connected(db, async (connection) => {
    const { discover } = await import('../source/discover.js');
    return discover(connection, ['public."we""ird. T"']);
  });
  await using reading = await Reading.open(db, { pipeline: 'Pipeline "x"; DROP', streams: [one as Stream] });
  await db.query(`INSERT INTO other VALUES (1); INSERT INTO "we""ird. T" VALUES (1, 'v')`);
  await reading.whole(1);
  expect(reading.list).toEqual([{ op: 'insert', stream: 'public."we""ird. T"', after: [1, 'v'] }]);
});

test('a table that was renamed stops the stream', async () => {
  await db.query('DROP TABLE IF EXISTS t, renamed; CREATE TABLE t (id integer PRIMARY KEY)');
  await using reading = await Reading.open(db, { pipeline: 'renamed', streams: await streamsOf(db, 't') });
  await db.query('INSERT INTO t VALUES (1)');
  await reading.whole(1);
  await db.query('ALTER TABLE t RENAME TO renamed; INSERT INTO renamed VALUES (2)');
  expect(await reading.failed()).toMatchObject({ class: 'data', code: 'postgres.stream-changed', stream });
});
