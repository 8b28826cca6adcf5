import type { Change, Row } from '@sluice/connector-sdk';
import { followed, here, rowsOf, streamsOf } from './changes-lab.js';
import { Lab, servers } from './lab.js';

type Column = readonly [type: string, ...values: string[]];
/** Every type of the README, with the values at its edges. */
const common: readonly Column[] = [
  ['tinyint', '-128', '127', '0'],
  ['tinyint unsigned', '255', '0'],
  ['smallint', '-32768', '32767'],
  ['smallint unsigned', '65535'],
  ['mediumint', '-8388608', '8388607'],
  ['mediumint unsigned', '16777215'],
  ['int', '-2147483648', '2147483647'],
  ['int unsigned', '4294967295'],
  ['int(8) unsigned zerofill', '42'],
  ['bigint', '-9223372036854775808', '9223372036854775807', '9007199254740991', '-9007199254740993'],
  ['bigint unsigned', '18446744073709551615', '0'],
  ['bigint unsigned zerofill', '7'],
  ['decimal(65,30)', `-${'9'.repeat(35)}.${'9'.repeat(30)}`, '0', '-0.000000000000000000000000000001'],
  ['decimal(10,2)', '0.1', '-12345678.9', '0'],
  ['decimal(9,9)', '0.123456789', '-0.000000001'],
  ['decimal(18,0)', '123456789012345678', '-1'],
  ['decimal(5,3) unsigned zerofill', '1.5'],
  ['float', '0.1', '16777216', '3.4028234e38', '1e-45', '-2.5', '1234567', '0.3333333'],
  ['double', '0.1', '1.7976931348623157e308', '5e-324', '-123456789012345680'],
  ['year', '2155', '0', '1901'],
  ['bit(1)', `b'1'`, `b'0'`],
  ['bit(9)', `b'100000001'`, '0'],
  ['bit(16)', '258'],
  ['bit(64)', '18446744073709551615', '1'],
  ['date', `'9999-12-31'`, `'1000-01-01'`, `'2024-02-29'`],
  ['datetime', `'9999-12-31 23:59:59'`, `'1000-01-01 00:00:00'`],
  ['datetime(1)', `'2024-02-29 12:34:56.7'`],
  ['datetime(3)', `'2024-02-29 00:00:00.100'`],
  ['datetime(6)', `'2024-02-29 00:00:00.000001'`, `'2024-12-31 23:59:59.999999'`],
  ['timestamp null', `'1970-01-01 00:00:01'`, `'2038-01-19 03:14:07'`],
  ['timestamp(2) null', `'2024-06-01 00:00:00.25'`],
  ['timestamp(6) null', `'2038-01-19 03:14:07.999999'`, `'1970-01-01 00:00:01.000001'`],
  ['time', `'-838:59:59'`, `'24:00:00'`, `'00:00:00'`, `'-00:00:01'`],
  ['time(1)', `'-00:00:00.1'`, `'10:11:12.9'`],
  ['time(4)', `'-01:00:00.0001'`, `'838:59:58.9999'`],
  ['time(6)', `'00:00:00.5'`, `'-00:00:01.500000'`, `'-838:59:58.999999'`],
  ['char(10)', `'a'`, `'a  '`, `''`, `'é\u{1F600}'`],
  ['char(200)', `REPEAT('\u{1F600}', 200)`],
  ['varchar(20)', `'trailing  '`, `''`, `'NULL'`],
  ['varchar(300)', `REPEAT('é', 300)`],
  ['varchar(20) character set latin1', `_latin1 X'E980818D'`, `'plain'`],
  ['varchar(20) character set latin2', `'ąę'`],
  ['varchar(20) character set cp1251', `'Привет'`],
  ['varchar(20) character set koi8r', `'Привет'`],
  ['varchar(20) character set greek', `'Ωμέγα'`],
  ['varchar(20) character set ucs2', `'é'`],
  ['char(20) character set ucs2', `'é '`],
  ['varchar(20) character set utf16', `'\u{1F600}é'`],
  ['varchar(20) character set utf16le', `'\u{1F600}é'`],
  ['varchar(20) character set utf32', `'\u{1F600}é'`],
  ['varchar(20) character set gbk', `'你好，世界'`],
  ['varchar(20) character set big5', `'你好'`],
  ['varchar(20) character set sjis', `'こんにちは'`],
  ['varchar(20) character set cp932', `'①こんにちは'`],
  ['varchar(20) character set ujis', `'こんにちは'`],
  ['varchar(20) character set euckr', `'안녕'`],
  ['varchar(20) character set tis620', `'สวัสดี'`],
  ['varchar(20) character set macroman', `'é'`],
  ['varchar(20) character set ascii', `'ascii'`],
  ['tinytext', `'"q"\\t\\n\\r'`],
  ['text', `'text'`],
  ['mediumtext', `'medium'`],
  ['longtext', `REPEAT('x', 70000)`],
  ['binary(4)', `X'00ff'`, `X'00000000'`, `X'ffffffff'`],
  ['binary(255)', `X'01'`],
  ['varbinary(10)', `X''`, `X'0000'`],
  ['varbinary(400)', `REPEAT(X'07', 400)`],
  ['tinyblob', `X'00'`],
  ['blob', `X'deadbeef'`, `X''`],
  ['longblob', `REPEAT(X'5c', 70000)`],
  [`enum('a','b''c','d,e','back\\\\slash','é')`, `'b''c'`, `'d,e'`, `'back\\\\slash'`, `'é'`, `0`],
  [`enum(${Array.from({ length: 300 }, (_, i) => `'m${i}'`).join(',')})`, `'m299'`, `'m0'`],
  [`enum('ж','ы') character set cp1251`, `'ы'`],
  [`set('x','y','z')`, `'x,z'`, `''`, `'y'`],
  [`set(${Array.from({ length: 64 }, (_, i) => `'s${i}'`).join(',')})`, `'s0,s63'`, `18446744073709551615`],
  [
    'json',
    `'{"a": [1, "\\\\"x\\\\""], "bb": null}'`,
    `'[]'`,
    `'"text"'`,
    `'{"n": 1.0, "e": 1e300, "big": 18446744073709551615, "neg": -1, "t": true, "f": false, "deep": {"x": {"y": [[]]}}}'`,
    `'[1.5e-10, 0.1, 123456789012345680000, 1e15, 1e16, -0.0, 65536, -32769, 4294967296]'`,
    `CONCAT('{"long": "', REPEAT('é', 40000), '", "k": 7}')`,
  ],
  ['geometry', `ST_GeomFromText('POINT(1 2)', 0)`, `ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326)`],
  ['point', `ST_GeomFromText('POINT(-1 0.5)', 0)`],
];
const mariadb: readonly Column[] = [
  [
    'uuid',
    `'0B0E3A5E-6C1F-4A7E-9A52-8F7F1F9C0D11'`,
    `'018f9c3e-7b7a-7cc0-98c4-dc0c0c07398f'`,
    `'ffffffff-ffff-ffff-ffff-ffffffffffff'`,
    `'00000000-0000-0000-0000-000000000000'`,
    `'6ccd780c-baba-1026-9564-5b8c656024db'`,
  ],
  [
    'inet6',
    `'2001:db8::1'`,
    `'::'`,
    `'::1'`,
    `'::ffff:1.2.3.4'`,
    `'::1.2.3.4'`,
    `'1:0:0:2::3'`,
    `'1:2:3:4:5:6:7:8'`,
    `'1:0:2:3:4:5:6:7'`,
    `'fe80::'`,
  ],
  ['timestamp(6) null', `'1970-01-01 00:00:00.000001'`],
  ['inet4', `'10.0.0.1'`, `'0.0.0.0'`, `'255.255.255.255'`],
];
const mysql: readonly Column[] = [
  [
    'json',
    `JSON_OBJECT('d', CAST('1.50' AS DECIMAL(10,2)), 'dt', TIMESTAMP'2024-02-29 12:00:00.5', 'da', DATE'2024-02-29', 't', TIME'-12:00:01.25', 'b', CAST(X'00ff' AS BINARY))`,
    `JSON_ARRAY(CAST(1 AS UNSIGNED), 3.0e0, 1e14, 6.02214076e23, 0.00001, PI())`,
  ],
  ['vector(3)', `STRING_TO_VECTOR('[1,2.5,-3]')`],
];

describe.each(servers)('rows of the log are the rows of a full read, %s', (name, url) => {
  let lab: Lab;
  const columns = [...common, ...(name === 'mariadb' ? mariadb : mysql)];
  const names = columns.map((_, i) => `c${i}`);
  const deepest = Math.max(...columns.map(([, ...values]) => values.length));
  const rowOf = (id: number): string =>
    `(${[String(id), ...columns.map(([, ...values]) => values[id] ?? 'NULL')].join(', ')})`;

  beforeAll(async () => {
    lab = await Lab.open(url);
    await lab.sql(
      `CREATE TABLE v (id int primary key, ${columns.map(([type], i) => `c${i} ${type}`).join(', ')}) ROW_FORMAT=DYNAMIC`,
    );
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  const byColumn = (row: Row): unknown => columns.map(([type], i) => [`c${i}`, type.slice(0, 60), row[i + 1]]);

  test('every type at its edges: inserted, updated, deleted', async () => {
    const streams = await streamsOf(lab, 'v');
    const after = await here(lab);
    for (let id = 0; id < deepest; id++) await lab.sql(`INSERT INTO v (id, ${names.join(', ')}) VALUES ${rowOf(id)}`);
    const rows = await rowsOf(lab, streams[0]!.stream);
    await lab.sql('UPDATE v SET id = id + 100');
    await lab.sql('DELETE FROM v');
    const { changes, schemas } = await followed(lab, streams, { after });
    const of = (op: Change['op']): Change[] => changes.filter((change) => change.op === op);
    expect(schemas).toEqual([]);
    expect([of('insert').length, of('update').length, of('delete').length]).toEqual([deepest, deepest, deepest]);
    for (const [i, row] of rows.entries()) {
      const insert = of('insert')[i] as Extract<Change, { op: 'insert' }>;
      expect(byColumn(insert.after)).toEqual(byColumn(row));
      const update = of('update').find((c) => c.op === 'update' && c.before?.[0] === row[0]) as Extract<
        Change,
        { op: 'update' }
      >;
      expect(byColumn(update.before!)).toEqual(byColumn(row));
      expect(byColumn(update.after)).toEqual(byColumn(row));
      expect(update.after[0]).toBe(Number(row[0]) + 100);
    }
  });
});
