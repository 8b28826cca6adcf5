import type { Encoding, Row } from '@sluice/connector-sdk';
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

/** Type, and the values that tell an exact copy from a bent one. */
const cases: readonly (readonly [string, readonly string[]])[] = [
  ['boolean', ['true', 'false']],
  ['smallint', ['-32768', '32767', '0']],
  ['integer', ['-2147483648', '2147483647']],
  [
    'bigint',
    ['-9223372036854775808', '9223372036854775807', '9007199254740991', '9007199254740993', '-9007199254740993'],
  ],
  ['oid', ['0', '4294967295']],
  [
    'real',
    [
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      "'-0'",
      '0.1',
      '1.17549435e-38',
      '1e-45',
      '3.4028235e38',
      '16777217',
      '123456789',
    ],
  ],
  [
    'double precision',
    [
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      "'-0'",
      '0.1',
      '5e-324',
      '1.7976931348623157e308',
      '1e21',
      '9007199254740993',
    ],
  ],
  [
    'numeric',
    [
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      '0',
      '0.000',
      '-0.00000001',
      '1e-20',
      '123456789012345678901234567890.123456789',
      '10000',
      '1e130',
      '99990000.0001',
      '0.00010',
    ],
  ],
  ['numeric(12,2)', ['-9999999999.99', '0.10', "'NaN'"]],
  ['numeric(3,-2)', ['12300']],
  ['money', ['-92233720368547758.08', '12.34']],
  [
    'text',
    [
      "''",
      "'NULL'",
      "'\\N'",
      "'\\.'",
      "E'tab\\tnl\\ncr\\rbs\\\\ vt\\x0b ff\\x0c bell\\x07 del\\x7f'",
      "'𝒳 é \"q\" ''s'' , ;'",
      "repeat('ä', 100000)",
    ],
  ],
  ['character varying(5)', ["'ab   '", "''"]],
  ['character(5)', ["'ab'", "''", "'abcde'"]],
  ['name', ["'a name'"]],
  ['"char"', ["'x'", "''"]],
  [
    'bytea',
    [
      "''",
      "'\\x00ff5c0a09'",
      `'\\x${Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0')).join('')}'`,
    ],
  ],
  [
    'date',
    [
      "'infinity'",
      "'-infinity'",
      "'4714-11-24 BC'",
      "'0001-12-31 BC'",
      "'0001-01-01'",
      "'2024-02-29'",
      "'5874897-12-31'",
      "'10000-01-01'",
    ],
  ],
  ['time', ["'00:00:00'", "'24:00:00'", "'23:59:59.999999'", "'12:00:00.5'"]],
  ['time(3)', ["'23:59:59.123'"]],
  ['time with time zone', ["'12:00:00.123456+05:30'", "'24:00:00-15:59'"]],
  [
    'timestamp',
    [
      "'infinity'",
      "'-infinity'",
      "'4714-11-24 00:00:00 BC'",
      "'294276-12-31 23:59:59.999999'",
      "'2024-02-29 12:34:56.789'",
      "'0044-03-15 12:00:00 BC'",
      "'1999-12-31 23:59:59.999999'",
    ],
  ],
  ['timestamp(0)', ["'2024-02-29 12:34:56'"]],
  [
    'timestamp with time zone',
    [
      "'infinity'",
      "'-infinity'",
      "'4714-11-24 00:00:00+00 BC'",
      "'294276-12-31 23:59:59.999999+00'",
      "'2024-03-31 02:30:00.000001+02'",
      "'0044-03-15 12:00:00+00 BC'",
    ],
  ],
  ['interval', ["'1 year 2 months -3 days 04:05:06.789'", "'-838:59:59.999999'", "'0'", "'178000000 years'"]],
  ['interval day to second(3)', ["'3 days 04:05:06.789'"]],
  ['uuid', ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"]],
  ['json', [`'{"a": 1.0, "a":  2, "n": 12345678901234567890.10}'`, "'null'", `'"\\u0000 x"'`]],
  ['jsonb', [`'{"a": 1.0, "n": 12345678901234567890.10}'`, "'null'", "'[1, [2]]'"]],
  ['xml', [`'<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'`, "'<a/>text'"]],
  ['inet', ["'192.168.0.1/24'", "'::1'"]],
  ['cidr', ["'10.0.0.0/8'", "'2001:db8::/32'"]],
  ['macaddr', ["'08:00:2b:01:02:03'"]],
  ['macaddr8', ["'08:00:2b:01:02:03:04:05'"]],
  ['bit(5)', ["B'10110'"]],
  ['bit varying', ["B'1'", "B'101101110'", "B''"]],
  ['bit varying(9)', ["B'101101110'"]],
  ['point', ["'(1.5,-0)'"]],
  ['line', ["'{1,2,3}'"]],
  ['lseg', ["'[(0,0),(1,1)]'"]],
  ['box', ["'(1,1),(0,0)'"]],
  ['path', ["'((0,0),(1,1))'", "'[(0,0),(1,1)]'"]],
  ['polygon', ["'((0,0),(1,1),(1,0))'"]],
  ['circle', ["'<(0,0),1.5>'"]],
  ['tsvector', ["'a fat:2A cat:3'", "''"]],
  ['tsquery', ["'fat & !cat'"]],
  ['pg_lsn', ["'16/B374D848'"]],
  ['jsonpath', ["'$.a[*] ? (@ > 1)'"]],
  ['int4range', ["'[1,5)'", "'empty'", "'(,)'"]],
  ['int8range', ["'[1,5)'"]],
  ['numrange', ["'(1.5,2.50]'"]],
  ['tsrange', ["'[2020-01-01,2021-01-01)'"]],
  ['tstzrange', ["'[2020-01-01 00:00+00,infinity]'"]],
  ['daterange', ["'[2020-01-01,2021-01-01)'"]],
  ['int4multirange', ["'{[1,3),[5,9)}'"]],
  ['datemultirange', ["'{}'"]],
  ['integer[]', ["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'"]],
  ['text[]', [`'{"a,b","NULL",NULL,"","q\\"\\\\ \\n{}"}'`]],
  ['numeric(12,2)[]', ["'{1.10,NaN}'"]],
  ['double precision[]', ["'{NaN,Infinity,-0,1e300}'"]],
  ['boolean[]', ["'{t,f}'"]],
  ['bytea[]', [`'{"\\\\x00ff"}'`]],
  ['timestamp with time zone[]', [`'{"2024-01-01 00:00:00.5+00",infinity}'`]],
  ['date[]', [`'{"0044-03-15 BC"}'`]],
  ['uuid[]', ["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"]],
  ['jsonb[]', [`ARRAY['{"a": [1, "]"]}', '[1]', '"null"', NULL]::jsonb[]`]],
  ['int4range[]', [`'{"[1,2)"}'`]],
  ['mood', ["'happy'", "'it''s \"ok\"'"]],
  ['mood[]', [`'{happy,NULL}'`]],
  ['positive', ['7']],
  ['short_text', ["'abc'"]],
  ['mood_domain', ["'happy'"]],
  ['pair', ["ROW(1, 'a,\"b')"]],
  ['xid', ["'42'"]],
  ['regclass', ["'pg_class'"]],
];
const columns = cases.map(([type], i) => ({ name: `c${i}`, type }));

beforeAll(async () => {
  await db.query(`CREATE TYPE mood AS ENUM ('happy', 'it''s "ok"');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE DOMAIN short_text AS varchar(10);
    CREATE DOMAIN mood_domain AS mood; CREATE TYPE pair AS (a integer, b text)`);
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
