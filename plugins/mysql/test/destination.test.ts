import {
  type Change,
  type Column,
  type DestinationSession,
  type RawData,
  type Row,
  type Stream,
  isSluiceError,
  streamId,
} from '@sluice/connector-sdk';
import { csv1 } from '@sluice/encodings';
import { type Link } from '../src/link.js';
import { Lab, full, laneOf, readOut, servers, targetOf } from './lab.js';

const col = (name: string, type: Column['type'], more: Partial<Column> = {}): Column => ({
  name,
  type,
  nullable: true,
  native: type,
  ...more,
});
const streamOf = (columns: readonly Column[], key: readonly string[] = []): Stream => ({
  id: 'public.orders',
  path: ['public', 'orders'],
  system: 'postgres',
  columns,
  key,
  modes: ['full'],
  cursors: [],
});
const simple = streamOf([col('id', 'int64', { nullable: false }), col('name', 'string')], ['id']);
const rowsOf = (rows: readonly Row[], stream = simple) => ({ kind: 'rows', stream: stream.id, rows }) as const;
function raw(stream: Stream, rows: readonly Row[], counted = rows.length): RawData {
  const bytes = csv1.encoder(stream.columns).rows(rows);
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
  }
  return { kind: 'raw', stream: stream.id, encoding: 'csv/1', body: body(), rows: () => counted };
}
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );

describe.each(servers)('destination, %s', (name, url) => {
  let lab: Lab;
  let to: DestinationSession;
  const lane = laneOf('lane');
  beforeEach(async () => {
    lab = await Lab.open(url);
    to = await lab.destination();
  });
  afterEach(() => lab.close());
  const target = (): Promise<(string | null)[][]> => lab.sql('SELECT * FROM orders ORDER BY 1');

  test('append: nothing shows before the commit, everything with it, and the checkpoint comes back', async () => {
    expect(await to.resume(lane)).toBeUndefined();
    await to.prepare(simple, targetOf('orders', 'append'));
    expect(
      await to.write(
        rowsOf([
          [1, 'a'],
          [1, 'a'],
        ]),
      ),
    ).toEqual({ rows: 2, bytes: expect.any(Number) as number });
    await to.write(raw(simple, [[2, null]]));
    expect(await target()).toEqual([]);
    await to.commit({ v: 1, at: 'x' });
    expect(await target()).toEqual([
      ['1', 'a'],
      ['1', 'a'],
      ['2', null],
    ]);
    await to.write(rowsOf([[3, 'not committed']]));
    const next = await lab.destination();
    expect(await next.resume({ ...lane, fence: 2n })).toEqual({ v: 1, at: 'x' });
    expect(await target()).toHaveLength(3);
  });

  test('upsert: the last of one key wins, inside a batch, over batches and over commits', async () => {
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'upsert', ['id']));
    await to.write(
      rowsOf([
        [1, 'a'],
        [2, 'b'],
        [1, 'c'],
      ]),
    );
    await to.write(
      raw(simple, [
        [2, 'd'],
        [3, null],
      ]),
    );
    expect(await target()).toEqual([]);
    await to.commit({ v: 1 });
    await to.write(
      rowsOf([
        [3, 'e'],
        [4, 'f'],
      ]),
    );
    await to.commit({ v: 2 });
    expect(await target()).toEqual([
      ['1', 'c'],
      ['2', 'd'],
      ['3', 'e'],
      ['4', 'f'],
    ]);
  });

  test('upsert: keys that differ by case, accent or trailing space are different rows', async () => {
    const text = streamOf([col('k', 'string', { nullable: false }), col('v', 'int32')], ['k']);
    const keys = ['a', 'A', 'á', ...(name === 'mysql' || name === 'mariadb' ? ['a ', 'a\t'] : [])];
    await to.resume(lane);
    await to.prepare(text, targetOf('orders', 'upsert', ['k']));
    await to.write(
      rowsOf(
        keys.map((key, i) => [key, i]),
        text,
      ),
    );
    await to.commit({ v: 1 });
    expect(await lab.sql('SELECT k FROM orders ORDER BY v')).toEqual(keys.map((key) => [key]));
  });

  test('upsert never merges keys that only the collation of the target takes for one', async () => {
    await lab.sql('CREATE TABLE orders (k varchar(10) COLLATE utf8mb4_general_ci primary key, v int)');
    const text = streamOf([col('k', 'string', { nullable: false, length: 10 }), col('v', 'int32')], ['k']);
    await to.resume(lane);
    const work = async (): Promise<void> => {
      await to.prepare(text, targetOf('orders', 'upsert', ['k']));
      await to.write(
        rowsOf(
          [
            ['a', 1],
            ['A', 2],
          ],
          text,
        ),
      );
      await to.commit({ v: 1 });
    };
    await expect(work()).rejects.toMatchObject({ class: 'data', code: 'target-mismatch' });
  });

  test('upsert into a table with a second unique index never hits another row by it', async () => {
    await lab.sql('CREATE TABLE orders (id bigint primary key, name varchar(20) unique)');
    await lab.sql(`INSERT INTO orders VALUES (1, 'one'), (2, 'two')`);
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'upsert', ['id']));
    await to.write(rowsOf([[1, 'uno']]));
    await to.commit({ v: 1 });
    expect(await target()).toEqual([
      ['1', 'uno'],
      ['2', 'two'],
    ]);
    await to.write(rowsOf([[3, 'two']]));
    expect(await failure(to.commit({ v: 2 }))).toMatchObject({ class: 'data', stream: 'public.orders' });
    expect(await target()).toEqual([
      ['1', 'uno'],
      ['2', 'two'],
    ]);
  });

  test('upsert without a key is refused, and so is a target whose key is another, with the statement that helps', async () => {
    await to.resume(lane);
    expect(await failure(to.prepare(simple, targetOf('orders', 'upsert')))).toMatchObject({
      class: expect.stringMatching(/config|data/) as string,
      code: 'target-mismatch',
    });
    await lab.sql('CREATE TABLE orders (id bigint, name varchar(20))');
    const refusal = (await failure(to.prepare(simple, targetOf('orders', 'upsert', ['id'])))) as { fix: string };
    expect(refusal).toMatchObject({ code: 'target-mismatch' });
    await lab.sql(refusal.fix);
    expect(await to.prepare(simple, targetOf('orders', 'upsert', ['id']))).toEqual([]);
  });

  test('replace: previous rows are seen until complete, and nothing is left beside the target', async () => {
    await lab.sql('CREATE TABLE orders (old int)');
    await lab.sql('INSERT INTO orders VALUES (7)');
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.write(raw(simple, [[1, 'a']]));
    await to.commit({ v: 1, window: 1 });
    expect(await target()).toEqual([['7']]);
    await to.write(rowsOf([[2, 'b']]));
    await to.commit({ v: 1, done: true }, simple.id);
    expect(await lab.sql('SELECT old, id, name FROM orders ORDER BY id')).toEqual([
      [null, '1', 'a'],
      [null, '2', 'b'],
    ]);
    expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.commit({ v: 2 }, simple.id);
    expect(await target()).toEqual([]);
    expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
  });

  test('a lower fence is refused at resume and at commit, and writes nothing', async () => {
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'append'));
    await to.write(rowsOf([[1, 'stale']]));
    const taker = await lab.destination();
    await taker.resume({ ...lane, fence: 5n });
    expect(await failure(to.commit({ v: 1 }))).toMatchObject({ class: 'fenced' });
    expect(await target()).toEqual([]);
    expect(await failure((await lab.destination()).resume({ ...lane, fence: 4n }))).toMatchObject({ class: 'fenced' });
    expect(await (await lab.destination()).resume({ ...lane, fence: 5n })).toBeUndefined();
  });

  test('a stale writer cannot commit rows into the shadow table', async () => {
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.write(rowsOf([[1, 'stale']]));
    const taker = await lab.destination();
    await taker.resume({ ...lane, fence: 2n });
    expect(await failure(to.commit({ v: 1 }, simple.id))).toMatchObject({ class: 'fenced' });
    await taker.prepare(simple, targetOf('orders', 'replace', ['id']));
    await taker.write(rowsOf([[2, 'fresh']]));
    await taker.commit({ v: 1 }, simple.id);
    expect(await target()).toEqual([['2', 'fresh']]);
  });

  test('a new generation forgets the checkpoint and the half-filled shadow', async () => {
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.write(rowsOf([[1, 'a']]));
    await to.commit({ v: 1 });
    const next = await lab.destination();
    expect(await next.resume({ ...lane, fence: 2n, generation: 2 })).toBeUndefined();
    await next.prepare(simple, targetOf('orders', 'replace', ['id']));
    await next.write(rowsOf([[2, 'b']]));
    await next.commit({ v: 2 }, simple.id);
    expect(await target()).toEqual([['2', 'b']]);
    expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
  });

  test('drop forgets the lane and its shadow, and leaves the target', async () => {
    await lab.sql('CREATE TABLE orders (id int)');
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'replace', ['id']));
    await to.write(rowsOf([[1, 'a']]));
    await to.commit({ v: 1 });
    await to[Symbol.asyncDispose]();
    await (await lab.destination()).drop(lane);
    expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
    expect(await lab.sql('SELECT * FROM _sluice_checkpoints')).toEqual([]);
  });

  test.each(['append', 'replace'] as const)('%s: a body that throws is never committed', async (mode) => {
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', mode, mode === 'append' ? [] : ['id']));
    async function* torn(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('"1","a"\n"2","b"\n');
      throw new Error('aborted');
    }
    const data: RawData = { kind: 'raw', stream: simple.id, encoding: 'csv/1', body: torn(), rows: () => 2 };
    expect(await failure(to.write(data))).toMatchObject({ message: 'aborted' });
    expect(await failure(to.commit({ v: 1 }, mode === 'replace' ? simple.id : undefined))).toMatchObject({
      message: 'aborted',
    });
    const next = await lab.destination();
    await to[Symbol.asyncDispose]();
    expect(await next.resume({ ...lane, fence: 2n })).toBeUndefined();
    await next.prepare(simple, targetOf('orders', mode, mode === 'append' ? [] : ['id']));
    await next.write(rowsOf([[9, 'z']]));
    await next.commit({ v: 1 }, mode === 'replace' ? simple.id : undefined);
    expect(await target()).toEqual([['9', 'z']]);
  });

  test('rows that the source counted and the server did not take are an error', async () => {
    await to.resume(lane);
    await to.prepare(simple, targetOf('orders', 'append'));
    expect(await failure(to.write(raw(simple, [[1, 'a']], 2)))).toMatchObject({ class: 'data', code: 'rows-lost' });
  });

  test.each<[string, Column, unknown]>([
    ['a date before MySQL knows any', col('c', 'date'), '0044-03-15 BC'],
    ['an infinite timestamp', col('c', 'timestamp'), 'infinity'],
    ['a year above 9999', col('c', 'timestamp'), '12024-01-01 00:00:00'],
    ['NaN', col('c', 'float64'), NaN],
    ['an infinite decimal', col('c', 'decimal', { precision: 10, scale: 2 }), 'Infinity'],
    ['a decimal with more digits than its column', col('c', 'decimal', { precision: 4, scale: 2 }), '100.00'],
    ['a decimal with more digits after the point', col('c', 'decimal', { precision: 4, scale: 2 }), '1.005'],
    ['a number out of range', col('c', 'int16'), 40000],
    ['a text that is too long', col('c', 'string', { length: 3 }), 'four'],
    ['a span that TIME does not hold', col('c', 'duration'), '839:00:00'],
  ])('%s is a DataError that names stream and column, in every mode', async (_, column, value) => {
    const stream = streamOf([col('id', 'int32'), column]);
    const row = [1, value] as Row;
    for (const mode of ['append', 'replace'] as const) {
      const session = await lab.destination();
      await session.resume(laneOf(mode));
      await session.prepare(stream, targetOf(`t_${mode}`, mode));
      const error = await failure(session.write(rowsOf([row], stream)));
      expect(isSluiceError(error, 'data')).toBe(true);
      expect(error).toMatchObject({ stream: 'public.orders', message: expect.stringMatching(/"c"/) as string });
      expect((error as Error).message).not.toContain('12024');
      await session[Symbol.asyncDispose]();
    }
  });

  test('a full day, unlimited decimals and long digits are held exactly', async () => {
    const columns = [
      col('t', 'time'),
      col('d', 'decimal'),
      col('e', 'decimal', { precision: 100, scale: 50 }),
      col('j', 'json'),
      col('f', 'float64'),
    ];
    const stream = streamOf(columns);
    const digits = `${'9'.repeat(50)}.${'1'.repeat(50)}`;
    await to.resume(lane);
    await to.prepare(stream, targetOf('orders', 'append'));
    await to.write(
      rowsOf(
        [['24:00:00', `-${digits}${digits.slice(51)}`, digits, '{"n":12345678901234567890.123456789}', 1e-7]],
        stream,
      ),
    );
    await to.commit({ v: 1 });
    expect(await lab.sql('SELECT t, d, e, j, f FROM orders')).toEqual([
      ['24:00:00.000000', `-${digits}${digits.slice(51)}`, digits, '{"n":12345678901234567890.123456789}', '0.0000001'],
    ]);
  });

  test('the 137 rows of every byte from 1 to 127 and every mark arrive as they are', async () => {
    const marks = ['', 'NULL', '\\N', '"', '""', '\\', '\\\\', '\t\n', '\r\n\\', '\u{1F600}'];
    const texts = [...Array.from({ length: 127 }, (_, i) => String.fromCharCode(i + 1)), ...marks];
    expect(texts).toHaveLength(137);
    const stream = streamOf([col('id', 'int32'), col('s', 'string'), col('b', 'bytes')]);
    const rows: Row[] = [
      ...texts.map((text, i): Row => [i, text, Buffer.from(text)]),
      [137, null, null],
      [138, '\0', Buffer.from([0])],
    ];
    for (const [table, data] of [
      ['by_raw', raw(stream, rows)],
      ['by_rows', rowsOf(rows, stream)],
    ] as const) {
      const session = await lab.destination();
      await session.resume(laneOf(table));
      await session.prepare(stream, targetOf(table, 'append'));
      await session.write(data);
      await session.commit({ v: 1 });
      const expected = rows.map(([, text]) =>
        text === null
          ? [null, null]
          : Array(2).fill(
              Buffer.from(text as string)
                .toString('hex')
                .toUpperCase(),
            ),
      );
      expect(await lab.sql(`SELECT HEX(s), HEX(b) FROM ${table} ORDER BY id`)).toEqual(expected);
    }
  });

  test('a table that lacks a column gets it; one that cannot hold a column is refused with the statement that helps', async () => {
    await lab.sql('CREATE TABLE orders (id int)');
    await to.resume(lane);
    const refusal = (await failure(to.prepare(simple, targetOf('orders', 'append')))) as { fix: string };
    expect(refusal).toMatchObject({
      class: expect.stringMatching(/config|data/) as string,
      code: 'target-mismatch',
      message: expect.stringMatching(/"id" as int/) as string,
    });
    await lab.sql(refusal.fix);
    expect(await to.prepare(simple, targetOf('orders', 'append'))).toEqual([
      expect.stringMatching(/ADD COLUMN `name`/),
    ]);
    await to.write(rowsOf([[2 ** 40, 'a']]));
    await to.commit({ v: 1 });
    expect(await target()).toEqual([[String(2 ** 40), 'a']]);
  });

  test.each(['append', 'upsert', 'replace'] as const)(
    '%s: the shape changes between two batches of one window',
    async (mode) => {
      const key = mode === 'append' ? [] : ['id'];
      const wider = streamOf([...simple.columns, col('extra', 'int32')], ['id']);
      await to.resume(lane);
      await to.prepare(simple, targetOf('orders', mode, key));
      await to.write(rowsOf([[1, 'a']]));
      await to.commit({ v: 1 });
      await to.write(rowsOf([[2, 'b']]));
      await to.prepare(wider, targetOf('orders', mode, key));
      await to.write(rowsOf([[3, 'c', 30]], wider));
      await to.commit({ v: 2 });
      await to.prepare(wider, targetOf('orders', mode, key));
      await to.write(rowsOf([[4, 'd', 40]], wider));
      await to[Symbol.asyncDispose]();
      const next = await lab.destination();
      expect(await next.resume({ ...lane, fence: 2n })).toEqual({ v: 2 });
      await next.prepare(wider, targetOf('orders', mode, key));
      await next.write(rowsOf([[5, 'e', 50]], wider));
      await next.commit({ v: 3 }, mode === 'replace' ? wider.id : undefined);
      expect(await target()).toEqual([
        ['1', 'a', null],
        ['2', 'b', null],
        ['3', 'c', '30'],
        ['5', 'e', '50'],
      ]);
      expect(await lab.tables()).toEqual(['_sluice_checkpoints', 'orders']);
    },
  );

  test('hostile names of tables, columns and lanes are data', async () => {
    const names = [
      '`',
      '"',
      `'; DROP TABLE canary; --`,
      '\\',
      'x\ny\tz',
      'é\u{1D11E}'.slice(0, 1),
      '__proto__',
      'constructor',
      'select',
      'a.b',
      'x'.repeat(64),
    ];
    const columns = names.map((each) => col(each, 'string', { length: 5 }));
    await lab.sql('CREATE TABLE canary (a int)');
    for (const table of names) {
      const stream = { ...streamOf(columns), id: `s.${table}` };
      const session = await lab.destination();
      await session.resume(laneOf(table));
      for (const mode of ['append', 'upsert', 'replace'] as const) {
        await session.prepare(stream, targetOf(table, mode, mode === 'upsert' ? [names[0]!] : []));
        await session.write(rowsOf([names.map((_, i) => String(i))], stream));
        await session.commit({ v: 1 }, mode === 'replace' ? stream.id : undefined);
        if (mode === 'append') await lab.sql(`DROP TABLE \`${table.replaceAll('`', '``')}\``);
      }
      const cells = names.map((each, i) => `\`${each.replaceAll('`', '``')}\` AS c${i}`).join(', ');
      const stored = await lab.sql(`SELECT ${cells} FROM \`${table.replaceAll('`', '``')}\``);
      expect(stored).toEqual([names.map((_, i) => String(i))]);
      const from = await lab.source();
      const [found] = await from.discover([streamId([lab.database, table])]);
      expect(found?.columns.map((column) => column.name)).toEqual(names);
      expect((await readOut(from, [full(found!)])).rows).toEqual([names.map((_, i) => String(i))]);
      await session[Symbol.asyncDispose]();
    }
    expect(await lab.tables()).toEqual(expect.arrayContaining(['canary', ...names]));
    await to.resume(lane);
    expect(await failure(to.prepare(simple, targetOf('x'.repeat(65), 'append')))).toMatchObject({
      class: 'config',
      message: expect.stringMatching(/65 characters/) as string,
    });
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('0');
  });

  test.each([true, false])(
    'changes: in their order, over batches, unchanged is kept, NULL clears (LOAD DATA LOCAL: %s)',
    async (local) => {
      const session = Object.assign(await lab.destination(), { localInfile: local });
      const columns = [
        ...simple.columns,
        col('b', 'bytes'),
        ...Array.from({ length: 70 }, (_, i) => col(`n${i}`, 'int32')),
      ];
      const wide = streamOf(columns, ['id']);
      const row = (id: number, text: string | null | undefined, last: number | undefined): Row => [
        id,
        text,
        undefined,
        ...Array<undefined>(69).fill(undefined),
        last,
      ];
      const whole = (id: number, text: string, last = 0): Row =>
        row(id, text, last).map((value) => (value === undefined ? null : value));
      const changes = (...list: readonly Change[]) => session.write({ kind: 'changes', changes: list });
      const [stream, s] = [wide.id, { stream: wide.id }];
      await session.resume(lane);
      await session.prepare(wide, targetOf('orders', 'upsert', ['id']));
      await session.write(
        rowsOf(
          [1, 2, 3, 4, 5, 6].map((id) => whole(id, `r${id}`, id)),
          wide,
        ),
      );
      await session.commit({ v: 1 });
      await changes(
        { op: 'update', ...s, after: row(1, undefined, 100) },
        { op: 'delete', ...s, before: whole(2, 'r2') },
      );
      await changes(
        { op: 'update', ...s, after: row(1, null, undefined) },
        { op: 'insert', stream, after: whole(2, 'again') },
      );
      await changes(
        { op: 'delete', ...s, before: [3, ...Array<null>(72).fill(null)] },
        { op: 'update', ...s, before: whole(4, 'r4'), after: whole(40, 'moved') },
      );
      await changes({ op: 'insert', stream, after: whole(7, 'new') });
      await changes({ op: 'update', ...s, after: row(7, undefined, 700) });
      expect(await session.write(rowsOf([whole(5, 'row behind changes')], wide))).toMatchObject({ rows: 1 });
      expect(await lab.sql('SELECT COUNT(*) FROM orders')).toEqual([['6']]);
      await session.commit({ v: 2 });
      expect(await lab.sql('SELECT id, name, n69 FROM orders ORDER BY id')).toEqual([
        ['1', null, '100'],
        ['2', 'again', '0'],
        ['5', 'row behind changes', '0'],
        ['6', 'r6', '6'],
        ['7', 'new', '700'],
        ['40', 'moved', '0'],
      ]);
      await changes(
        { op: 'insert', stream, after: whole(8, 'x') },
        { op: 'truncate', stream },
        { op: 'insert', stream, after: whole(9, 'y') },
      );
      await session.commit({ v: 3 });
      expect(await lab.sql('SELECT id, name FROM orders ORDER BY id')).toEqual([['9', 'y']]);
      await changes({ op: 'update', ...s, after: row(10, undefined, 1) });
      expect(await failure(session.commit({ v: 4 }))).toMatchObject({ class: 'data', code: 'rows-lost' });
      expect(await lab.sql('SELECT id, name FROM orders ORDER BY id')).toEqual([['9', 'y']]);
    },
  );

  test('changes need mode upsert, and a row that an update joins', async () => {
    const change: Change = { op: 'delete', stream: simple.id, before: [1, null] };
    for (const mode of ['append', 'replace'] as const) {
      const session = await lab.destination();
      await session.resume(laneOf(mode));
      await session.prepare(simple, targetOf('orders', mode));
      expect(await failure(session.write({ kind: 'changes', changes: [change] }))).toMatchObject({
        class: 'data',
        code: 'unsupported',
      });
    }
    await to.resume(lane);
    await to.prepare(simple, targetOf('keyed', 'upsert', ['id']));
    await to.write({ kind: 'changes', changes: [change] });
    const patch: Change = { op: 'update', stream: simple.id, after: [1, undefined] };
    expect(await failure(to.write({ kind: 'changes', changes: [patch] }))).toMatchObject({
      class: 'data',
      code: 'rows-lost',
    });
  });

  test('where LOAD DATA LOCAL is off, check says so, accepts offers nothing, and rows go by INSERT', async () => {
    const session = await lab.destination();
    const plain = Object.assign(session, { localInfile: false });
    expect((await plain.check()).map((finding) => finding.code)).toContain('local-infile-off');
    expect(plain.accepts(simple, targetOf('orders', 'append'))).toEqual([]);
    const stream = streamOf(
      [
        col('id', 'int64'),
        col('s', 'string'),
        col('b', 'bytes'),
        col('t', 'timestamptz'),
        col('o', 'boolean'),
        col('f', 'float64'),
      ],
      ['id'],
    );
    const rows: Row[] = [
      [9007199254740993n, `'"\\\n\0`, Buffer.from([0, 39]), '2024-01-01 00:00:00.5Z', true, -1.5],
      [2, '', Buffer.alloc(0), null, false, null],
    ];
    await plain.resume(lane);
    await plain.prepare(stream, targetOf('orders', 'upsert', ['id']));
    await plain.write(rowsOf(rows, stream));
    await plain.write(raw(stream, [[2, 'second', null, null, null, null]]));
    await plain.commit({ v: 1 });
    expect(await lab.sql('SELECT id, HEX(s), HEX(b), t, o, f FROM orders ORDER BY id DESC')).toEqual([
      ['9007199254740993', '27225C0A00', '0027', '2024-01-01 00:00:00.500000', '1', '-1.5'],
      ['2', '7365636F6E64', null, null, null, null],
    ]);
  });

  test('check finds nothing wrong for the owner, and leaves nothing behind', async () => {
    expect((await to.check()).filter((finding) => finding.severity === 'error')).toEqual([]);
    expect(await lab.tables()).toEqual([]);
    const missing = await (await lab.destination({ database: 'wmy_no_such' })).check();
    expect(missing).toContainEqual(
      expect.objectContaining({
        code: 'no-such-database',
        severity: 'error',
        fix: expect.stringMatching(/CREATE DATABASE/) as string,
      }),
    );
  });

  test('check names the grant for each right that is missing', async () => {
    await lab.sql(`CREATE USER '${lab.database}'@'%' IDENTIFIED BY 'x'`);
    await lab.sql(`GRANT SELECT ON ${lab.database}.* TO '${lab.database}'@'%'`);
    const session = await lab.destination({ username: lab.database, password: 'x' });
    const findings = await session.check();
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'permission',
        fix: `GRANT CREATE ON \`${lab.database}\`.* TO \`${lab.database}\`@\`%\``,
      }),
    );
    await session[Symbol.asyncDispose]();
    await lab.sql(`DROP USER '${lab.database}'@'%'`);
  });

  test('a view is no target', async () => {
    await lab.sql('CREATE VIEW v AS SELECT 1 AS a');
    await to.resume(lane);
    expect(await failure(to.prepare(simple, targetOf('v', 'replace')))).toMatchObject({
      code: 'target-mismatch',
      message: expect.stringMatching(/view/) as string,
    });
    expect(await failure(to.prepare(simple, targetOf('v', 'append')))).toMatchObject({ code: 'target-mismatch' });
  });

  test('a killed connection is a TransientError, in write and in commit', async () => {
    for (const member of ['write', 'commit'] as const) {
      const session = await lab.destination();
      await session.resume(laneOf(member));
      await session.prepare(simple, targetOf('orders', 'append'));
      if (member === 'commit') await session.write(rowsOf([[1, 'a']]));
      const { loading } = session as unknown as { loading: Link };
      await lab.sql(`KILL ${loading.connection.threadId}`);
      const error = await failure(member === 'write' ? session.write(rowsOf([[1, 'a']])) : session.commit({ v: 1 }));
      expect(error).toMatchObject({ class: 'transient', code: 'connection-lost' });
      await session[Symbol.asyncDispose]();
    }
    expect(await target()).toEqual([]);
  });
});
