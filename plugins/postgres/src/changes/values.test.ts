/** A row as a change equals the same row as a full read gives it, for every type. (Invariant 9) */
import type { Row, Stream } from '@sluice/connector-sdk';
import { Reading, dropSlots, streamsOf } from '../../test/changes.js';
import { type TestDatabase, discoverOne, full, testDatabase, withSource } from '../../test/server.js';
import { typeCaseTypes, typeCases } from '../../test/type-cases.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
  await db.query(typeCaseTypes);
});
afterAll(async () => {
  await dropSlots(db);
  await db[Symbol.asyncDispose]();
});

const fullRows = (id: string): Promise<Row[]> =>
  withSource(db.source, async (source) => {
    const rows: Row[] = [];
    for await (const batch of source.read([full(await discoverOne(source, id))]))
      if (batch.kind === 'rows') rows.push(...batch.rows);
    return rows;
  });
const byId = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => Number(a[0]) - Number(b[0]));
const rowsOf = (reading: Reading): Row[] =>
  byId(reading.list.flatMap((change) => ('after' in change ? [change.after] : [])));

/** One comparison a column, so that what differs has a name. */
const expectSame = (stream: Stream, changed: readonly Row[], read: readonly Row[]): void => {
  expect(changed).toHaveLength(read.length);
  stream.columns.forEach(({ native, name }, at) => {
    const column = (rows: readonly Row[]) => [native, name, ...rows.map((row) => row[at])];
    expect(column(changed)).toEqual(column(read));
  });
};

const unsayable = /^(jsonb\[\])$/;
test('every value of every type', async () => {
  const columns = typeCases.map(([type], i) => `c${i} ${type}`);
  await db.query(`CREATE TABLE every (id integer PRIMARY KEY, ${columns.join(', ')})`);
  const streams = await streamsOf(db, 'every');
  await using reading = await Reading.open(db, { pipeline: 'every', streams });
  const count = Math.max(...typeCases.map(([, values]) => values.length));
  for (let row = 0; row <= count; row++) {
    const values = typeCases.map(([type, all]) => (all[row] === undefined ? 'NULL' : `(${all[row]})::${type}`));
    await db.query(`INSERT INTO every VALUES (${row}, ${values.join(', ')})`);
  }
  await reading.whole(count + 1);
  expectSame(streams[0]!, rowsOf(reading), byId(await fullRows('public.every')));
  expect(reading.batches.filter(({ kind }) => kind === 'schema')).toEqual([]);
});

test('arrays of every type, as JSON', async () => {
  const sayable = typeCases.filter(([type]) => !type.endsWith('[]') && !unsayable.test(type));
  const columns = sayable.map(([type], i) => `c${i} ${type}[]`);
  await db.query(`CREATE TABLE arrays (id integer PRIMARY KEY, ${columns.join(', ')})`);
  const streams = await streamsOf(db, 'arrays');
  await using reading = await Reading.open(db, { pipeline: 'arrays', streams });
  const array = ([type, values]: (typeof sayable)[number]): string => {
    const sayableValues = values.filter((value) => !(type.startsWith('json') && value === "'null'"));
    return `ARRAY[${[...sayableValues, 'NULL'].map((value) => `(${value})::${type}`).join(', ')}]`;
  };
  await db.query(`INSERT INTO arrays VALUES (1, ${sayable.map(array).join(', ')})`);
  await reading.whole(1);
  expectSame(streams[0]!, rowsOf(reading), await fullRows('public.arrays'));
});

test.each([
  ['integer[]', "'[0:1]={1,2}'"],
  ['integer[]', "'{{{{1}}}}'"],
  ['jsonb[]', "ARRAY['null']::jsonb[]"],
  ['jsonb[]', "ARRAY[ARRAY['1']]::jsonb[]"],
])('an array that a full read refuses is refused as a change: %s %s', async (type, value) => {
  await dropSlots(db);
  await db.query(`DROP TABLE IF EXISTS refused; CREATE TABLE refused (id integer PRIMARY KEY, c ${type})`);
  await using reading = await Reading.open(db, { pipeline: 'refused', streams: await streamsOf(db, 'refused') });
  await db.query(`INSERT INTO refused VALUES (1, ${value})`);
  expect(await reading.failed()).toMatchObject({
    class: 'data',
    stream: 'public.refused',
    message: expect.stringContaining('"c"'),
  });
  await expect(fullRows('public.refused')).rejects.toMatchObject({ class: 'data', stream: 'public.refused' });
});
