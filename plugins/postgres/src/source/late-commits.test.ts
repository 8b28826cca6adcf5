/** Rows that are committed after a row with a higher cursor value was read: every one of them has to come with a later read. */
import type { Checkpoint, SourceSession, Stream } from '@sluice/connector-sdk';
import { Client } from 'pg';
import { type TestContext, type TestDatabase, discoverOne, testDatabase, withSource } from '../../test/server.js';
import type { SourceConfig } from '../config.js';

let db: TestDatabase;
let writer: Client;
beforeAll(async () => {
  db = await testDatabase();
  writer = new Client({
    host: db.source.host,
    port: db.source.port,
    database: db.name,
    user: db.source.username,
    password: db.source.password,
  });
  await writer.connect();
});
afterAll(async () => {
  await writer.end();
  await db[Symbol.asyncDispose]();
});

const patient = (more: Partial<SourceConfig> = {}): SourceConfig => ({
  ...db.source,
  cursor_wait_seconds: 20,
  ...more,
});

interface Seen {
  ids: number[];
  last: Checkpoint | undefined;
}
/** Reads on from what `seen` holds, and adds to it. */
async function readOn(source: SourceSession, stream: Stream, cursor: string, seen: Seen): Promise<void> {
  for await (const batch of source.read([{ stream, mode: 'cursor', cursor }], seen.last)) {
    if (batch.kind === 'rows') seen.ids.push(...batch.rows.map(([id]) => Number(id)));
    if (batch.kind !== 'schema' && batch.checkpoint) seen.last = batch.checkpoint;
  }
}
const begin = (config: SourceConfig, table: string, cursor: string, seen: Seen): Promise<TestContext> =>
  withSource(config, async (source, context) => {
    await readOn(source, await discoverOne(source, `public.${table}`), cursor, seen);
    return context;
  });
const waiting = () => new Promise((resolve) => setTimeout(resolve, 300));

test.each([
  ['a number', 'id', 'serial PRIMARY KEY'],
  ['a time', 'at', 'serial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()'],
  ['a time without zone', 'at', 'serial PRIMARY KEY, at timestamp NOT NULL DEFAULT now()'],
])('%s: a read waits for the transaction that drew a lower value first', async (_, cursor, columns) => {
  await db.query(`DROP TABLE IF EXISTS late; CREATE TABLE late (id ${columns})`);
  await writer.query('BEGIN; INSERT INTO late DEFAULT VALUES'); // 1
  await db.query('INSERT INTO late DEFAULT VALUES'); // 2, committed first
  const seen: Seen = { ids: [], last: undefined };
  const reading = begin(patient(), 'late', cursor, seen);
  await waiting();
  expect(seen.ids).toEqual([]);
  await writer.query('COMMIT');
  expect((await reading).lines).toEqual([]);
  await begin(patient(), 'late', cursor, seen);
  expect(seen.ids).toEqual([1, 2]);
});

test.each([
  ['keeps its position when they are numbers', 'id', 'serial PRIMARY KEY', [1, 2], /the position is kept as it is/],
  [
    'ends where it began when they are times',
    'at',
    'serial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp()',
    [],
    /ends where they began/,
  ],
])('a transaction that stays open: the read %s, and says so', async (_, cursor, columns, left, words) => {
  await db.query(
    `DROP TABLE IF EXISTS stays; CREATE TABLE stays (id ${columns}); INSERT INTO stays DEFAULT VALUES; INSERT INTO stays DEFAULT VALUES`,
  );
  await writer.query('BEGIN; INSERT INTO stays DEFAULT VALUES'); // 3
  await db.query('INSERT INTO stays DEFAULT VALUES'); // 4
  const seen: Seen = { ids: [], last: undefined };
  const { lines } = await begin(patient({ cursor_wait_seconds: 0.2 }), 'stays', cursor, seen);
  expect(lines).toEqual([expect.stringMatching(words)]);
  expect(seen.ids).toEqual(left.length > 0 ? [] : [1, 2]);
  await writer.query('COMMIT');
  await begin(patient(), 'stays', cursor, seen);
  expect(seen.ids).toEqual([1, 2, 3, 4]);
});

test('a time of now() is that of the begin: who has written elsewhere may write here next', async () => {
  await db.query('CREATE TABLE elsewhere (a int); CREATE TABLE next_one (id int, at timestamptz DEFAULT now())');
  await writer.query('BEGIN; INSERT INTO elsewhere VALUES (1)');
  await db.query('INSERT INTO next_one VALUES (2)');
  const seen: Seen = { ids: [], last: undefined };
  await begin(patient({ cursor_wait_seconds: 0.2 }), 'next_one', 'at', seen);
  await writer.query('INSERT INTO next_one VALUES (1); COMMIT');
  await begin(patient(), 'next_one', 'at', seen);
  expect(seen.ids).toEqual([1, 2]);
});

test.each([
  ['a leaf of a partitioned table', 'parted', 'INSERT INTO parted_1 (r) VALUES (1)'],
  ['a table under a view', 'seen_by', 'INSERT INTO under DEFAULT VALUES'],
])('%s is watched too', async (_, stream, insert) => {
  await db.query(`DROP TABLE IF EXISTS parted, under CASCADE; CREATE TABLE parted (id serial, r int DEFAULT 1) PARTITION BY RANGE (r);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9); CREATE TABLE under (id serial, r int); CREATE VIEW seen_by AS SELECT * FROM under`);
  await db.query(insert.replace('INSERT', '/* makes the sequence */ INSERT'));
  await writer.query(`BEGIN; ${insert}`);
  await db.query(insert);
  const seen: Seen = { ids: [], last: undefined };
  const { lines } = await begin(patient({ cursor_wait_seconds: 0.1 }), stream, 'id', seen);
  await writer.query('COMMIT');
  expect([lines.length, seen.ids.length]).toEqual([1, 0]);
  await begin(patient(), stream, 'id', seen);
  expect(seen.ids.toSorted()).toHaveLength(3);
});

test('readers, and writers of other tables, hold up no read by number', async () => {
  await db.query('CREATE TABLE busy (id serial); CREATE TABLE other (a int); INSERT INTO busy DEFAULT VALUES');
  await writer.query('BEGIN; SELECT * FROM busy; INSERT INTO other VALUES (1)');
  const seen: Seen = { ids: [], last: undefined };
  const start = Date.now();
  const { lines } = await begin(patient(), 'busy', 'id', seen);
  await writer.query('ROLLBACK');
  expect([lines, seen.ids]).toEqual([[], [1]]);
  expect(Date.now() - start).toBeLessThan(5000);
});

test('many writers at once, read all the while: every row arrives, once', async () => {
  await db.query('CREATE TABLE storm (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())');
  const clients = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const client = new Client({
        host: db.source.host,
        port: db.source.port,
        database: db.name,
        user: db.source.username,
        password: db.source.password,
      });
      await client.connect();
      return client;
    }),
  );
  let writing = true;
  const written = Promise.all(
    clients.map(async (client, n) => {
      for (let i = 0; i < 25; i++) {
        await client.query('BEGIN; INSERT INTO storm DEFAULT VALUES');
        await new Promise((resolve) => setTimeout(resolve, (i * (n + 1)) % 40));
        await client.query(`INSERT INTO storm DEFAULT VALUES; ${i % 7 === 0 ? 'ROLLBACK' : 'COMMIT'}`);
      }
      await client.end();
    }),
  ).finally(() => (writing = false));
  for (const cursor of ['id', 'at']) {
    const seen: Seen = { ids: [], last: undefined };
    await withSource(patient(), async (source) => {
      const stream = await discoverOne(source, 'public.storm');
      while (cursor === 'id' && writing) await readOn(source, stream, cursor, seen);
      await written;
      await readOn(source, stream, cursor, seen);
    });
    const all = (await db.query('SELECT id FROM storm')).map(({ id }) => Number(id));
    expect(seen.ids.toSorted((a, b) => a - b)).toEqual(all.toSorted((a, b) => a - b));
  }
});

test('without the wait the same rows are lost: this is what it is for', async () => {
  await db.query('CREATE TABLE lost (id serial)');
  await writer.query('BEGIN; INSERT INTO lost DEFAULT VALUES');
  await db.query('INSERT INTO lost DEFAULT VALUES');
  const seen: Seen = { ids: [], last: undefined };
  await begin(db.source, 'lost', 'id', seen);
  await writer.query('COMMIT');
  await begin(db.source, 'lost', 'id', seen);
  expect(seen.ids).toEqual([2]);
});

test('an abort ends the wait at once, with no rows and no checkpoint', async () => {
  await db.query('CREATE TABLE aborted (id serial)');
  await writer.query('BEGIN; INSERT INTO aborted DEFAULT VALUES');
  await db.query('INSERT INTO aborted DEFAULT VALUES');
  const seen: Seen = { ids: [], last: undefined };
  const start = Date.now();
  await withSource(patient(), async (source, context) => {
    const stream = await discoverOne(source, 'public.aborted');
    setTimeout(() => context.abort.abort(), 200);
    await readOn(source, stream, 'id', seen);
  });
  await writer.query('ROLLBACK');
  expect(seen).toEqual({ ids: [], last: undefined });
  expect(Date.now() - start).toBeLessThan(5000);
});

test('rows without a place in the order are counted by each later read, by number', async () => {
  await db.query(`CREATE TABLE placeless (id int, at timestamptz); CREATE INDEX ON placeless (at);
    INSERT INTO placeless VALUES (1, NULL), (2, 'infinity'), (3, '2024-01-01')`);
  const seen: Seen = { ids: [], last: undefined };
  expect((await begin(db.source, 'placeless', 'at', seen)).lines).toEqual([]);
  await db.query('INSERT INTO placeless VALUES (4, NULL)');
  await withSource(db.source, async (source, context) => {
    const logged = jest.spyOn(context, 'log');
    await readOn(source, await discoverOne(source, 'public.placeless'), 'at', seen);
    expect(logged.mock.calls).toEqual([
      [
        'warn',
        'Rows without a cursor value are read with the first read only.',
        { stream: 'public.placeless', column: 'at', rows: 3 },
      ],
    ]);
  });
  expect(seen.ids.toSorted()).toEqual([1, 2, 3]);
});

test('tables that inherit from the stream are not read with it', async () => {
  await db.query(
    'CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)',
  );
  const seen: Seen = { ids: [], last: undefined };
  await begin(db.source, 'parent', 'id', seen);
  expect(seen.ids).toEqual([1]);
});

test('cursors that every row has are offered first', async () => {
  await db.query('CREATE TABLE offered (a int, b int NOT NULL, c timestamptz, d timestamptz NOT NULL)');
  const stream = await withSource(db.source, (source) => discoverOne(source, 'public.offered'));
  expect(stream.cursors).toEqual(['b', 'd', 'a', 'c']);
});
