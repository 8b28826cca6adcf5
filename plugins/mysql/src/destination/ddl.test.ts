import type { Column, Stream } from '@sluice/connector-sdk';
import { parseServer } from '../server.js';
import { addColumn, columnSpecs, createTable } from './ddl.js';
import { loadStatement } from './load.js';
import { publishStatements } from './publish.js';

const mariadb = parseServer('10.11.19-MariaDB-log');
const mysql = parseServer('8.4.2');
const old = parseServer('5.7.44');
const singlestore = parseServer('5.7.32', 'singlestore');
const col = (type: Column['type'], more: Partial<Column> = {}): Column => ({
  name: 'c',
  type,
  nullable: true,
  native: type,
  ...more,
});
const streamOf = (columns: readonly Column[], system = 'postgres'): Stream => ({
  id: 's.t',
  path: ['s', 't'],
  system,
  columns,
  key: [],
  modes: ['full'],
  cursors: [],
});
const typeOf = (column: Column, server = mariadb, key: readonly string[] = [], system = 'postgres'): string =>
  columnSpecs(streamOf([column], system), key, server)[0]!.type;

test.each<[Column, string]>([
  [col('boolean'), 'TINYINT(1)'],
  [col('int16'), 'SMALLINT'],
  [col('int32'), 'INT'],
  [col('int64'), 'BIGINT'],
  [col('float32'), 'FLOAT'],
  [col('float64'), 'DOUBLE'],
  [col('decimal', { precision: 12, scale: 2 }), 'DECIMAL(12,2)'],
  [col('decimal', { precision: 65, scale: 30 }), 'DECIMAL(65,30)'],
  [col('decimal', { precision: 66, scale: 2 }), 'LONGTEXT'],
  [col('decimal', { precision: 40, scale: 31 }), 'LONGTEXT'],
  [col('decimal', { precision: 3, scale: -2 }), 'LONGTEXT'],
  [col('decimal', { precision: 2, scale: 5 }), 'LONGTEXT'],
  [col('decimal'), 'LONGTEXT'],
  [col('string'), 'LONGTEXT'],
  [col('string', { length: 100 }), 'VARCHAR(100)'],
  [col('string', { length: 100_000 }), 'LONGTEXT'],
  [col('string', { length: 0 }), 'VARCHAR(1)'],
  [col('bytes'), 'LONGBLOB'],
  [col('bytes', { length: 16 }), 'VARBINARY(16)'],
  [col('date'), 'DATE'],
  [col('time'), 'TIME(6)'],
  [col('duration', { scale: 0 }), 'TIME(0)'],
  [col('timestamp', { scale: 3 }), 'DATETIME(3)'],
  [col('timestamptz'), 'DATETIME(6)'],
  [col('uuid'), 'CHAR(36) CHARACTER SET ascii COLLATE ascii_bin'],
  [col('json'), 'JSON'],
])('%j is %s', (column, type) => expect(typeOf(column)).toBe(type));

test('JSON of another system keeps its digits where the JSON type would not', () => {
  expect([typeOf(col('json'), mysql), typeOf(col('json'), singlestore)]).toEqual(['LONGTEXT', 'LONGTEXT']);
  expect(typeOf(col('json', { native: 'json' }), mysql, [], 'mysql')).toBe('JSON');
});

test('texts share the longest row, and text keys the longest key', () => {
  const many = Array.from({ length: 20 }, (_, i) => col('string', { name: `c${i}`, length: 4000 }));
  const types = columnSpecs(streamOf(many), [], mariadb).map((spec) => spec.type);
  expect(types.filter((type) => type === 'VARCHAR(4000)')).toHaveLength(2);
  expect(new Set(types.slice(3))).toEqual(new Set(['LONGTEXT']));
  expect(typeOf(col('string'), mariadb, ['c'])).toBe('VARCHAR(760)');
  expect(typeOf(col('string', { length: 36 }), mariadb, ['c'])).toBe('VARCHAR(36)');
  expect(typeOf(col('bytes'), mariadb, ['c'])).toBe('VARBINARY(3040)');
  const two = columnSpecs(streamOf([col('string', { name: 'a' }), col('decimal', { name: 'b' })]), ['a', 'b'], mariadb);
  expect(two.map((spec) => spec.type)).toEqual(['VARCHAR(376)', 'VARCHAR(376)']);
});

test.each<[string, string]>([
  ['int(10) unsigned', 'INT UNSIGNED'],
  ['bigint(20) unsigned zerofill', 'BIGINT UNSIGNED'],
  ['decimal(10,2) unsigned', 'DECIMAL(10,2) UNSIGNED'],
  ['float(7,2)', 'FLOAT'],
  ['year(4)', 'YEAR'],
  ['bit(9)', 'BIT(9)'],
  ['timestamp(6)', 'TIMESTAMP(6)'],
  ['binary(16)', 'BINARY(16)'],
  [`enum('a','b''c','d,e')`, `ENUM('a', 'b''c', 'd,e')`],
  [`set('x','unsigned')`, `SET('x', 'unsigned')`],
  ['point', 'POINT'],
  ['uuid', 'UUID'],
])('within the family %s stays %s', (native, type) =>
  expect(typeOf(col('string', { native }), mariadb, [], 'mysql')).toBe(type),
);

test.each([
  `enum('a') default now()`,
  `enum('a'); DROP TABLE x`,
  `enum(a)`,
  'int); DROP TABLE x; --',
  'text',
  'no_such_type',
])('what a source calls its type is never passed on: %s', (native) =>
  expect(typeOf(col('string', { native }), mariadb, [], 'mysql')).toMatch(/^(LONGTEXT|INT)$/),
);

const spec = (key: readonly string[]) => {
  const stream = streamOf([col('int64', { name: 'id' }), col('string', { name: 'v`x', length: 5 })]);
  return { path: ['d', 't'], columns: columnSpecs(stream, key, mariadb), key };
};

test('tables fold no case and pad nothing where the server can', () => {
  expect(createTable(spec(['id']), mariadb)).toBe(
    'CREATE TABLE IF NOT EXISTS `d`.`t` (`id` BIGINT NOT NULL, `v``x` VARCHAR(5) NULL, PRIMARY KEY (`id`))' +
      ' ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin',
  );
  expect(createTable(spec([]), mysql)).toMatch(/COLLATE utf8mb4_0900_bin$/);
  expect(createTable(spec([]), old)).toMatch(/COLLATE utf8mb4_bin$/);
});

test('SingleStore: shard and sort key instead of an engine', () => {
  expect(createTable(spec(['id']), singlestore)).toBe(
    'CREATE TABLE IF NOT EXISTS `d`.`t` (`id` BIGINT NOT NULL, `v``x` VARCHAR(5) NULL, PRIMARY KEY (`id`), SHARD KEY (`id`), SORT KEY (`id`))' +
      ' DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  );
  expect(createTable(spec([]), singlestore)).toMatch(/, SHARD KEY \(\), SORT KEY \(\)\) DEFAULT/);
});

test('a column is added as NULL, whatever it is', () => {
  expect(addColumn(['d', 't'], spec(['id']).columns[0]!)).toBe('ALTER TABLE `d`.`t` ADD COLUMN `id` BIGINT NULL');
});

test('columns that differ by case only are refused', () => {
  const columns = columnSpecs(streamOf([col('int32', { name: 'Id' }), col('int32', { name: 'iD' })]), [], mariadb);
  expect(() => createTable({ path: ['t'], columns, key: [] }, mariadb)).toThrow(/"Id" and "iD" differ by case only/);
});

test('bytes are loaded from hexadecimal, and what a text would bend is loaded as a number', () => {
  const stream = streamOf(
    [col('bytes', { name: 'b' }), col('int16', { name: 'y', native: 'year' }), col('string', { name: 's' })],
    'mysql',
  );
  const target = { stream, path: ['d', 't'], columns: columnSpecs(stream, [], mariadb), replace: true };
  expect(loadStatement(target)).toBe(
    `LOAD DATA LOCAL INFILE 'rows' REPLACE INTO TABLE \`d\`.\`t\` CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' ENCLOSED BY '"'` +
      ` ESCAPED BY '' LINES TERMINATED BY '\\n' (@v0, @v1, \`s\`) SET \`b\` = UNHEX(@v0), \`y\` = @v1 + 0`,
  );
});

test('upsert names the new values as the server does', () => {
  const { stream, ...rest } = {
    stream: streamOf([col('int64', { name: 'id' }), col('string', { name: 'v' })]),
    otherUniques: false,
    foldedKey: [],
    bends: new Map(),
    rows: 1,
    changes: { truncated: false, deletes: false, patches: false },
  };
  const load = { stream, path: ['d', 's'], columns: [], replace: true };
  const stage = { ...rest, load, path: ['d', 't'], target: { table: ['t'], mode: 'upsert', key: ['id'] } } as const;
  expect(publishStatements(stage, false)).toEqual([
    'INSERT INTO `d`.`t` (`id`, `v`) SELECT s.`id`, s.`v` FROM `d`.`s` AS s' +
      " WHERE s.`_sluice_op` = 'u' ON DUPLICATE KEY UPDATE `d`.`t`.`v` = s.`v`",
  ]);
  expect(publishStatements(stage, true)[0]).toMatch(/`v` = VALUES\(`v`\)$/);
  expect(publishStatements({ ...stage, otherUniques: true }, false)).toEqual([
    "DELETE `d`.`t` FROM `d`.`t` INNER JOIN `d`.`s` AS s ON `d`.`t`.`id` = s.`id` WHERE s.`_sluice_op` = 'u'",
    "INSERT INTO `d`.`t` (`id`, `v`) SELECT s.`id`, s.`v` FROM `d`.`s` AS s WHERE s.`_sluice_op` = 'u'",
  ]);
});
