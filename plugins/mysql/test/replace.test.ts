/** What mode 'replace' keeps of a target: every kind of thing, by value, before against after. */
import type { Column, DestinationSession, Row, Stream } from '@sluice/connector-sdk';
import { Link } from '../src/link.js';
import { Lab, laneOf, servers, targetOf } from './lab.js';

const col = (name: string, type: Column['type'], more: Partial<Column> = {}): Column => ({
  name,
  type,
  nullable: true,
  native: type,
  ...more,
});
const streamOf = (...columns: readonly Column[]): Stream => ({
  id: 'public.orders',
  path: ['public', 'orders'],
  system: 'postgres',
  columns,
  key: ['id'],
  modes: ['full'],
  cursors: [],
});
const simple = streamOf(col('id', 'int32', { nullable: false }), col('name', 'string', { length: 20 }));
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );
const fresh: readonly Row[] = [
  [1, 'a'],
  [3, 'c'],
];

describe.each(servers)('replace, %s', (name, url) => {
  let lab: Lab;
  let to: DestinationSession;
  let loads = 0;
  beforeEach(async () => {
    lab = await Lab.open(url);
    to = await lab.destination();
  });
  afterEach(() => lab.close());

  /** A whole load in two windows. */
  async function load(rows: readonly Row[] = fresh, stream = simple, key = ['id'], session = to): Promise<void> {
    await session.resume(laneOf(`load ${(loads += 1)}`));
    await session.prepare(stream, targetOf('orders', 'replace', key));
    await session.write({ kind: 'rows', stream: stream.id, rows: rows.slice(0, 1) });
    await session.commit({ v: 1, n: 1 });
    await session.write({ kind: 'rows', stream: stream.id, rows: rows.slice(1) });
    await session.commit({ v: 1, n: 2 }, stream.id);
  }
  const shown = async (table = 'orders'): Promise<string> =>
    (await lab.sql(`SHOW CREATE TABLE ${table}`))[0]![1]!.replace(/ AUTO_INCREMENT=\d+/, '');
  const contents = (columns = 'id, name'): Promise<(string | null)[][]> =>
    lab.sql(`SELECT ${columns} FROM orders ORDER BY id`);
  const expected = fresh.map((row) => row.map(String));

  test.each([
    ['secondary, unique and prefix indexes', 'KEY by_name (name DESC), UNIQUE both_ (name, id), KEY pre (name(3))', ''],
    ['a FULLTEXT index', 'FULLTEXT words (name)', ''],
    ['a SPATIAL index', `p POINT NOT NULL DEFAULT ST_GeomFromText('POINT(1 1)'), SPATIAL KEY where_ (p)`, ''],
    ['a CHECK', `CONSTRAINT named CHECK (id < 1000)`, ''],
    [
      'partitions',
      'extra INT',
      'PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (2), PARTITION high VALUES LESS THAN MAXVALUE)',
    ],
    ['comments', `c INT COMMENT 'it''s \\\\ a column'`, `COMMENT 'a \\'table\\''`],
    [
      'character set, collation and row format',
      'x TEXT CHARACTER SET latin1',
      'DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci ROW_FORMAT = COMPACT',
    ],
    ['an ON UPDATE column', 'at_ TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP', ''],
    ['an invisible column', 'hidden INT INVISIBLE DEFAULT 5', ''],
  ])('%s', async (what, parts, options) => {
    if (name === 'mysql' && what === 'a SPATIAL index')
      parts = parts.replace(/DEFAULT (.*\)'\)), S/, 'DEFAULT ($1), S');
    await lab.sql(
      `CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20) DEFAULT 'none', ${parts}) ${options}`,
    );
    await lab.sql(`INSERT INTO orders (id, name) VALUES (7, 'old')`);
    const before = await shown();
    for (const round of [1, 2]) {
      await load();
      expect([round, await shown()]).toEqual([
        round,
        before.replace('CONSTRAINT `named`', name === 'mysql' ? 'CONSTRAINT `orders_chk_1`' : '$&'),
      ]);
    }
    expect(await contents()).toEqual(expected);
    expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
  });

  test('extra columns take their default, generated ones are computed, AUTO_INCREMENT goes on', async () => {
    await lab.sql(`CREATE TABLE orders (n BIGINT NOT NULL AUTO_INCREMENT, id INT NOT NULL PRIMARY KEY, name VARCHAR(20), kind VARCHAR(9) NOT NULL DEFAULT 'web',
      twice INT AS (id * 2) STORED, plus INT AS (id + 1) VIRTUAL, KEY (n)) AUTO_INCREMENT = 500`);
    await lab.sql(`INSERT INTO orders (id, name, kind) VALUES (1, 'a', 'shop')`);
    const before = await shown();
    const stream = streamOf(...simple.columns, col('twice', 'int32'));
    await load(
      [
        [1, 'a', -1],
        [3, 'c', -1],
      ],
      stream,
    );
    expect(await contents('id, name, kind, twice, plus')).toEqual([
      ['1', 'a', 'web', '2', '2'],
      ['3', 'c', 'web', '6', '4'],
    ]);
    expect(await shown()).toBe(before);
    await lab.sql(`INSERT INTO orders (id) VALUES (9)`);
    expect(await contents('n')).toEqual([['501'], ['502'], ['503']]);
    const plain = Object.assign(await lab.destination(), { localInfile: false });
    await load(
      [
        [1, 'a', -1],
        [3, 'c', -1],
      ],
      stream,
      ['id'],
      plain,
    );
    expect(await contents('id, twice')).toEqual([
      ['1', '2'],
      ['3', '6'],
    ]);
  });

  test('new columns stand where the stream has them; narrow ones get its type and keep collation and comment', async () => {
    await lab.sql(
      `CREATE TABLE orders (id SMALLINT NOT NULL PRIMARY KEY, name VARCHAR(3) COLLATE utf8mb4_unicode_ci COMMENT 'the ''name''', own INT, KEY (name))`,
    );
    const stream = streamOf(simple.columns[0]!, col('mid', 'int32'), simple.columns[1]!);
    await load([[70_000, 1, 'longer']], stream);
    const columns = await lab.sql(
      `SELECT COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, COLUMN_COMMENT, COLUMN_KEY FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = '${lab.database}' AND TABLE_NAME = 'orders' ORDER BY ORDINAL_POSITION`,
    );
    expect(columns.map(([column, type, ...rest]) => [column, type!.replace(/int\(\d+\)/, 'int'), ...rest])).toEqual([
      ['id', 'int', null, '', 'PRI'],
      ['mid', 'int', null, '', ''],
      ['name', 'varchar(20)', 'utf8mb4_unicode_ci', `the 'name'`, 'MUL'],
      ['own', 'int', null, '', ''],
    ]);
    expect(await contents('id, mid, name')).toEqual([['70000', '1', 'longer']]);
  });

  test('a primary key that is not the key of the stream stays; a table without one gets it', async () => {
    await lab.sql('CREATE TABLE orders (id INT, name VARCHAR(20) NOT NULL PRIMARY KEY)');
    const before = await shown();
    await load();
    expect(await shown()).toBe(before);
    await load([
      [1, 'b'],
      [1, 'c'],
    ]);
    expect(await contents()).toEqual([
      ['1', 'b'],
      ['1', 'c'],
    ]);
    expect(
      await failure(
        load([
          [1, 'same'],
          [2, 'same'],
        ]),
      ),
    ).toMatchObject({ class: 'data' });
    expect(await contents()).toEqual([
      ['1', 'b'],
      ['1', 'c'],
    ]);
    await lab.sql('DROP TABLE orders');
    await lab.sql('CREATE TABLE orders (id INT, name VARCHAR(20), KEY by_name (name))');
    await load();
    expect(await shown()).toMatch(/PRIMARY KEY \(`id`\),\n {2}KEY `by_name` \(`name`\)/);
  });

  const triggers = (): Promise<(string | null)[][]> =>
    lab.sql(`SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER, ACTION_STATEMENT, DEFINER, SQL_MODE, COLLATION_CONNECTION
      FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '${lab.database}' ORDER BY 1`);
  const hangTriggers = async (): Promise<void> => {
    await lab.sql('CREATE TABLE seen (what VARCHAR(50) CHARACTER SET utf8mb4)');
    await lab.sql(`SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', collation_connection = 'utf8mb4_unicode_ci'`);
    await lab.sql(`CREATE TRIGGER "b" BEFORE INSERT ON orders FOR EACH ROW SET NEW."name" = CONCAT(NEW.name, '\\😀')`);
    await lab.sql(
      `CREATE TRIGGER a BEFORE INSERT ON orders FOR EACH ROW FOLLOWS b SET NEW.name = CONCAT(NEW.name, '+')`,
    );
    await lab.sql(
      `CREATE TRIGGER log_it AFTER DELETE ON orders FOR EACH ROW BEGIN INSERT INTO seen VALUES (OLD.name); END`,
    );
    await lab.sql(`SET sql_mode = '', collation_connection = 'utf8mb4_general_ci'`);
  };

  test('triggers: none fires in the load, and all are there after it, in order, as they were', async () => {
    await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))');
    await hangTriggers();
    const before = await triggers();
    expect(before).toHaveLength(3);
    for (const round of [1, 2]) {
      await load();
      expect([round, await triggers()]).toEqual([round, before]);
    }
    expect(await contents()).toEqual(expected);
    expect(await lab.sql('SELECT * FROM seen')).toEqual([]);
    await lab.sql(`INSERT INTO orders VALUES (9, 'x')`);
    await lab.sql('DELETE FROM orders WHERE id = 9');
    expect(await lab.sql('SELECT HEX(what) FROM seen')).toEqual([
      [Buffer.from('x\\😀+').toString('hex').toUpperCase()],
    ]);
  });

  test('foreign keys of the target: their names and rules stay, and rows that break them end the load', async () => {
    await lab.sql('CREATE TABLE kinds (id INT PRIMARY KEY)');
    await lab.sql('INSERT INTO kinds VALUES (1), (2)');
    await lab.sql(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), kind INT, boss INT,
      CONSTRAINT has_kind FOREIGN KEY (kind) REFERENCES kinds (id) ON DELETE CASCADE ON UPDATE SET NULL,
      FOREIGN KEY (boss) REFERENCES orders (id), CONSTRAINT own_boss FOREIGN KEY (boss) REFERENCES orders (id) ON DELETE CASCADE)`);
    const before = await shown();
    const stream = streamOf(...simple.columns, col('kind', 'int32'), col('boss', 'int32'));
    for (const round of [1, 2]) {
      await load(
        [
          [1, 'a', 2, 3],
          [3, 'c', null, null],
        ],
        stream,
      );
      expect([round, await shown()]).toEqual([round, before]);
    }
    for (const bad of [[[1, 'a', 99, null]], [[1, 'a', null, 5]]] as const) {
      expect(await failure(load(bad, stream))).toMatchObject({
        class: 'data',
        message: expect.stringMatching(/foreign key "(has_kind|orders_ibfk_1|own_boss)"/) as string,
      });
    }
    expect(await contents('id, kind, boss')).toEqual([
      ['1', '2', '3'],
      ['3', null, null],
    ]);
    await lab.sql('DELETE FROM kinds WHERE id = 2');
    expect(await contents('id')).toEqual([['3']]);
    await expect(lab.sql('INSERT INTO orders VALUES (4, NULL, 77, NULL)')).rejects.toThrow(/foreign key/);
  });

  test('foreign keys of other tables: the target is refilled, their rows stay, and rows they need must be there', async () => {
    await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), own INT DEFAULT 4)');
    await lab.sql(
      'CREATE TABLE lines_ (o INT, CONSTRAINT of_order FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE)',
    );
    await lab.sql(`INSERT INTO orders VALUES (1, 'old', 1), (2, 'old', 1)`);
    await lab.sql('INSERT INTO lines_ VALUES (1), (NULL)');
    const before = await shown('lines_');
    await load();
    expect(await contents('id, name, own')).toEqual([
      ['1', 'a', '4'],
      ['3', 'c', '4'],
    ]);
    expect(await lab.sql('SELECT o FROM lines_ ORDER BY o')).toEqual([[null], ['1']]);
    expect(await shown('lines_')).toBe(before);
    await expect(lab.sql('INSERT INTO lines_ VALUES (2)')).rejects.toThrow(/foreign key/);
    expect(
      await failure(
        load([
          [3, 'c'],
          [4, 'd'],
        ]),
      ),
    ).toMatchObject({
      class: 'data',
      message: expect.stringMatching(/"of_order"/) as string,
    });
    expect(await contents('id')).toEqual([['1'], ['3']]);
    const wider = streamOf(...simple.columns, col('late', 'int32'));
    expect(await failure(load([], wider))).toMatchObject({
      fix: expect.stringMatching(/ADD COLUMN `late` INT/) as string,
    });
    await lab.sql('CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.own = 1');
    expect(await failure(load())).toMatchObject({ message: expect.stringMatching(/trigger "t" would fire/) as string });
  });

  test('a foreign key that the user may not see is found before the old table is lost', async () => {
    const user = lab.database;
    await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))');
    await lab.sql(`INSERT INTO orders VALUES (1, 'old')`);
    await lab.sql(`CREATE DATABASE ${user}_x`);
    await lab.sql(`CREATE TABLE ${user}_x.hidden (o INT, FOREIGN KEY (o) REFERENCES ${user}.orders (id))`);
    await lab.sql(`CREATE USER '${user}'@'%' IDENTIFIED BY 'x'`);
    await lab.sql(`GRANT ALL ON ${user}.* TO '${user}'@'%'`);
    try {
      const session = await lab.destination({ username: user, password: 'x' });
      expect(await failure(load(fresh, simple, ['id'], session))).toMatchObject({
        class: 'config',
        message: expect.stringMatching(/may not see/) as string,
      });
      expect(await contents()).toEqual([['1', 'old']]);
      expect(await shown(`${user}_x.hidden`)).toMatch(/REFERENCES `\w+`\.`orders`/);
      await lab.sql(`DROP TABLE ${user}_x.hidden`);
      await (await lab.destination()).resume(laneOf(`load ${loads}`, { fence: 2n }));
      expect(await contents()).toEqual(expected);
    } finally {
      await lab.tidy();
      await lab.sql(`DROP DATABASE ${user}_x`);
      await lab.sql(`DROP USER '${user}'@'%'`);
    }
  });

  test('a user who may not see triggers, or not make them, is told which right is missing', async () => {
    const user = lab.database;
    await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))');
    await lab.sql('CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.id = NEW.id');
    await lab.sql(`CREATE USER '${user}'@'%' IDENTIFIED BY 'x'`);
    const rights = 'SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, CREATE TEMPORARY TABLES';
    await lab.sql(`GRANT ${rights} ON \`${user}\`.* TO '${user}'@'%'`);
    try {
      const session = await lab.destination({ username: user, password: 'x' });
      const first = (await failure(load(fresh, simple, ['id'], session))) as { fix: string };
      expect(first).toMatchObject({
        class: 'config',
        code: 'permission',
        fix: expect.stringMatching(/^GRANT TRIGGER ON/) as string,
      });
      await lab.sql(first.fix);
      const other = await lab.destination({ username: user, password: 'x' });
      expect(await failure(load(fresh, simple, ['id'], other))).toMatchObject({
        class: 'config',
        code: 'permission',
        fix: expect.stringMatching(/^GRANT TRIGGER, LOCK TABLES ON/) as string,
      });
      expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
    } finally {
      await lab.tidy();
      await lab.sql(`DROP USER '${user}'@'%'`);
    }
  });

  test('a target that is changed in the middle of its load is not replaced by what it was', async () => {
    await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))');
    await to.resume(laneOf('changing'));
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.write({ kind: 'rows', stream: simple.id, rows: fresh });
    await to.commit({ v: 1 });
    await lab.sql('ALTER TABLE orders ADD KEY late (name)');
    expect(await failure(to.commit({ v: 2 }, simple.id))).toMatchObject({
      class: 'data',
      code: 'target-mismatch',
      fix: 'Start the load over.',
    });
    await load();
    expect(await shown()).toMatch(/KEY `late`/);
  });

  test('rows of parts are not thrown away when the target changes before the lane that completes them', async () => {
    await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))');
    const lane = laneOf('in parts');
    const part = await lab.destination();
    await part.resume({ ...lane, part: '0' });
    await part.prepare(simple, targetOf('orders', 'replace', ['id']));
    await part.write({ kind: 'rows', stream: simple.id, rows: fresh });
    await part.commit({ v: 1 });
    await to.resume(lane);
    await lab.sql('ALTER TABLE orders ADD KEY late (name)');
    const changed = { class: 'data', fix: 'Start the load over.' };
    expect(await failure(to.prepare(simple, targetOf('orders', 'replace', ['id'])))).toMatchObject(changed);
    await lab.sql('ALTER TABLE orders DROP KEY late');
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.commit({ v: 2 }, simple.id);
    expect(await contents()).toEqual(expected);
  });

  test.each([
    ['an engine without transactions', 'CREATE TABLE orders (id INT, name VARCHAR(20)) ENGINE = MyISAM', /MyISAM/],
    ['a column that must have a value', 'CREATE TABLE orders (id INT, name VARCHAR(20), must INT NOT NULL)', /"must"/],
    [
      'a narrow column with a default',
      'CREATE TABLE orders (id SMALLINT NOT NULL DEFAULT 3, name VARCHAR(20))',
      /"id" as smallint/,
    ],
    ...(name === 'mariadb'
      ? [
          [
            'a history',
            'CREATE TABLE orders (id INT, name VARCHAR(20)) WITH SYSTEM VERSIONING',
            /SYSTEM VERSIONED/,
          ] as const,
        ]
      : []),
  ] as const)('refused: %s', async (_, sql, message) => {
    await lab.sql(sql);
    await to.resume(laneOf('refused'));
    expect(await failure(to.prepare(simple, targetOf('orders', 'replace', [])))).toMatchObject({
      class: 'data',
      code: 'target-mismatch',
      message: expect.stringMatching(message) as string,
      fix: expect.stringMatching(/./) as string,
    });
    expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
  });

  test.each(['swapped', 'refilled'])(
    'killed after each of its statements, a target that is %s ends in the same state',
    async (way) => {
      const run = Link.prototype.run;
      const lane = laneOf('killed');
      const setUp = async (): Promise<void> => {
        await lab.sql('DROP TABLE IF EXISTS lines_, orders, kinds, seen, _sluice_checkpoints');
        await lab.sql('CREATE TABLE kinds (id INT PRIMARY KEY)');
        await lab.sql(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), kind INT, n INT NOT NULL AUTO_INCREMENT, KEY (n),
        CONSTRAINT has_kind FOREIGN KEY (kind) REFERENCES kinds (id))`);
        if (way === 'swapped') await hangTriggers();
        else await lab.sql('CREATE TABLE lines_ (o INT, FOREIGN KEY (o) REFERENCES orders (id))');
      };
      const state = async (): Promise<unknown> => [await shown(), await triggers(), await lab.tables()];
      for (let step = 0; ; step++) {
        await setUp();
        const session = await lab.destination();
        await session.resume(lane);
        const before = await state();
        await session.prepare(simple, targetOf('orders', 'replace', ['id']));
        await session.write({ kind: 'rows', stream: simple.id, rows: [[1, 'a']] });
        await session.commit({ v: 1, n: 1 });
        await session.write({ kind: 'rows', stream: simple.id, rows: [[3, 'c']] });
        let count = 0;
        const spy = jest.spyOn(Link.prototype, 'run').mockImplementation(async function (this: Link, ...args) {
          // Killed after one statement is killed before the next; a setting of the session dies with it.
          const crash = !args[0].startsWith('SET ') && count++ === step;
          const result = await run.apply(this, args);
          if (!crash) return result;
          const { control, loading } = session as unknown as { control: Link; loading: Link };
          control.destroy();
          loading.destroy();
          throw new Error('crash');
        });
        const outcome = await failure(session.commit({ v: 1, n: 2 }, simple.id));
        spy.mockRestore();
        await session[Symbol.asyncDispose]();
        if (count <= step) {
          expect(step).toBeGreaterThan(way === 'swapped' ? 20 : 6);
          break;
        }
        expect(outcome).toMatchObject({ message: 'crash' });
        const next = await lab.destination();
        const last = await next.resume({ ...lane, fence: 2n });
        if (last?.['n'] !== 2) {
          expect(last).toEqual({ v: 1, n: 1 });
          expect(await contents()).toEqual([]);
          await next.prepare(simple, targetOf('orders', 'replace', ['id']));
          await next.write({ kind: 'rows', stream: simple.id, rows: [[3, 'c']] });
          await next.commit({ v: 1, n: 2 }, simple.id);
        }
        expect(await contents()).toEqual(expected);
        expect([step, await state()]).toEqual([step, before]);
        await next[Symbol.asyncDispose]();
        expect(step).toBeLessThan(90);
      }
    },
    180_000,
  );

  test('readers never see a gap, whether the target is swapped or refilled', async () => {
    for (const way of ['swapped', 'refilled']) {
      await lab.sql('DROP TABLE IF EXISTS lines_, orders');
      await lab.sql('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))');
      await lab.sql(`INSERT INTO orders VALUES (1, 'z'), (2, 'z')`);
      if (way === 'refilled') await lab.sql('CREATE TABLE lines_ (o INT, FOREIGN KEY (o) REFERENCES orders (id))');
      else await lab.sql('CREATE TRIGGER quiet BEFORE INSERT ON orders FOR EACH ROW SET NEW.id = NEW.id');
      const seen = new Set<string>();
      let reading = true;
      const reader = (async () => {
        while (reading) {
          seen.add((await lab.sql(`SELECT CONCAT(COUNT(*), MIN(name), MAX(name)) FROM orders`))[0]![0]!);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      })();
      try {
        for (const letter of ['b', 'c', 'd'])
          await load([
            [1, letter],
            [2, letter],
          ]);
      } finally {
        reading = false;
        await reader;
      }
      for (const sight of seen) expect(sight).toMatch(/^2(zz|bb|cc|dd)$/);
      expect(seen.size).toBeGreaterThan(1);
    }
  });
});
