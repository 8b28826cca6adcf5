import { inspect } from 'node:util';
import {
  type Checkpoint,
  type Row,
  type SourceSession,
  type Stream,
  type StreamRequest,
  isSluiceError,
} from '@sluice/connector-sdk';
import type { Link } from '../src/link.js';
import { RowStream } from '../src/source/row-stream.js';
import { Lab, full, readOut, servers } from './lab.js';

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );
const sortedRows = (rows: readonly Row[]): Row[] => rows.toSorted((a, b) => (inspect(a) < inspect(b) ? -1 : 1));

describe.each(servers)('source, %s', (name, url) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());
  const streamOf = async (table: string, session?: SourceSession): Promise<Stream> => {
    const [stream] = await (session ?? (await lab.source())).discover([`${lab.database}.${table}`]);
    return stream!;
  };

  /** Reads with small windows, and again from every checkpoint in a new session: each must end with exactly the rest. */
  async function resumesEverywhere(table: string, encoding?: 'csv/1' | 'copy-text/1'): Promise<number> {
    const stream = await streamOf(table);
    const all = await readOut(await lab.source({ window_rows: 3 }), [full(stream, encoding)]);
    expect(all.kinds.at(-1)).toBe('complete');
    const once = await readOut(await lab.source(), [full(stream, encoding)]);
    expect(sortedRows(all.rows)).toEqual(sortedRows(once.rows));
    for (let stop = 1; stop < all.checkpoints.length; stop++) {
      const head = await readOut(await lab.source({ window_rows: 3 }), [full(stream, encoding)], undefined, stop);
      const tail = await readOut(
        await lab.source({ window_rows: 3 }),
        [full(stream, encoding)],
        head.checkpoints.at(-1),
      );
      await lab.tidy();
      expect(sortedRows([...head.rows, ...tail.rows])).toEqual(sortedRows(once.rows));
      expect(tail.kinds.at(-1)).toBe('complete');
    }
    return all.checkpoints.length;
  }

  test.each<[string, string, readonly string[], number]>([
    ['dense numbers', 'id int primary key', ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'], 4],
    [
      'numbers with gaps and below zero',
      'id bigint primary key',
      ['-9223372036854775808', '-5', '0', '1', '2', '1000000', '9223372036854775807'],
      3,
    ],
    [
      'unsigned numbers',
      'id bigint unsigned primary key',
      ['0', '1', '2', '3', '18446744073709551614', '18446744073709551615'],
      2,
    ],
    ['decimals', 'id decimal(20,3) primary key', ['-1.5', '0', '0.001', '0.002', '7', '8.125'], 2],
    [
      'text without case',
      'id varchar(20) collate utf8mb4_general_ci primary key',
      [`'b'`, `'A'`, `'c'`, `'é'`, `'z'`, `'Z z'`, `'"'`, `'\\\\'`, `''''`],
      3,
    ],
    [
      'text with another character set',
      'id varchar(20) character set latin1 primary key',
      [`'é'`, `'a'`, `'ü'`, `'ÿ'`, `'z'`],
      2,
    ],
    [
      'binary text',
      'id varchar(20) collate utf8mb4_bin primary key',
      [`'a'`, `'A'`, `'b'`, `'B'`, `''`, `'\u{1F600}'`],
      2,
    ],
    ['bytes', 'id varbinary(8) primary key', [`X''`, `X'00'`, `X'0000'`, `X'ff'`, `X'27'`, `X'5c'`], 2],
    ['dates', 'id date primary key', [`'1000-01-01'`, `'2024-02-28'`, `'2024-02-29'`, `'9999-12-31'`], 2],
    [
      'timestamps',
      'id timestamp(6) primary key',
      [
        `'1970-01-01 00:00:01'`,
        `'2024-01-01 00:00:00.000001'`,
        `'2024-01-01 00:00:00.000002'`,
        `'2038-01-19 03:14:07'`,
      ],
      2,
    ],
    ['a unique index instead of a primary key', 'id int not null unique', ['3', '1', '2', '4'], 1],
  ])('a full read by %s goes on from every window, in every encoding', async (label, column, ids, least) => {
    const table = `t_${label.replaceAll(' ', '_')}`;
    await lab.sql(`CREATE TABLE ${table} (${column}, v varchar(10))`);
    await lab.sql(`INSERT INTO ${table} (id, v) VALUES ${ids.map((id, i) => `(${id}, 'v${i}')`).join(', ')}`);
    for (const encoding of ['csv/1', undefined] as const)
      expect(await resumesEverywhere(table, encoding)).toBeGreaterThanOrEqual(least);
  });

  test('a full read by a key of three columns goes on from every window', async () => {
    await lab.sql('CREATE TABLE composite (a int, b varchar(5), c date, v int, primary key (a, b, c))');
    const rows = [1, 2].flatMap((a) =>
      ['x', 'y', ''].flatMap((b) => [1, 2].map((c) => `(${a}, '${b}', '2024-01-0${c}', ${a})`)),
    );
    await lab.sql(`INSERT INTO composite VALUES ${rows.join(', ')}`);
    expect(await resumesEverywhere('composite', 'csv/1')).toBe(5);
  });

  test('tables without a key, with a key of text prefixes or of ENUM, and views are one window', async () => {
    await lab.sql('CREATE TABLE keyless (a int)');
    await lab.sql('INSERT INTO keyless VALUES (1), (1), (NULL), (2)');
    await lab.sql('CREATE TABLE prefix (a text, primary key (a(3)))');
    await lab.sql(`INSERT INTO prefix VALUES ('aaa'), ('bbb'), ('ccc'), ('ddd')`);
    await lab.sql(`CREATE TABLE enumerated (a enum('z', 'y', 'x', 'w') primary key)`);
    await lab.sql(`INSERT INTO enumerated VALUES ('z'), ('y'), ('x'), ('w')`);
    await lab.sql('CREATE VIEW seen AS SELECT a + 1 AS b FROM keyless');
    for (const table of ['keyless', 'prefix', 'enumerated', 'seen']) {
      const read = await readOut(await lab.source({ window_rows: 1 }), [full(await streamOf(table), 'csv/1')]);
      expect([table, read.kinds, read.rows.length]).toEqual([table, ['raw', 'complete'], 4]);
    }
    expect((await streamOf('seen')).kind).toBe('view');
  });

  test('an empty table is complete, and a read after complete starts anew', async () => {
    await lab.sql('CREATE TABLE nothing (id int primary key)');
    const stream = await streamOf('nothing');
    for (const encoding of ['csv/1', 'copy-text/1', undefined] as const) {
      const read = await readOut(await lab.source(), [full(stream, encoding)]);
      expect([read.rows, read.text, read.kinds.at(-1)]).toEqual([[], '', 'complete']);
      await lab.sql('INSERT INTO nothing VALUES (1)');
      const again = await readOut(await lab.source(), [full(stream)], read.checkpoints.at(-1));
      expect(again.rows).toEqual([[1]]);
      await lab.sql('DELETE FROM nothing');
    }
  });

  test('of two streams the finished one is skipped while the other is not', async () => {
    await lab.sql('CREATE TABLE one (id int primary key)');
    await lab.sql('INSERT INTO one VALUES (1)');
    await lab.sql('CREATE TABLE two (id int primary key)');
    await lab.sql('INSERT INTO two VALUES (2)');
    const requests = [full(await streamOf('one')), full(await streamOf('two'))];
    const head = await readOut(await lab.source(), requests, undefined, 1);
    expect(head.rows).toEqual([[1]]);
    const tail = await readOut(await lab.source(), requests, head.checkpoints[0]);
    expect(tail.rows).toEqual([[2]]);
    expect((await readOut(await lab.source(), requests, tail.checkpoints.at(-1))).rows).toEqual([[1], [2]]);
  });

  test('all full reads of a session see one moment', async () => {
    await lab.sql('CREATE TABLE moment (id int primary key)');
    await lab.sql('INSERT INTO moment VALUES (1), (2), (3), (4), (5)');
    const session = await lab.source({ window_rows: 2 });
    const stream = await streamOf('moment', session);
    const rows: Row[] = [];
    for await (const batch of session.read([full(stream)])) {
      if (batch.kind === 'rows') rows.push(...batch.rows);
      await lab.sql('UPDATE moment SET id = id + 100 ORDER BY id DESC');
    }
    expect(rows).toEqual([[1], [2], [3], [4], [5]]);
    expect((await readOut(session, [full(stream)])).rows).toEqual([[1], [2], [3], [4], [5]]);
  });

  test.each([
    ['TRUNCATE overtaken', 'INSERT INTO overtaken VALUES (1), (2)'],
    ['ALTER TABLE overtaken ADD COLUMN v int, ALGORITHM = COPY', 'DO 1'],
  ])('a table that is rewritten after the moment is not read as empty: %s', async (...statements) => {
    await lab.sql('DROP TABLE IF EXISTS overtaken, before_it');
    await lab.sql('CREATE TABLE overtaken (id int primary key)');
    await lab.sql('CREATE TABLE before_it (id int primary key)');
    await lab.sql('INSERT INTO overtaken VALUES (1), (2)');
    const session = await lab.source();
    const stream = await streamOf('overtaken', session);
    await readOut(session, [full(await streamOf('before_it', session))]);
    for (const sql of statements) await lab.sql(sql);
    const read = await readOut(session, [full(stream)]).then(
      ({ rows }) => rows.length,
      (error: unknown) => (error as { class: string }).class,
    );
    expect([2, 'transient']).toContain(read);
  });

  describe('cursor', () => {
    const request = (stream: Stream, cursor: string, encoding?: 'csv/1'): StreamRequest => ({
      stream,
      mode: 'cursor',
      cursor,
      ...(encoding === undefined ? {} : { encoding }),
    });

    test.each(['csv/1', undefined] as const)(
      'reads (low, high], ties together, NULLs with the first read, pages along an index (%s)',
      async (encoding) => {
        const table = `cursor_${encoding === undefined ? 'rows' : 'csv'}`;
        await lab.sql(`CREATE TABLE ${table} (id int primary key, at datetime(6), key (at))`);
        await lab.sql(
          `INSERT INTO ${table} VALUES (1, '2024-01-01 00:00:00.000001'), (2, '2024-01-01 00:00:00.000001'), (3, '2024-01-02'), (4, NULL), (5, '2024-01-03'), (6, '2024-01-03')`,
        );
        const stream = await streamOf(table);
        lab.log.length = 0;
        const first = await readOut(await lab.source({ window_rows: 1 }), [request(stream, 'at', encoding)]);
        expect(first.rows.map((row) => row[0]).toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
        expect(first.checkpoints.length).toBeGreaterThanOrEqual(3);
        expect(first.kinds).not.toContain('complete');
        expect(
          (await readOut(await lab.source(), [request(stream, 'at', encoding)], first.checkpoints.at(-1))).kinds,
        ).toEqual([]);
        expect(lab.log).toEqual([expect.objectContaining({ fields: { stream: stream.id, column: 'at', rows: 1 } })]);
        await lab.sql(`INSERT INTO ${table} VALUES (7, '2024-01-03 00:00:00.000001')`);
        const second = await readOut(await lab.source(), [request(stream, 'at', encoding)], first.checkpoints.at(-1));
        expect(second.rows).toEqual([[7, '2024-01-03 00:00:00.000001']]);
        const middle = await readOut(
          await lab.source({ window_rows: 1 }),
          [request(stream, 'at', encoding)],
          first.checkpoints[1],
        );
        expect(middle.rows.map((row) => row[0]).toSorted()).toEqual([3, 5, 6, 7]);
      },
    );

    test('the lag keeps a time cursor behind the clock; numbers keep all their digits', async () => {
      await lab.sql('CREATE TABLE lagging (id bigint unsigned primary key, at timestamp(6) not null)');
      await lab.sql(
        'INSERT INTO lagging VALUES (18446744073709551614, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR), (18446744073709551615, UTC_TIMESTAMP(6))',
      );
      const stream = await streamOf('lagging');
      const late = await readOut(await lab.source({ cursor_lag_seconds: 60 }), [request(stream, 'at')]);
      expect(late.rows.map((row) => row[0])).toEqual(['18446744073709551614']);
      expect((await readOut(await lab.source(), [request(stream, 'at')], late.checkpoints.at(-1))).rows).toHaveLength(
        1,
      );
      const low: Checkpoint = { v: 1, full: [], cursor: [[stream.id, { by: 'id', high: '18446744073709551614' }]] };
      expect((await readOut(await lab.source(), [request(stream, 'id')], low)).rows.map((row) => row[0])).toEqual([
        '18446744073709551615',
      ]);
    });

    test('each read by cursor has a snapshot of its own: an old one would void the lag', async () => {
      await lab.sql('CREATE TABLE early (id int primary key)');
      await lab.sql('CREATE TABLE slow (id int primary key, at timestamp(6) not null)');
      const session = await lab.source({ cursor_lag_seconds: 1 });
      const stream = await streamOf('slow', session);
      await lab.sql('BEGIN');
      await lab.sql('INSERT INTO slow VALUES (1, UTC_TIMESTAMP(6))');
      const other = await lab.another();
      await other(`INSERT INTO ${stream.id} VALUES (2, UTC_TIMESTAMP(6))`);
      await readOut(session, [full(await streamOf('early', session))]);
      await lab.sql('COMMIT');
      await new Promise((resolve) => setTimeout(resolve, 1200));
      const first = await readOut(session, [request(stream, 'at')]);
      const second = await readOut(await lab.source(), [request(stream, 'at')], first.checkpoints.at(-1));
      expect([...first.rows, ...second.rows].map(([id]) => id).toSorted()).toEqual([1, 2]);
    });

    test('a day that is not over everywhere is left to a later read: its rows would share the date already read', async () => {
      await lab.sql('CREATE TABLE days (id int, d date)');
      await lab.sql('INSERT INTO days VALUES (1, UTC_DATE() - INTERVAL 2 DAY), (2, UTC_DATE())');
      const { rows } = await readOut(await lab.source(), [request(await streamOf('days'), 'd')]);
      expect(rows.map(([id]) => id)).toEqual([1]);
    });

    test.each([
      ['nulls', ''],
      ['indexed_nulls', ', key (at)'],
    ])('rows without a cursor come once, with the first read: %s', async (table, key) => {
      await lab.sql(`CREATE TABLE ${table} (id int primary key, at int${key})`);
      await lab.sql(`INSERT INTO ${table} VALUES (1, NULL)`);
      const stream = await streamOf(table);
      const only = await readOut(await lab.source(), [request(stream, 'at')]);
      expect(only.rows).toEqual([[1, null]]);
      await lab.sql(`INSERT INTO ${table} VALUES (2, 5)`);
      const next = await readOut(await lab.source(), [request(stream, 'at')], only.checkpoints.at(-1));
      expect(next.rows).toEqual([[2, 5]]);
      const both = await readOut(await lab.source(), [request(stream, 'at')]);
      expect(both.rows.toSorted()).toEqual([
        [1, null],
        [2, 5],
      ]);
      expect(both.checkpoints.length).toBeGreaterThan(0);
    });

    test('a column that is none is refused; a checkpoint that is none, or smuggles SQL, is a lost position', async () => {
      await lab.sql('CREATE TABLE refused (id int primary key, s varchar(5))');
      const stream = await streamOf('refused');
      expect(stream.cursors).toEqual(['id']);
      expect(await failure(readOut(await lab.source(), [request(stream, 's')]))).toMatchObject({
        class: 'config',
        code: 'unsupported',
      });
      for (const after of [
        { v: 2 },
        { v: 1, full: [], cursor: [[stream.id, { by: 'other', high: '7' }]] },
        { v: 1, full: [], cursor: [[stream.id, { by: 'id', high: '1; DROP TABLE refused' }]] },
      ] as Checkpoint[]) {
        expect(await failure(readOut(await lab.source(), [request(stream, 'id')], after))).toMatchObject({
          class: 'lost-position',
        });
      }
    });
  });

  test('a value of 40 MB, over packets of 16 MB, arrives whole', async () => {
    await lab.sql('CREATE TABLE large (id int primary key, v longblob)');
    const limit = Number((await lab.sql('SELECT @@max_allowed_packet'))[0]![0]);
    const megabytes = limit > 45_000_000 ? 40 : 15.9;
    await lab.sql(`INSERT INTO large VALUES (1, REPEAT(X'61', 1000))`);
    if (limit > 45_000_000) await lab.sql(`UPDATE large SET v = REPEAT(X'61', ${megabytes * 1e6})`);
    else
      for (let i = 0; i < 3; i++)
        await lab.sql(`UPDATE large SET v = REPEAT(X'61', ${Math.floor(5.3e6 * (i + 1) * 0.99)})`);
    const stream = await streamOf('large');
    const size = Number((await lab.sql('SELECT LENGTH(v) FROM large'))[0]![0]);
    expect(size).toBeGreaterThan(15_000_000);
    const { rows } = await readOut(await lab.source(), [full(stream)]);
    expect((rows[0]![1] as Buffer).equals(Buffer.alloc(size, 0x61))).toBe(true);
    const wide = await streamOf('large');
    const two = { ...wide, columns: [wide.columns[1]!, wide.columns[1]!] };
    const twice = await readOut(await lab.source(), [full(two)]);
    expect(twice.rows[0]!.map((value) => (value as Buffer).length)).toEqual([size, size]);
  });

  describe('with many rows', () => {
    let stream: Stream;
    beforeAll(async () => {
      await lab.sql('CREATE TABLE many (id int auto_increment primary key, v varchar(200))');
      await lab.sql(`INSERT INTO many (v) VALUES (REPEAT('x', 190))`);
      for (let i = 0; i < 16; i++) await lab.sql('INSERT INTO many (v) SELECT v FROM many');
      stream = await streamOf('many');
    });
    const running = async (): Promise<number> => {
      const rows = await lab.sql(
        `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT %many%' AND ID <> CONNECTION_ID()`,
      );
      return Number(rows[0]![0]);
    };

    test('a reader that waits makes the server wait: memory does not grow with the table', async () => {
      const piece = jest.spyOn(RowStream.prototype, 'next');
      const session = await lab.source();
      for await (const batch of session.read([full(stream, 'csv/1')])) {
        if (batch.kind !== 'raw') continue;
        const body = batch.body[Symbol.asyncIterator]();
        await body.next();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const { link } = { link: (piece.mock.contexts[0] as unknown as { link: Link }).link };
        expect((link.connection as unknown as { stream: { isPaused(): boolean } }).stream.isPaused()).toBe(true);
        let bytes = 0;
        for (let next = await body.next(); next.done !== true; next = await body.next())
          bytes += (next.value as Uint8Array).length;
        expect(bytes).toBeGreaterThan(12_000_000);
        expect(batch.rows()).toBe(65536);
      }
      piece.mockRestore();
    });

    test('return() on a body ends the query, and the session reads on in the same snapshot', async () => {
      const session = await lab.source();
      for await (const batch of session.read([full(stream, 'csv/1')])) {
        if (batch.kind !== 'raw') continue;
        const body = batch.body[Symbol.asyncIterator]();
        await body.next();
        await body.return?.();
        break;
      }
      expect(await running()).toBe(0);
      expect((await readOut(session, [full(stream, 'csv/1')])).rows).toHaveLength(65536);
    });

    test('an abort makes a raw body throw its reason, yields no complete, and ends the query', async () => {
      const abort = new AbortController();
      const session = await lab.source({}, abort.signal);
      const kinds: string[] = [];
      const reason = new Error('enough');
      const outcome = await failure(
        (async () => {
          for await (const batch of session.read([full(stream, 'copy-text/1')])) {
            kinds.push(batch.kind);
            if (batch.kind !== 'raw') continue;
            setTimeout(() => abort.abort(reason), 5);
            for await (const _ of batch.body) await new Promise((resolve) => setTimeout(resolve, 1));
          }
        })(),
      );
      expect(outcome).toBe(reason);
      expect(kinds).toEqual(['raw']);
      expect(await running()).toBe(0);
    });

    test('an abort ends a read of rows after the batch in hand', async () => {
      const abort = new AbortController();
      const session = await lab.source({}, abort.signal);
      const kinds: string[] = [];
      for await (const batch of session.read([full(stream)])) {
        kinds.push(batch.kind);
        abort.abort();
      }
      expect(kinds).toEqual(['rows']);
      expect(await running()).toBe(0);
    });

    test('a connection that is killed in mid read is a TransientError', async () => {
      const session = await lab.source();
      const outcome = await failure(
        (async () => {
          for await (const batch of session.read([full(stream, 'csv/1')])) {
            if (batch.kind !== 'raw') continue;
            const body = batch.body[Symbol.asyncIterator]();
            await body.next();
            const [row] = await lab.sql(
              `SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT %many%' AND ID <> CONNECTION_ID()`,
            );
            await lab.sql(`KILL ${row![0]}`);
            while ((await body.next()).done !== true);
          }
        })(),
      );
      expect(outcome).toMatchObject({ class: 'transient', code: 'connection-lost' });
    });
  });

  test('discover: keys, kinds, cursors, estimates, hostile names; only what is asked for', async () => {
    await lab.sql(
      'CREATE TABLE `we"ird.na`` me` (`__proto__` int primary key, `a.b` timestamp null, `select` varchar(3) not null, unique (`select`))',
    );
    const [stream] = await (await lab.source()).discover([`${lab.database}."we""ird.na\` me"`]);
    expect(stream).toEqual({
      id: `${lab.database}."we""ird.na\` me"`,
      path: [lab.database, 'we"ird.na` me'],
      system: 'mysql',
      kind: 'table',
      columns: [
        { name: '__proto__', type: 'int32', nullable: false, native: name === 'mysql' ? 'int' : 'int(11)' },
        { name: 'a.b', type: 'timestamptz', nullable: true, native: 'timestamp', scale: 0 },
        { name: 'select', type: 'string', nullable: false, native: 'varchar(3)', length: 3 },
      ],
      key: ['__proto__'],
      modes: ['full', 'cursor'],
      cursors: ['__proto__', 'a.b'],
      estimate: { rows: 0, bytes: expect.any(Number) as number },
    });
    await lab.sql("INSERT INTO `we\"ird.na`` me` VALUES (1, NULL, 'abc')");
    expect((await readOut(await lab.source(), [full(stream!)])).rows).toEqual([[1, null, 'abc']]);
    expect(await (await lab.source()).discover([`${lab.database}.no_such`, 'x', '"', 'a.b.c'])).toEqual([]);
    await lab.sql('CREATE TABLE _sluice_checkpoints (a int)');
    const ids = (await (await lab.source()).discover()).map((each) => each.id);
    expect(ids).not.toContain(`${lab.database}._sluice_checkpoints`);
    expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(ids.every((id) => id.startsWith(lab.database))).toBe(true);
    expect((await (await lab.source({ database: undefined })).discover()).map((each) => each.path[0])).not.toContain(
      'mysql',
    );
    expect(await failure((await lab.source({ database: 'wmy_no_such' })).discover())).toMatchObject({
      class: 'config',
      code: 'no-such-database',
    });
  });

  test('what is not claimed is refused; a table or column that is gone is a ConfigError; a type that changed is a schema', async () => {
    await lab.sql('CREATE TABLE changing (id int primary key, v int)');
    await lab.sql('INSERT INTO changing VALUES (1, 2)');
    const stream = await streamOf('changing');
    const read = async (request: StreamRequest): Promise<unknown> => failure(readOut(await lab.source(), [request]));
    expect(await read({ stream, mode: 'changes' })).toMatchObject({ class: 'config', code: 'unsupported' });
    expect(await read({ stream, mode: 'full', part: 1 })).toMatchObject({ class: 'config', code: 'unsupported' });
    expect(await read({ stream, mode: 'full', encoding: 'copy-binary/1' })).toMatchObject({
      class: 'config',
      code: 'unsupported',
    });
    await lab.sql('ALTER TABLE changing MODIFY v varchar(10)');
    expect((await readOut(await lab.source(), [full(stream)])).kinds).toEqual(['schema', 'rows', 'complete']);
    await lab.sql('ALTER TABLE changing DROP v');
    expect(await read(full(stream))).toMatchObject({ class: 'config', code: 'no-such-stream' });
    await lab.sql('DROP TABLE changing');
    expect(await read(full(stream))).toMatchObject({ class: 'config', code: 'no-such-stream' });
  });

  test('check: an owner may read all; a stranger gets every finding with its fix', async () => {
    expect((await (await lab.source()).check()).filter((finding) => finding.severity === 'error')).toEqual([]);
    await lab.sql(`CREATE USER '${lab.database}'@'%' IDENTIFIED BY 'x'`);
    await lab.sql(`GRANT INSERT ON ${lab.database}.* TO '${lab.database}'@'%'`);
    const session = await lab.source({ username: lab.database, password: 'x' });
    const findings = await session.check();
    expect(findings).toContainEqual(expect.objectContaining({ code: 'permission', severity: 'error' }));
    expect(findings).toContainEqual(expect.objectContaining({ code: 'more-than-select', severity: 'warning' }));
    expect(findings.find((finding) => finding.code === 'permission')?.fix).toMatch(/^GRANT SELECT ON /);
    await session[Symbol.asyncDispose]();
    await lab.sql(`DROP USER '${lab.database}'@'%'`);
    expect(await (await lab.source({ database: 'wmy_no_such' })).check()).toContainEqual(
      expect.objectContaining({ code: 'no-such-database', severity: 'error' }),
    );
  });

  test.each<[string, Record<string, unknown>, object]>([
    ['a wrong password', { password: 'wrong' }, { class: 'config', code: 'authentication', path: ['password'] }],
    ['a closed port', { port: 1 }, { class: 'transient', code: 'unreachable' }],
    ['an unknown host', { host: 'no-such-host.invalid' }, { code: 'unreachable' }],
  ])('open with %s is a ConfigError at the field', async (_, extra, expected) => {
    const error = await failure(lab.source({ connect_timeout: 5, ...extra }));
    expect(isSluiceError(error)).toBe(true);
    expect(error).toMatchObject(expected);
    expect(String((error as Error).message)).not.toContain('wrong');
  });

  test('TLS: asked for and not offered, or not trusted, is a ConfigError at ssl_mode; prefer takes what there is', async () => {
    const [row] = await lab.sql(`SHOW VARIABLES LIKE 'have_ssl'`);
    const offered = name === 'mysql' || row?.[1] === 'YES';
    const error = await failure(lab.source({ ssl_mode: offered ? 'verify-full' : 'require' }));
    expect(error).toMatchObject({ class: 'config', code: 'tls', path: ['ssl_mode'] });
    const findings = await (await lab.source({ ssl_mode: 'prefer' })).check();
    expect(findings.map((finding) => finding.code)).toContain(offered ? 'tls-unverified' : 'no-tls');
  });
});

test('2,000 tables are discovered in seconds', async () => {
  const lab = await Lab.open(servers[0]![1]);
  try {
    for (let i = 0; i < 2000; i++)
      await lab.sql(`CREATE TABLE t${i} (id int primary key, a varchar(10), b datetime) ENGINE = MyISAM`);
    const session = await lab.source();
    const start = Date.now();
    const streams = await session.discover();
    expect(streams).toHaveLength(2000);
    expect(streams.every((stream) => stream.key[0] === 'id' && stream.columns.length === 3)).toBe(true);
    expect(Date.now() - start).toBeLessThan(10_000);
    const again = Date.now();
    expect(await session.discover([`${lab.database}.t77`])).toHaveLength(1);
    expect(Date.now() - again).toBeLessThan(3000); // far from the time of all
  } finally {
    await lab.close();
  }
});
