import type { Encoding, Row } from '@sluice/connector-sdk';
import { typeCases as cases, typeCaseTypes } from '../test/type-cases.js';
import {
  type TestDatabase,
  contents,
  discoverOne,
  full,
  lane,
  pump,
  target,
  testDatabase,
  withDestination,
  withSource,
} from '../test/server.js';

let db: TestDatabase;
beforeAll(async () => void (db = await testDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

const columns = cases.map(([type], i) => ({ name: `c${i}`, type }));

beforeAll(async () => {
  await db.query(typeCaseTypes);
  await db.query(
    `CREATE TABLE every (id integer PRIMARY KEY, ${columns.map((c) => `${c.name} ${c.type}`).join(', ')})`,
  );
  const rows = Math.max(...cases.map(([, values]) => values.length));
  for (let row = 0; row <= rows; row++) {
    const values = cases.map(([type, values_]) => (values_[row] === undefined ? 'NULL' : `(${values_[row]})::${type}`));
    await db.query(`INSERT INTO every VALUES (${row}, ${values.join(', ')})`);
  }
});

/** Compared as text: what a reader of the target sees. Columns that become another type are compared by what they mean. */
const seen = columns.map(({ name, type }) => {
  if (type === 'money') return `${name}::numeric::text AS ${name}`;
  if (type === 'xml') return name; // its output leaves out the encoding that a declaration names
  if (type === 'mood[]') return `to_json(${name})::text AS ${name}`;
  return `${name}::text AS ${name}`;
});
const list = `id, ${seen.join(', ')}`;

test.each<Encoding | undefined>(['copy-binary/1', 'copy-text/1', undefined])(
  'every value arrives exactly by %s',
  async (encoding) => {
    const table = `copy_${(encoding ?? 'rows').replace(/\W/g, '_')}`;
    await withSource(db.source, (source) =>
      withDestination(db.destination, async (destination) => {
        const stream = await discoverOne(source, 'public.every');
        expect(destination.accepts(stream, target([table], 'replace'))).toEqual(['copy-binary/1', 'copy-text/1']);
        await pump({
          source,
          destination,
          lane: lane(table),
          request: full(stream, encoding),
          target: target([table], 'replace', ['id']),
        });
      }),
    );
    expect(await contents(db, table, list)).toEqual(await contents(db, 'every', list));
  },
);

test('types that travel keep their own spelling in the target; the others become what the README says', async () => {
  const types = async (table: string): Promise<Record<string, unknown>[]> =>
    db.query(
      `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 1 ORDER BY attnum`,
      [table],
    );
  const [from, to] = [await types('every'), await types('copy_copy_binary_1')];
  const changed = Object.fromEntries(
    from.flatMap((f, i) => (f['type'] === to[i]!['type'] ? [] : [[f['type'], to[i]!['type']]])),
  );
  expect(changed).toEqual({
    money: 'numeric',
    mood: 'text',
    'mood[]': 'json',
    positive: 'integer',
    short_text: 'character varying(10)',
    mood_domain: 'text',
    pair: 'text',
    xid: 'text',
    regclass: 'text',
  });
});

test('the bytes of copy-binary/1 are those that the server itself sends', async () => {
  await db.query(
    `CREATE TABLE plain AS SELECT i::bigint AS a, repeat('x', i % 300) AS b, i * 0.5::float8 AS c FROM generate_series(1, 5000) i`,
  );
  const { body, rows } = await withSource(db.source, async (source) => {
    const stream = await discoverOne(source, 'public.plain');
    for await (const batch of source.read([full(stream, 'copy-binary/1')])) {
      if (batch.kind !== 'raw') continue;
      const chunks: Uint8Array[] = [];
      for await (const chunk of batch.body) chunks.push(chunk);
      return { body: Buffer.concat(chunks), rows: batch.rows() };
    }
    throw new Error('no raw batch');
  });
  expect(rows).toBe(5000);
  expect(body.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0');
  expect(body.subarray(-2)).toEqual(Buffer.from([0xff, 0xff]));
  const sizes = Array.from({ length: 5000 }, (_, i) => 2 + 4 + 8 + 4 + ((i + 1) % 300) + 4 + 8).reduce(
    (a, b) => a + b,
    0,
  );
  expect(body.length).toBe(19 + sizes + 2);
});

const readRows = (id: string): Promise<Row[]> =>
  withSource(db.source, async (source) => {
    const rows: Row[] = [];
    for await (const batch of source.read([full(await discoverOne(source, id))]))
      if (batch.kind === 'rows') rows.push(...batch.rows);
    return rows;
  });

test('rows have the JavaScript values that the contract fixes', async () => {
  await db.query(`CREATE TABLE js AS SELECT true AS a, 1::int2 AS b, 9007199254740991 AS c, 9007199254740992 AS d, 0.1::real AS e, '-0'::float8 AS f,
    1.50::numeric AS g, 'é'::text AS h, '\\x00ff'::bytea AS i, '0044-03-15 BC'::date AS j, '24:00'::time AS k, '2024-01-01 00:00:00.5'::timestamp AS l,
    '2024-01-01 02:00:00+02'::timestamptz AS m, '0044-03-15 12:00+00 BC'::timestamptz AS n, '1 mon -1 day'::interval AS o,
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS p, '{"b":1,  "a":2}'::json AS q, '{1,NULL}'::int[] AS r, NULL::text AS s, '{a}'::text[] AS t, 'infinity'::timestamp AS u`);
  expect(await readRows('public.js')).toEqual([
    [
      true,
      1,
      9007199254740991,
      9007199254740992n,
      0.1,
      -0,
      '1.50',
      'é',
      new Uint8Array([0, 255]),
      '0044-03-15 BC',
      '24:00:00',
      '2024-01-01 00:00:00.5',
      '2024-01-01 00:00:00Z',
      '0044-03-15 12:00:00Z BC',
      '1 mon -1 days',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      '{"b":1,  "a":2}',
      '[1,null]',
      null,
      '["a"]',
      'infinity',
    ],
  ]);
});

const readCsv = (id: string): Promise<string> =>
  withSource(db.source, async (source) => {
    let text = '';
    for await (const batch of source.read([full(await discoverOne(source, id), 'csv/1')])) {
      if (batch.kind === 'raw') for await (const chunk of batch.body) text += Buffer.from(chunk).toString();
    }
    return text;
  });

test('csv/1 renders each type as its page says', async () => {
  await db.query(`CREATE TABLE csv AS SELECT true AS a, 0.1::real AS b, 1e21::float8 AS c, 1.50::numeric AS d, 'q"NULL'::text AS e, '\\x00FF'::bytea AS f,
    '10000-01-01'::date AS g, '2024-01-01 00:00:00.5'::timestamp AS h, '2024-01-01 02:00:00+02'::timestamptz AS i, '{"a": 1}'::jsonb AS j,
    '{{1,2}}'::int[] AS k, NULL::text AS l, 'NULL'::text AS m, ''::text AS n, '12:00:00.25'::time AS o, 'ab'::char(4) AS p, 12.5::money AS q`);
  expect(await readCsv('public.csv')).toBe(
    '"1","0.1","1e+21","1.50","q""NULL","00ff","10000-01-01","2024-01-01 00:00:00.5","2024-01-01 00:00:00","{""a"": 1}","[[1,2]]",NULL,"NULL","","12:00:00.25","ab  ","12.50"\n',
  );
});

test.each([
  ['double precision', "'NaN'"],
  ['real', "'-Infinity'"],
  ['numeric', "'NaN'"],
  ['date', "'0044-03-15 BC'"],
  ['timestamp', "'infinity'"],
  ['timestamptz', "'0001-12-31 23:59:59+00 BC'"],
  ['integer[]', "'[0:1]={1,2}'"],
  ['jsonb[]', "ARRAY['null']::jsonb[]"],
])('csv/1 cannot say %s %s: the stream and the column are named, and the session goes on', async (type, value) => {
  await db.query(
    `DROP TABLE IF EXISTS unsayable; CREATE TABLE unsayable (ok int, "bad ""col" ${type}); INSERT INTO unsayable VALUES (1, NULL), (2, ${value})`,
  );
  await withSource(db.source, async (source) => {
    const stream = await discoverOne(source, 'public.unsayable');
    const read = async (): Promise<void> => {
      for await (const batch of source.read([full(stream, 'csv/1')]))
        if (batch.kind === 'raw') for await (const _ of batch.body);
    };
    await expect(read()).rejects.toMatchObject({
      class: 'data',
      code: 'value-rejected',
      stream: 'public.unsayable',
      message: expect.stringContaining('bad \\"col'),
    });
    expect(await source.discover(['public.unsayable'])).toHaveLength(1);
  });
});

test('an array with bounds of its own is refused as rows, and travels whole as bytes', async () => {
  await db.query(`CREATE TABLE bounds AS SELECT '[0:1]={1,2}'::int[] AS a`);
  await expect(readRows('public.bounds')).rejects.toMatchObject({ class: 'data', stream: 'public.bounds' });
  await withSource(db.source, (source) =>
    withDestination(db.destination, async (destination) => {
      const stream = await discoverOne(source, 'public.bounds');
      await pump({
        source,
        destination,
        lane: lane('bounds'),
        request: full(stream, 'copy-binary/1'),
        target: target(['bounds_copy'], 'replace'),
      });
    }),
  );
  expect(await db.query('SELECT a::text FROM bounds_copy')).toEqual([{ a: '[0:1]={1,2}' }]);
});
