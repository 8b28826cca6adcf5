import { type Row, type Stream, isSluiceError } from '@sluice/connector-sdk';
import { Lab, full, laneOf, pump, readOut, servers, targetOf } from './lab.js';

/** DDL, the value in SQL, the value in rows, its text in COPY text. */
type Case = readonly [type: string, logical: string, sql: string, value: unknown, copy: string];
const cases: readonly Case[] = [
  ['tinyint', 'int16', '-128', -128, '-128'],
  ['tinyint unsigned', 'int16', '255', 255, '255'],
  ['smallint', 'int16', '-32768', -32768, '-32768'],
  ['smallint unsigned', 'int32', '65535', 65535, '65535'],
  ['mediumint', 'int32', '-8388608', -8388608, '-8388608'],
  ['mediumint unsigned', 'int32', '16777215', 16777215, '16777215'],
  ['int', 'int32', '-2147483648', -2147483648, '-2147483648'],
  ['int unsigned', 'int64', '4294967295', 4294967295, '4294967295'],
  ['int(8) unsigned zerofill', 'int64', '42', 42, '42'],
  ['bigint', 'int64', '-9223372036854775808', -9223372036854775808n, '-9223372036854775808'],
  ['bigint', 'int64', '9223372036854775807', 9223372036854775807n, '9223372036854775807'],
  ['bigint', 'int64', '9007199254740991', 9007199254740991, '9007199254740991'],
  ['bigint unsigned', 'decimal', '18446744073709551615', '18446744073709551615', '18446744073709551615'],
  ['bigint unsigned zerofill', 'decimal', '7', '7', '7'],
  [
    'decimal(65,30)',
    'decimal',
    `-${'9'.repeat(35)}.${'9'.repeat(30)}`,
    `-${'9'.repeat(35)}.${'9'.repeat(30)}`,
    `-${'9'.repeat(35)}.${'9'.repeat(30)}`,
  ],
  ['decimal(10,2)', 'decimal', '0.1', '0.10', '0.10'],
  ['float', 'float32', '0.1', 0.1, '0.1'],
  ['float', 'float32', '16777216', 16777216, '16777216'],
  ['float', 'float32', '3.4028234e38', 3.4028235e38, '3.4028235e+38'],
  ['float', 'float32', '1e-45', 1e-45, '1e-45'],
  ['double', 'float64', '0.1', 0.1, '0.1'],
  ['double', 'float64', '1.7976931348623157e308', 1.7976931348623157e308, '1.7976931348623157e308'],
  ['double', 'float64', '5e-324', 5e-324, '5e-324'],
  ['double', 'float64', '123456789012345680', 123456789012345680, '1.2345678901234568e17'],
  ['bit(1)', 'boolean', `b'1'`, true, 't'],
  ['bit(1)', 'boolean', `b'0'`, false, 'f'],
  ['bit(9)', 'bytes', `b'100000001'`, Buffer.from([1, 1]), '\\\\x0101'],
  ['bit(64)', 'bytes', '18446744073709551615', Buffer.alloc(8, 255), '\\\\xffffffffffffffff'],
  ['year', 'int16', '2155', 2155, '2155'],
  ['year', 'int16', '0', 0, '0'],
  ['date', 'date', `'9999-12-31'`, '9999-12-31', '9999-12-31'],
  ['date', 'date', `'1000-01-01'`, '1000-01-01', '1000-01-01'],
  ['datetime', 'timestamp', `'9999-12-31 23:59:59'`, '9999-12-31 23:59:59', '9999-12-31 23:59:59'],
  [
    'datetime(6)',
    'timestamp',
    `'2024-02-29 00:00:00.000001'`,
    '2024-02-29 00:00:00.000001',
    '2024-02-29 00:00:00.000001',
  ],
  ['datetime(3)', 'timestamp', `'2024-02-29 00:00:00.100'`, '2024-02-29 00:00:00.1', '2024-02-29 00:00:00.100'],
  [
    'timestamp(6) null',
    'timestamptz',
    `'2038-01-19 03:14:07.999999'`,
    '2038-01-19 03:14:07.999999Z',
    '2038-01-19 03:14:07.999999+00',
  ],
  ['timestamp null', 'timestamptz', `'1970-01-01 00:00:01'`, '1970-01-01 00:00:01Z', '1970-01-01 00:00:01+00'],
  ['time', 'duration', `'-838:59:59'`, '-838:59:59', '-838:59:59'],
  ['time(6)', 'duration', `'00:00:00.5'`, '00:00:00.5', '00:00:00.500000'],
  ['time', 'duration', `'24:00:00'`, '24:00:00', '24:00:00'],
  ['char(10)', 'string', `'a'`, 'a', 'a'],
  ['varchar(20)', 'string', `'trailing  '`, 'trailing  ', 'trailing  '],
  ['varchar(20)', 'string', `''`, '', ''],
  ['varchar(20)', 'string', `'NULL'`, 'NULL', 'NULL'],
  ['varchar(20)', 'string', `'\\\\N'`, '\\N', '\\\\N'],
  ['varchar(20) character set latin1', 'string', `_latin1 X'E980'`, 'é€', 'é€'],
  ['varchar(20) character set utf8mb4', 'string', `'\u{1F600}'`, '\u{1F600}', '\u{1F600}'],
  ['varchar(20) character set ucs2', 'string', `'é'`, 'é', 'é'],
  ['tinytext', 'string', `'"q"\\t\\n\\r'`, '"q"\t\n\r', '"q"\\t\\n\\r'],
  ['text', 'string', `'text'`, 'text', 'text'],
  ['mediumtext', 'string', `'medium'`, 'medium', 'medium'],
  ['longtext', 'string', `REPEAT('x', 70000)`, 'x'.repeat(70000), 'x'.repeat(70000)],
  ['binary(4)', 'bytes', `X'00ff'`, Buffer.from([0, 255, 0, 0]), '\\\\x00ff0000'],
  ['varbinary(10)', 'bytes', `X''`, Buffer.alloc(0), '\\\\x'],
  ['tinyblob', 'bytes', `X'00'`, Buffer.from([0]), '\\\\x00'],
  ['blob', 'bytes', `X'deadbeef'`, Buffer.from('deadbeef', 'hex'), '\\\\xdeadbeef'],
  ['longblob', 'bytes', `REPEAT(X'5c', 70000)`, Buffer.alloc(70000, 0x5c), `\\\\x${'5c'.repeat(70000)}`],
  [`enum('a','b''c','d,e')`, 'string', `'b''c'`, `b'c`, `b'c`],
  [`set('x','y','z')`, 'string', `'x,z'`, 'x,z', 'x,z'],
  ['json', 'json', `'{"a": [1, "\\\\"x\\\\""]}'`, '{"a": [1, "\\"x\\""]}', '{"a": [1, "\\\\"x\\\\""]}'],
  [
    'geometry',
    'bytes',
    `ST_GeomFromText('POINT(1 2)', 0)`,
    Buffer.from('000000000101000000000000000000f03f0000000000000040', 'hex'),
    '\\\\x000000000101000000000000000000f03f0000000000000040',
  ],
  ['varchar(20)', 'string', 'NULL', null, '\\N'],
  ['blob', 'bytes', 'NULL', null, '\\N'],
  ['timestamp null', 'timestamptz', 'NULL', null, '\\N'],
];
const mariadbCases: readonly Case[] = [
  [
    'uuid',
    'uuid',
    `'0B0E3A5E-6C1F-4A7E-9A52-8F7F1F9C0D11'`,
    '0b0e3a5e-6c1f-4a7e-9a52-8f7f1f9c0d11',
    '0b0e3a5e-6c1f-4a7e-9a52-8f7f1f9c0d11',
  ],
  ['inet6', 'string', `'2001:db8::1'`, '2001:db8::1', '2001:db8::1'],
  ['inet4', 'string', `'10.0.0.1'`, '10.0.0.1', '10.0.0.1'],
];

describe.each(servers)('types, by value, %s', (name, url) => {
  let lab: Lab;
  let stream: Stream;
  const all = name === 'mariadb' ? [...cases, ...mariadbCases] : cases;
  const names = all.map((_, i) => `c${i}`);
  const expected = [[1, ...all.map((each) => each[3])]] as Row[];

  beforeAll(async () => {
    lab = await Lab.open(url);
    const columns = all.map(([type], i) => `c${i} ${type}`);
    await lab.sql(`CREATE TABLE types (id int primary key, ${columns.join(', ')}) ROW_FORMAT=DYNAMIC`);
    await lab.sql(`INSERT INTO types (id, ${names.join(', ')}) VALUES (1, ${all.map((each) => each[2]).join(', ')})`);
    [stream] = (await (await lab.source()).discover([`${lab.database}.types`])) as [Stream];
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  test('each is the logical type that the README says', () => {
    const found = stream.columns.slice(1).map((column, i) => [all[i]![0], column.type]);
    expect(found).toEqual(all.map(([type, logical]) => [type, logical]));
  });

  test('rows hold each exactly', async () => {
    expect((await readOut(await lab.source(), [full(stream)])).rows).toEqual(expected);
  });

  test('csv/1 holds each exactly', async () => {
    expect((await readOut(await lab.source(), [full(stream, 'csv/1')])).rows).toEqual(expected);
  });

  test('copy-text/1 is the text that PostgreSQL reads', async () => {
    const { text } = await readOut(await lab.source(), [full(stream, 'copy-text/1')]);
    expect(text.split('\t')).toEqual(
      ['1', ...all.map((each) => each[4])].map((cell, i, cells) => (i === cells.length - 1 ? `${cell}\n` : cell)),
    );
  });

  test.each(['csv/1', undefined] as const)(
    'a copy made through %s is equal, with its native types',
    async (encoding) => {
      const target = `copy_${encoding === undefined ? 'rows' : 'csv'}`;
      const request = full(stream, encoding);
      await pump(
        await lab.source(),
        await lab.destination(),
        laneOf(target),
        request,
        targetOf(target, 'replace', ['id']),
      );
      const [copy] = (await (await lab.source()).discover([`${lab.database}.${target}`])) as [Stream];
      expect((await readOut(await lab.source(), [full(copy)])).rows).toEqual(expected);
    },
  );

  test('a copy with logical types only is equal', async () => {
    const { system: _, ...foreign } = stream;
    await pump(
      await lab.source(),
      await lab.destination(),
      laneOf('logical'),
      full(foreign, 'csv/1'),
      targetOf('logical', 'replace', ['id']),
    );
    const [copy] = (await (await lab.source()).discover([`${lab.database}.logical`])) as [Stream];
    const plain = expected[0]!.map((value, i) => {
      const type = stream.columns[i]!.type;
      if (typeof value === 'boolean') return value ? 1 : 0;
      return type === 'timestamptz' && typeof value === 'string' ? value.slice(0, -1) : value;
    });
    expect((await readOut(await lab.source(), [full(copy)])).rows).toEqual([plain]);
  });

  test('zero dates are refused, or NULL and counted', async () => {
    await lab.sql('CREATE TABLE zero (a date, b datetime, c timestamp null)');
    await lab.sql(
      `INSERT INTO zero VALUES ('0000-00-00', '0000-00-00', '0000-00-00'), ('2024-00-10', '2024-01-00', NULL), ('2024-01-01', '2024-01-01', NULL)`,
    );
    const [zero] = (await (await lab.source()).discover([`${lab.database}.zero`])) as [Stream];
    for (const encoding of ['csv/1', 'copy-text/1', undefined] as const) {
      const failure = await readOut(await lab.source(), [full(zero, encoding)]).catch((error: unknown) => error);
      expect(isSluiceError(failure, 'data') && failure.message).toMatch(/zero: column "a" holds a zero date/);
    }
    lab.log.length = 0;
    const { rows } = await readOut(await lab.source({ zero_dates: 'null' }), [full(zero, 'csv/1')]);
    expect(rows).toEqual([
      [null, null, null],
      [null, null, null],
      ['2024-01-01', '2024-01-01 00:00:00', null],
    ]);
    expect(lab.log).toEqual([expect.objectContaining({ level: 'warn', fields: { stream: zero.id, values: 5 } })]);
  });
});
