/** Values that a column of someone else's table would change without an error or a warning: each is refused, its neighbours are not. */
import type { Column, DestinationSession, Stream, Value, WriteMode } from '@sluice/connector-sdk';
import { csv1 } from '@sluice/encodings';
import { Lab, laneOf, servers, targetOf } from './lab.js';

const col = (name: string, type: Column['type'], more: Partial<Column> = {}): Column => ({
  name,
  type,
  nullable: true,
  native: type,
  ...more,
});
const streamOf = (column: Column): Stream => ({
  id: 'public.orders',
  path: ['public', 'orders'],
  system: 'postgres',
  columns: [col('id', 'int32', { nullable: false }), column],
  key: ['id'],
  modes: ['full'],
  cursors: [],
});

const text = Buffer.from.bind(Buffer) as (value: string) => Buffer;
/** [definition, stream's type, what would be bent, what is taken, and how it is shown] */
type Case = readonly [string, Column, readonly Value[], readonly (readonly [Value, string | null])[], string];
const cases: readonly Case[] = [
  ['BINARY(4)', col('v', 'bytes'), [text('abc'), text('')], [[text('abcd'), '61626364']], 'HEX(v)'],
  [
    'CHAR(4)',
    col('v', 'string'),
    ['ab ', ' '],
    [
      ['ab', '6162'],
      ['', ''],
      [' b', '2062'],
      [null, null],
    ],
    'HEX(v)',
  ],
  [
    `ENUM('a','it''s')`,
    col('v', 'string'),
    ['A', '1', 'a '],
    [
      ['a', 'a'],
      [`it's`, `it's`],
      [null, null],
    ],
    'v',
  ],
  [
    `ENUM('1','0')`,
    col('v', 'string'),
    ['2'],
    [
      ['1', '1'],
      ['0', '0'],
    ],
    'v',
  ],
  [
    `SET('a','b')`,
    col('v', 'string'),
    ['b,a', 'A', 'a,a', '1'],
    [
      ['a,b', 'a,b'],
      ['', ''],
      ['b', 'b'],
    ],
    'v',
  ],
  [
    'YEAR',
    col('v', 'int16'),
    [7, 99],
    [
      [2024, '2024'],
      [0, '0000'],
      [null, null],
    ],
    'v',
  ],
  [
    'TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)',
    col('v', 'timestamptz'),
    [null],
    [['2024-01-02 03:04:05.678901Z', '2024-01-02 03:04:05.678901']],
    'v',
  ],
  [
    'INT NOT NULL AUTO_INCREMENT, KEY (v)',
    col('v', 'int32'),
    [null],
    [
      [0, '0'],
      [5, '5'],
    ],
    'v',
  ],
  ['TINYTEXT', col('v', 'string'), ['x'.repeat(300)], [['x'.repeat(255), '255']], 'LENGTH(v)'],
  ['BLOB', col('v', 'bytes'), [Buffer.alloc(65_536)], [[Buffer.alloc(65_535), '65535']], 'LENGTH(v)'],
];

describe.each(servers)('values that would be bent, %s', (_, url) => {
  let lab: Lab;
  let to: DestinationSession;
  let loads = 0;
  beforeAll(async () => void (lab = await Lab.open(url)));
  afterAll(() => lab.close());

  async function load(mode: WriteMode, way: string, stream: Stream, value: Value): Promise<void> {
    const lane = laneOf(`load ${(loads += 1)}`);
    await to.resume(lane);
    await to.prepare(stream, targetOf('orders', mode, ['id']));
    const rows = [[1, value]];
    if (way === 'bytes') {
      const bytes = csv1.encoder(stream.columns).rows(rows);
      const body = (async function* () {
        yield bytes;
      })();
      await to.write({ kind: 'raw', stream: stream.id, encoding: 'csv/1', body, rows: () => 1 });
    } else await to.write({ kind: 'rows', stream: stream.id, rows });
    await to.commit({ v: 1 }, mode === 'replace' ? stream.id : undefined);
  }

  describe.each(['rows', 'bytes', 'inserts'])('as %s', (way) => {
    beforeAll(async () => void (to = Object.assign(await lab.destination(), { localInfile: way !== 'inserts' })));
    afterAll(() => lab.tidy());

    test.each(cases)('%s', async (definition, column, bent, taken, show) => {
      const stream = streamOf(column);
      for (const mode of ['replace', 'upsert', 'append'] as const) {
        await lab.sql('DROP TABLE IF EXISTS orders');
        await lab.sql(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, v ${definition})`);
        for (const value of bent)
          await expect(load(mode, way, stream, value)).rejects.toMatchObject({
            class: 'data',
            stream: stream.id,
            message: expect.stringMatching(/column "v": values that|cut|too long|ER_DATA_TOO_LONG/i),
          });
        expect(await lab.sql('SELECT * FROM orders')).toEqual([]);
        for (const [value, shown] of taken) {
          await load(mode, way, stream, value);
          expect([mode, value, await lab.sql(`SELECT ${show} FROM orders`)]).toEqual([mode, value, [[shown]]]);
          if (mode === 'append') await lab.sql('DELETE FROM orders');
        }
      }
    });
  });

  test('what rounds by its type, or fills up bits, is not written to; a replacement gives it the type of the stream', async () => {
    to = await lab.destination();
    for (const [definition, column, value, shown] of [
      ['DOUBLE(9,2)', col('v', 'float64'), 1.23456, '1.23456'],
      ['FLOAT(7,2)', col('v', 'float32'), 1.25, '1.25'],
      ['BIT(16)', col('v', 'bytes'), text('a'), 'a'],
    ] as const) {
      await lab.sql('DROP TABLE IF EXISTS orders');
      await lab.sql(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, v ${definition})`);
      await expect(load('upsert', 'rows', streamOf(column), value)).rejects.toMatchObject({ code: 'target-mismatch' });
      await load('replace', 'rows', streamOf(column), value);
      expect(await lab.sql('SELECT v FROM orders')).toEqual([[shown]]);
    }
  });

  test('a column of the very type that the source has takes what the source has', async () => {
    to = await lab.destination();
    await lab.sql('DROP TABLE IF EXISTS orders');
    await lab.sql(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, v ENUM('a','B'))`);
    const own = { ...streamOf(col('v', 'string', { native: `enum('a','B')` })), system: 'mysql' };
    for (const mode of ['replace', 'upsert'] as const) await load(mode, 'rows', own, 'B');
    expect(await lab.sql('SELECT v FROM orders')).toEqual([['B']]);
  });

  test('keys that only the target takes for one do not overwrite each other, though the source is of the family', async () => {
    to = await lab.destination();
    const native = { nullable: false, native: 'varchar(20)', length: 20 };
    const stream = { ...streamOf(col('v', 'int32')), system: 'mysql', key: ['k'] };
    const keyed: Stream = { ...stream, columns: [col('k', 'string', native), col('v', 'int32')] };
    for (const columns of ['k VARCHAR(20) COLLATE utf8mb4_general_ci', 'k VARCHAR(20) CHARACTER SET latin1']) {
      await lab.sql('DROP TABLE IF EXISTS orders');
      await lab.sql(`CREATE TABLE orders (${columns} PRIMARY KEY, v INT)`);
      await to.resume(laneOf(`folds ${(loads += 1)}`));
      await to.prepare(keyed, targetOf('orders', 'upsert', ['k']));
      await to.write({
        kind: 'rows',
        stream: keyed.id,
        rows: [
          ['a', 1],
          ['b', 3],
        ],
      });
      await to.commit({ v: 1 });
      await to.write({
        kind: 'rows',
        stream: keyed.id,
        rows: [
          ['c', 1],
          ['C', 2],
        ],
      });
      await expect(to.commit({ v: 2 })).rejects.toMatchObject({ class: 'data', code: 'target-mismatch' });
      expect(await lab.sql('SELECT k, v FROM orders ORDER BY k')).toEqual([
        ['a', '1'],
        ['b', '3'],
      ]);
    }
  });
});
