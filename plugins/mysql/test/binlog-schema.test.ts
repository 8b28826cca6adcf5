import { type Checkpoint, isSluiceError } from '@sluice/connector-sdk';
import { followed, here, rowsOf, streamsOf } from './changes-lab.js';
import { Lab, servers } from './lab.js';

describe.each(servers)('columns of a row are those of its moment, %s', (name, url) => {
  let lab: Lab;
  let made = 0;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(async () => {
    await named(true);
    await lab.tidy();
  });
  afterAll(() => lab.close());

  const named = async (on: boolean): Promise<void> => {
    await lab.sql(`SET GLOBAL binlog_row_metadata = ${on ? 'FULL' : name === 'mariadb' ? 'NO_LOG' : 'MINIMAL'}`);
  };
  const table = async (columns = 'id int primary key, a int, b int', more = ''): Promise<string> => {
    const called = `s${made++}`;
    await lab.sql(`CREATE TABLE ${called} (${columns}) ${more}`);
    return called;
  };
  const outcome = async (t: string, after: Checkpoint, streams: Awaited<ReturnType<typeof streamsOf>>, extra = {}) => {
    const { changes, schemas, batches } = await followed(lab, streams, { after, ...extra });
    return {
      rows: changes.map((change) => ('after' in change ? change.after : change.op)),
      shapes: schemas.map(({ columns }) => columns.map((column) => column.name).join()),
      order: batches.map((batch) => (batch.kind === 'changes' ? batch.changes.length : batch.kind)),
    };
  };

  test('with names: added, dropped, moved and renamed columns, though the schema is long another', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 10, 100)`);
    await lab.sql(`ALTER TABLE ${t} ADD COLUMN c varchar(10) FIRST`);
    await lab.sql(`INSERT INTO ${t} (id, a, b, c) VALUES (2, 20, 200, 'c')`);
    await lab.sql(`ALTER TABLE ${t} DROP COLUMN a`);
    await lab.sql(`INSERT INTO ${t} (id, b, c) VALUES (3, 300, 'd')`);
    await lab.sql(`ALTER TABLE ${t} CHANGE b bb decimal(10,2) AFTER id`);
    await lab.sql(`INSERT INTO ${t} (id, bb, c) VALUES (4, 4.5, 'e')`);
    expect(await outcome(t, after, streams)).toEqual({
      rows: [
        [1, 10, 100],
        [2, 20, 200, 'c'],
        [3, 300, 'd'],
        [4, 'e', '4.50'],
      ],
      shapes: ['id,a,b,c', 'id,b,c', 'id,c,bb'],
      order: [1, 'schema', 1, 'schema', 1, 'schema', 1],
    });
  });

  test('with names: a row event of a column that is there no more, and of a type that it had', async () => {
    const t = await table(`id int primary key, e enum('x','y'), n int unsigned, w int`);
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 'y', 4294967295, -1)`);
    await lab.sql(`ALTER TABLE ${t} MODIFY n bigint, DROP COLUMN e, MODIFY w bigint`);
    await lab.sql(`INSERT INTO ${t} VALUES (2, -1, 9007199254740993)`);
    const { rows } = await outcome(t, after, streams);
    expect(rows).toEqual([
      [1, 'y', 4294967295, -1],
      [2, -1, 9007199254740993n],
    ]);
  });

  test('without names: the columns of a live stream are known, before and after DDL', async () => {
    await named(false);
    const t = await table(
      'id int primary key, a int unsigned, b bigint unsigned, s set("x","y"), v varchar(9) character set latin1',
    );
    const streams = await streamsOf(lab, t);
    let after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 4294967295, 18446744073709551615, 'x,y', _latin1 X'E9')`);
    const first = await followed(lab, streams, { after });
    expect(first.changes.map((change) => 'after' in change && change.after)).toEqual(
      await rowsOf(lab, streams[0]!.stream),
    );
    after = first.checkpoint!;
    await lab.sql(`ALTER TABLE ${t} DROP COLUMN b`);
    await lab.sql(`INSERT INTO ${t} VALUES (2, 2, 'x', 'y')`);
    expect(await outcome(t, after, streams)).toEqual({
      rows: [[2, 2, 'x', 'y']],
      shapes: ['id,a,s,v'],
      order: ['schema', 1],
    });
  });

  test('without names: rows from before DDL that is not in the schema any more are refused, never shifted', async () => {
    await named(false);
    const t = await table('id int primary key, a int, b int');
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 10, 100)`);
    await lab.sql(`ALTER TABLE ${t} MODIFY a int AFTER b`); // the same number of columns, of the same types
    await lab.sql(`INSERT INTO ${t} (id, a, b) VALUES (2, 20, 200)`);
    const error = await outcome(t, after, streams).catch((failure: unknown) => failure);
    expect(isSluiceError(error, 'data') && [error.code, error.fix]).toEqual([
      'mysql.columns-unknown',
      expect.stringMatching(/binlog_row_metadata = FULL/),
    ]);
  });

  test('a table that is dropped and made again is emptied; one that was not there before too', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 1, 1)`);
    await lab.sql(`DROP TABLE ${t}`);
    const dropped = await followed(lab, streams, { after });
    await lab.sql(`CREATE TABLE IF NOT EXISTS ${t} (id int primary key, z int)`);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 2)`);
    const { rows, shapes } = await outcome(t, dropped.checkpoint!, streams);
    expect([dropped.changes.length, rows, shapes]).toEqual([1, ['truncate', [1, 2]], ['id,z']]);
  });

  test('another table in the place of a captured one stops the stream, or is followed by choice', async () => {
    const t = await table();
    const ghost = await table('id int primary key, a int, b int, n int');
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`RENAME TABLE ${t} TO ${t}_old, ${ghost} TO ${t}`);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 2, 3, 4)`);
    const error = await outcome(t, after, streams).catch((failure: unknown) => failure);
    expect(isSluiceError(error, 'data') && error.code).toBe('mysql.table-replaced');
    const { rows, shapes } = await outcome(t, after, streams, { onReplace: 'follow' });
    expect([rows, shapes]).toEqual([[[1, 2, 3, 4]], ['id,a,b,n']]);
  });

  test('rows that go with a partition stop the stream', async () => {
    const t = await table('id int primary key, a int, b int', 'PARTITION BY HASH (id) PARTITIONS 2');
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`ALTER TABLE ${t} TRUNCATE PARTITION p0`);
    const error = await outcome(t, after, streams).catch((failure: unknown) => failure);
    expect(isSluiceError(error, 'data') && error.code).toBe('mysql.rows-without-log');
  });

  test('a statement that is logged as text stops the stream', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`SET SESSION binlog_format = STATEMENT`);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 1, 1)`);
    await lab.sql(`SET SESSION binlog_format = ROW`);
    const error = await outcome(t, after, streams).catch((failure: unknown) => failure);
    expect(isSluiceError(error, 'data') && error.code).toBe('mysql.statement-format');
  });

  test('images with the key and what changed only', async () => {
    const t = await table(
      `id int primary key, a int not null default 7, b varchar(10) default 'dflt', c text, d decimal(9,3) default 1.5`,
    );
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql('SET SESSION binlog_row_image = MINIMAL');
    await lab.sql(`INSERT INTO ${t} (id) VALUES (1)`);
    const [inserted] = await rowsOf(lab, streams[0]!.stream);
    await lab.sql(`UPDATE ${t} SET a = 8 WHERE id = 1`);
    await lab.sql(`UPDATE ${t} SET id = 2 WHERE id = 1`);
    await lab.sql('SET SESSION binlog_row_image = NOBLOB');
    await lab.sql(`UPDATE ${t} SET b = NULL WHERE id = 2`);
    await lab.sql('SET SESSION binlog_row_image = MINIMAL');
    await lab.sql(`DELETE FROM ${t} WHERE id = 2`);
    const { changes } = await followed(lab, streams, { after }).finally(async () => {
      await lab.sql('SET SESSION binlog_row_image = FULL');
    });
    const _ = undefined;
    expect(
      changes.map((change) => ['before' in change ? change.before : _, 'after' in change ? change.after : _]),
    ).toEqual([
      [_, inserted],
      [
        [1, _, _, _, _],
        [1, 8, _, _, _],
      ],
      [
        [1, _, _, _, _],
        [2, _, _, _, _],
      ],
      [
        [2, 8, 'dflt', _, '1.500'],
        [2, 8, null, _, '1.500'],
      ],
      [[2, _, _, _, _], _],
    ]);
  });
});

const mysql = servers.find(([name]) => name === 'mysql');
/** Skipped without a MySQL server, which lab.ts says on the way. */
(mysql === undefined ? describe.skip : describe)('what only MySQL writes', () => {
  const [, url] = mysql ?? ['', ''];
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  test('differences of JSON values are the whole values', async () => {
    await lab.sql('CREATE TABLE j (id int primary key, j json, k json)');
    await lab.sql(
      `INSERT INTO j VALUES (1, '{"a": 1, "list": [1, 2, 3], "deep": {"x y": "old", "e": 1.5}, "pad": "${'p'.repeat(200)}"}', '{"z": "${'q'.repeat(300)}", "n": 1}')`,
    );
    const streams = await streamsOf(lab, 'j');
    const after = await here(lab);
    await lab.sql(`SET SESSION binlog_row_value_options = PARTIAL_JSON`);
    const states = [];
    for (const change of [
      `j = JSON_SET(j, '$.a', 22)`,
      `j = JSON_REPLACE(j, '$.list[1]', 'two'), k = JSON_SET(k, '$.n', 2)`,
      `j = JSON_REMOVE(j, '$.list[0]')`,
      `j = JSON_SET(j, '$.deep."x y"', 'n')`,
      `j = JSON_REMOVE(j, '$.deep.e')`,
      `k = NULL`,
      `j = JSON_SET(j, '$.list[0]', CAST('12.50' AS DECIMAL(5,2)))`,
    ]) {
      await lab.sql(`UPDATE j SET ${change}`);
      states.push((await rowsOf(lab, streams[0]!.stream))[0]);
    }
    const { changes } = await followed(lab, streams, { after });
    expect(changes.map((change) => 'after' in change && change.after)).toEqual(states);
  });

  test('GTIDs with tags', async () => {
    await lab.sql('CREATE TABLE g (id int primary key)');
    const streams = await streamsOf(lab, 'g');
    const after = await here(lab);
    await lab.sql(`SET SESSION gtid_next = 'AUTOMATIC:backfill'`);
    await lab.sql('INSERT INTO g VALUES (1)');
    await lab.sql('INSERT INTO g VALUES (2)');
    await lab.sql(`SET SESSION gtid_next = 'AUTOMATIC'`);
    const { changes, checkpoint } = await followed(lab, streams, { after });
    expect(changes).toHaveLength(2);
    expect(checkpoint).toEqual(await here(lab));
    expect(String(checkpoint!['gtids'])).toContain(':backfill:');
    await lab.sql('INSERT INTO g VALUES (3)');
    expect((await followed(lab, streams, { after: checkpoint })).changes).toHaveLength(1);
  });

  test('compressed transactions are read where Node can, and refused with what to do where it cannot', async () => {
    await lab.sql('CREATE TABLE z (id int primary key, v varchar(100))');
    const streams = await streamsOf(lab, 'z');
    const after = await here(lab);
    await lab.sql('SET SESSION binlog_transaction_compression = ON');
    await lab.sql(`INSERT INTO z VALUES (1, 'a'), (2, 'b')`);
    await lab.sql('SET SESSION binlog_transaction_compression = OFF');
    const result = await followed(lab, streams, { after }).catch((error: unknown) => error);
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const can = major > 22 || (major === 22 && minor >= 15);
    if (can) expect((result as Awaited<ReturnType<typeof followed>>).changes).toHaveLength(2);
    else
      expect(isSluiceError(result, 'config') && [result.code, result.fix]).toEqual([
        'mysql.no-zstd',
        expect.stringMatching(/22\.15/),
      ]);
  });

  test('a table that is made with its rows', async () => {
    await lab.sql('CREATE TABLE origin (id int primary key)');
    await lab.sql('INSERT INTO origin VALUES (1), (2)');
    await lab.sql('CREATE TABLE made (id int primary key)');
    const streams = await streamsOf(lab, 'made');
    await lab.sql('DROP TABLE made');
    const after = await here(lab);
    await lab.sql('CREATE TABLE made (id int primary key) AS SELECT id FROM origin');
    const { changes } = await followed(lab, streams, { after });
    expect(changes.map((change) => ('after' in change ? change.after : change.op))).toEqual(['truncate', [1], [2]]);
  });
});
