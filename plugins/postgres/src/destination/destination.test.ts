import { randomUUID } from 'node:crypto';
import type {
  Checkpoint,
  Column,
  DestinationSession,
  LogicalType,
  Row,
  Stream,
  WriteMode,
} from '@sluice/connector-sdk';
import {
  type TestDatabase,
  contents,
  lane,
  secondClient,
  target,
  testContext,
  testDatabase,
  withDestination,
} from '../../test/server.js';
import { openDestination } from './session.js';

let db: TestDatabase;
beforeAll(async () => void (db = await testDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

const column = (name: string, type: LogicalType, more: Partial<Column> = {}): Column => ({
  name,
  type,
  nullable: true,
  native: type,
  ...more,
});
const streamOf = (columns: readonly Column[], id = 's'): Stream => ({
  id,
  path: [id],
  columns,
  key: [],
  modes: ['full'],
  cursors: [],
});
const pairs = streamOf([column('id', 'int32'), column('v', 'string')]);
const at = (n: number): Checkpoint => ({ v: 1, n });
const rows = (list: readonly Row[], stream = 's') => ({ kind: 'rows', stream, rows: list }) as const;

const load = async (
  session: DestinationSession,
  list: readonly Row[],
  checkpoint = at(1),
  complete?: string,
): Promise<void> => {
  await session.write(rows(list));
  await session.commit(checkpoint, complete);
};
const use = withDestination;

test('append adds, and a table is made with quoted names of any kind', async () => {
  const names = ['sel"ect', 'a.b', 'naïve 𝒳', 'Case', 'x; DROP TABLE y; --', 'é'.repeat(31)];
  const stream = streamOf(names.map((name) => column(name, 'string')));
  await use(db.destination, async (session) => {
    await session.resume(lane('append'));
    const sql = await session.prepare(stream, target(['we"ird.schema', 'ta"b.le'], 'append'));
    expect(sql).toEqual([
      'CREATE SCHEMA IF NOT EXISTS "we""ird.schema"',
      expect.stringContaining('CREATE TABLE IF NOT EXISTS "we""ird.schema"."ta""b.le" ("sel""ect" text, "a.b" text'),
    ]);
    await load(session, [names.map((_, i) => `v${i}`)]);
    await load(session, [names.map(() => null)], at(2));
    expect(await session.prepare(stream, target(['we"ird.schema', 'ta"b.le'], 'append'))).toEqual([]);
  });
  const found = await db.query('SELECT * FROM "we""ird.schema"."ta""b.le" ORDER BY 1');
  expect(found.map((row) => names.map((name) => row[name]))).toEqual([
    names.map((_, i) => `v${i}`),
    names.map(() => null),
  ]);
});

test('a schema that another lane makes at the same moment is found', async () => {
  await using other = await secondClient(db);
  await using session = await openDestination(db.destination, testContext());
  await session.resume(lane('at once'));
  await other.client.query('BEGIN; CREATE SCHEMA at_once');
  const made = session.prepare(pairs, target(['at_once', 't'], 'append'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await other.client.query('COMMIT');
  expect(await made).toEqual([expect.any(String), expect.stringContaining('"at_once"."t"')]);
});

test('a name that PostgreSQL would cut is refused, whether of a table or of a column', async () => {
  await use(db.destination, async (session) => {
    await session.resume(lane('long'));
    const wide = streamOf([column('c'.repeat(64), 'string')]);
    await expect(session.prepare(pairs, target(['t'.repeat(64)], 'append'))).rejects.toMatchObject({
      class: 'config',
      message: expect.stringContaining('64 bytes'),
    });
    await session.resume(lane('long'));
    await expect(session.prepare(wide, target(['t'], 'append'))).rejects.toMatchObject({ class: 'config' });
  });
});

test('every logical type gets its column type, with precision, scale and length', async () => {
  const stream = streamOf([
    column('a', 'boolean'),
    column('b', 'int16'),
    column('c', 'int32'),
    column('d', 'int64'),
    column('e', 'float32'),
    column('f', 'float64'),
    column('g', 'decimal', { precision: 20, scale: 4 }),
    column('h', 'decimal'),
    column('i', 'string', { length: 40 }),
    column('j', 'string'),
    column('k', 'bytes'),
    column('l', 'date'),
    column('m', 'time', { scale: 3 }),
    column('n', 'timestamp', { scale: 6 }),
    column('o', 'timestamptz'),
    column('p', 'duration'),
    column('q', 'uuid'),
    column('r', 'json'),
  ]);
  await use(db.destination, async (session) => {
    await session.resume(lane('types'));
    const [sql] = await session.prepare(stream, target(['typed'], 'append'));
    expect(sql!.slice(sql!.indexOf('(') + 1, -1).replaceAll('"', '')).toBe(
      'a boolean, b smallint, c integer, d bigint, e real, f double precision, g numeric(20,4), h numeric, i character varying(40), j text, k bytea, l date, ' +
        'm time(3) without time zone, n timestamp without time zone, o timestamp with time zone, p interval, q uuid, r json',
    );
    await load(session, [
      [
        true,
        -32768,
        1,
        9223372036854775807n,
        0.1,
        NaN,
        '-1.5000',
        'Infinity',
        'é',
        'a\tb\\',
        new Uint8Array([0, 255]),
        '0044-03-15 BC',
        '24:00:00',
        'infinity',
        '2024-01-01 00:00:00.000001Z',
        '-838:59:59.5',
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        '{"a":  1}',
      ],
      Array(18).fill(null) as null[],
    ]);
  });
  const [found, empty] = await db.query('SELECT * FROM typed ORDER BY b');
  expect(Object.values(found!)).toEqual([
    't',
    '-32768',
    '1',
    '9223372036854775807',
    '0.1',
    'NaN',
    '-1.5000',
    'Infinity',
    'é',
    'a\tb\\',
    '\\x00ff',
    '0044-03-15 BC',
    '24:00:00',
    'infinity',
    '2024-01-01 00:00:00.000001+00',
    '-838:59:59.5',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    '{"a":  1}',
  ]);
  expect(Object.values(empty!)).toEqual(Array(18).fill(null));
});

test('upsert replaces by key; of several rows with one key the last wins, over batches too; a bare key changes nothing', async () => {
  await use(db.destination, async (session) => {
    await session.resume(lane('upsert'));
    await session.prepare(pairs, target(['up'], 'upsert', ['id']));
    await session.write(
      rows([
        [1, 'a'],
        [2, 'b'],
        [1, 'c'],
      ]),
    );
    await load(session, [
      [2, 'd'],
      [3, null],
    ]);
    await load(
      session,
      [
        [3, 'e'],
        [3, 'f'],
      ],
      at(2),
    );
    const keys = streamOf([column('id', 'int32')], 'k');
    await session.prepare(keys, target(['up'], 'upsert', ['id']));
    await session.write(rows([[3], [4]], 'k'));
    await session.commit(at(3));
  });
  expect(await contents(db, 'up')).toEqual([
    '{"id":"1","v":"c"}',
    '{"id":"2","v":"d"}',
    '{"id":"3","v":"f"}',
    '{"id":"4","v":null}',
  ]);
});

test('of many rows with one key the last wins, however the server fills its pages', async () => {
  const text = (n: number): string =>
    Array.from({ length: [3, 45, 1, 60, 20, 0][(n * 7 + (n % 13)) % 6]! }, (_, i) => randomUUID().slice(i % 3)).join(
      '',
    );
  const list = Array.from({ length: 3000 }, (_, n) => [Math.floor(n / 12), `${n} ${text(n)}`] as const);
  await use(db.destination, async (session) => {
    await session.resume(lane('order'));
    await session.prepare(pairs, target(['ordered'], 'upsert', ['id']));
    for (const v of [1, 2]) await load(session, list, at(v));
  });
  const found = await db.query(`SELECT id FROM ordered WHERE split_part(v, ' ', 1)::int <> id * 12 + 11`);
  expect(found).toEqual([]);
});

test('upsert needs a key, and its values', async () => {
  await use(db.destination, async (session) => {
    await session.resume(lane('keyless'));
    await expect(session.prepare(pairs, target(['up2'], 'upsert'))).rejects.toMatchObject({
      class: 'config',
      path: ['key'],
    });
    await session.resume(lane('keyless'));
    await session.prepare(pairs, target(['up2'], 'upsert', ['id']));
    await expect(load(session, [[null, 'a']])).rejects.toMatchObject({
      class: 'data',
      stream: 's',
      message: expect.stringContaining('"id"'),
    });
  });
  expect(await contents(db, 'up2')).toEqual([]);
});

test('upsert into a table without a unique index makes one; rows that share a key are named, not merged', async () => {
  await db.query(
    `CREATE TABLE noindex (id int, v text); INSERT INTO noindex VALUES (1, 'old'); CREATE TABLE doubles AS SELECT 1 AS id, 'x' AS v FROM generate_series(1, 2)`,
  );
  await use(db.destination, async (session) => {
    await session.resume(lane('noindex'));
    expect(await session.prepare(pairs, target(['noindex'], 'upsert', ['id']))).toEqual([
      'CREATE UNIQUE INDEX ON "public"."noindex" ("id")',
    ]);
    await load(session, [[1, 'new']]);
    await expect(session.prepare(pairs, target(['doubles'], 'upsert', ['id']))).rejects.toMatchObject({
      class: 'data',
      code: 'target-mismatch',
      fix: 'SELECT "id", count(*) FROM "public"."doubles" GROUP BY "id" HAVING count(*) > 1',
    });
  });
  expect(await contents(db, 'noindex')).toEqual(['{"id":"1","v":"new"}']);
});

test.each<WriteMode>(['append', 'upsert'])(
  '%s: an existing table gets the columns it lacks, is widened, and may have more of its own',
  async (mode) => {
    const table = `grown_${mode}`;
    await db.query(
      `CREATE TABLE ${table} (id bigint GENERATED ALWAYS AS IDENTITY, n smallint, own text DEFAULT 'mine', v varchar(3), PRIMARY KEY (id))`,
    );
    await use(db.destination, async (session) => {
      await session.resume(lane(table));
      const stream = streamOf([
        column('id', 'int32'),
        column('n', 'int32'),
        column('v', 'string'),
        column('extra', 'decimal', { precision: 5, scale: 2 }),
      ]);
      expect(await session.prepare(stream, target([table], mode, mode === 'upsert' ? ['id'] : []))).toEqual([
        `ALTER TABLE "public"."${table}" ALTER COLUMN "n" TYPE integer`,
        `ALTER TABLE "public"."${table}" ALTER COLUMN "v" TYPE text`,
        `ALTER TABLE "public"."${table}" ADD COLUMN IF NOT EXISTS "extra" numeric(5,2)`,
      ]);
      await load(session, [[7, 70_000, 'long enough', '1.50']]);
    });
    expect(await db.query(`SELECT * FROM ${table}`)).toEqual([
      { id: '7', n: '70000', own: 'mine', v: 'long enough', extra: '1.50' },
    ]);
  },
);

test.each([
  ['a numeric of fewer digits', 'numeric(4,1)', column('x', 'decimal', { precision: 5, scale: 2 }), undefined],
  [
    'another type',
    'integer',
    column('x', 'string'),
    'ALTER TABLE "public"."odd" ALTER COLUMN "x" TYPE text USING "x"::text',
  ],
  ['a shorter fraction', 'timestamp(3)', column('x', 'timestamptz'), undefined],
  ['a float for a decimal', 'double precision', column('x', 'decimal'), undefined],
  [
    'a generated column',
    'int GENERATED ALWAYS AS (1) STORED',
    column('x', 'int32'),
    'ALTER TABLE "public"."odd" ALTER COLUMN "x" DROP EXPRESSION',
  ],
])('what cannot hold every value is refused with the fix: %s', async (_, type, wanted, fix) => {
  await db.query(`DROP TABLE IF EXISTS odd; CREATE TABLE odd (id int, x ${type})`);
  await use(db.destination, async (session) => {
    await session.resume(lane('odd'));
    const prepared = session.prepare(streamOf([column('id', 'int32'), wanted]), target(['odd'], 'append'));
    if (type === 'numeric(4,1)') {
      await expect(prepared).resolves.toEqual(['ALTER TABLE "public"."odd" ALTER COLUMN "x" TYPE numeric(5,2)']);
      return;
    }
    await expect(prepared).rejects.toMatchObject({
      class: 'data',
      code: 'target-mismatch',
      stream: 's',
      ...(fix ? { fix } : {}),
    });
  });
});

test('a column of the target that must be given, and is not, is refused; so is a view', async () => {
  await db.query(
    `CREATE TABLE strict (id int, v text, must text NOT NULL); CREATE VIEW a_view AS SELECT 1 AS id, 'x' AS v`,
  );
  await use(db.destination, async (session) => {
    await session.resume(lane('strict'));
    await expect(session.prepare(pairs, target(['strict'], 'append'))).rejects.toMatchObject({
      code: 'target-mismatch',
      fix: 'ALTER TABLE "public"."strict" ALTER COLUMN "must" DROP NOT NULL',
    });
    for (const mode of ['append', 'replace'] as const) {
      await session.resume(lane('strict'));
      await expect(session.prepare(pairs, target(['a_view'], mode))).rejects.toMatchObject({
        class: 'config',
        code: 'target-mismatch',
      });
    }
  });
});

describe('values that do not fit', () => {
  test.each<[string, Column, Row]>([
    ['a zero byte', column('x', 'string'), ['a\0b']],
    ['half a surrogate pair', column('x', 'string'), ['\ud800']],
    ['a text too long', column('x', 'string', { length: 2 }), ['abc']],
    ['a number too large', column('x', 'decimal', { precision: 3, scale: 1 }), ['1000']],
    ['no JSON', column('x', 'json'), ['{']],
    ['no integer', column('x', 'int16'), [40_000]],
  ])(
    '%s: DataError with stream and column, without the value; nothing can be committed after it',
    async (what, col, row) => {
      await db.query('DROP TABLE IF EXISTS unfit');
      await use(db.destination, async (session) => {
        await session.resume(lane(what));
        await session.prepare(streamOf([col]), target(['unfit'], 'append'));
        const error: unknown = await load(session, [row]).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toMatchObject({
          class: 'data',
          code: 'value-rejected',
          stream: 's',
          message: expect.stringContaining('"x"'),
        });
        expect((error as Error).message).not.toContain(String(row[0]));
        await expect(session.commit(at(2))).rejects.toThrow('torn');
        expect(await session.resume(lane(what))).toBeUndefined();
        await session.prepare(streamOf([col]), target(['unfit'], 'append'));
        await load(session, [[null]]);
      });
      expect(await contents(db, 'unfit')).toEqual(['{"x":null}']);
    },
  );

  test('NUL inside raw text is refused by the server, and named', async () => {
    await use(db.destination, async (session) => {
      await session.resume(lane('rawnul'));
      await session.prepare(pairs, target(['rawnul'], 'append'));
      const body = async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from('1\ta\0b\n');
      };
      const written = session.write({ kind: 'raw', stream: 's', encoding: 'copy-text/1', body: body(), rows: () => 1 });
      await expect(written).rejects.toMatchObject({ class: 'data', stream: 's' });
    });
  });
});

describe('raw bodies', () => {
  const raw = (text: string, count: number, encoding = 'copy-text/1' as const) => ({
    kind: 'raw' as const,
    stream: 's',
    encoding,
    rows: () => count,
    body: (async function* () {
      for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
    })(),
  });

  test('a body that throws is given up, and nothing of it can be committed', async () => {
    await use(db.destination, async (session) => {
      await session.resume(lane('torn'));
      await session.prepare(pairs, target(['torn'], 'append'));
      const body = async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from('1\ta\n');
        throw new Error('cut');
      };
      await expect(
        session.write({ kind: 'raw', stream: 's', encoding: 'copy-text/1', body: body(), rows: () => 1 }),
      ).rejects.toThrow('cut');
      await expect(session.commit(at(1))).rejects.toThrow('torn');
      expect(await session.resume(lane('torn'))).toBeUndefined();
    });
    expect(await contents(db, 'torn')).toEqual([]);
  });

  test('a count that differs is an error of its own', async () => {
    await use(db.destination, async (session) => {
      await session.resume(lane('count'));
      await session.prepare(pairs, target(['counted'], 'append'));
      await expect(session.write(raw('1\ta\n', 2))).rejects.toMatchObject({ class: 'data', code: 'rows-lost' });
    });
  });

  test('a body is not read on after the server has refused it', async () => {
    let returned = false;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('not a number\ta\n');
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield Buffer.alloc(65_536, '1\ta\n');
        }
      } finally {
        returned = true;
      }
    };
    await use(db.destination, async (session) => {
      await session.resume(lane('refused'));
      await session.prepare(pairs, target(['refused'], 'append'));
      const written = session.write({ kind: 'raw', stream: 's', encoding: 'copy-text/1', body: body(), rows: () => 0 });
      await expect(written).rejects.toMatchObject({ class: 'data', message: expect.stringContaining('column "id"') });
      expect(returned).toBe(true);
    });
  });

  test('csv/1 is accepted unless there are bytes', async () => {
    await use(db.destination, async (session) => {
      expect(session.accepts(pairs, target(['x'], 'append'))).toEqual(['copy-text/1', 'csv/1']);
      expect(session.accepts({ ...pairs, system: 'postgres' }, target(['x'], 'append'))).toEqual([
        'copy-binary/1',
        'copy-text/1',
        'csv/1',
      ]);
      expect(session.accepts(streamOf([column('b', 'bytes')]), target(['x'], 'append'))).toEqual(['copy-text/1']);
      await session.resume(lane('csv'));
      await session.prepare(
        streamOf([column('b', 'boolean'), column('s', 'string'), column('t', 'timestamptz')]),
        target(['csv'], 'append'),
      );
      const text = '"1","a,""b""\nNULL","2024-01-01 00:00:00.5"\n"0","NULL",NULL\nNULL,NULL,NULL\n';
      await session.write({ ...raw(text, 3), encoding: 'csv/1' });
      await session.commit(at(1));
    });
    expect(await contents(db, 'csv')).toEqual([
      '{"b":"f","s":"NULL","t":null}',
      '{"b":"t","s":"a,\\"b\\"\\nNULL","t":"2024-01-01 00:00:00.5+00"}',
      '{"b":null,"s":null,"t":null}',
    ]);
  });
});

describe('the lane', () => {
  test('remembers its last commit; staged rows that were not committed are gone', async () => {
    await use(db.destination, async (session) => {
      expect(await session.resume(lane('memory'))).toBeUndefined();
      await session.prepare(pairs, target(['memory'], 'append'));
      await load(session, [[1, 'a']], { v: 3, deep: { list: [1, 'x', null] } });
      await session.write(rows([[2, 'lost']]));
    });
    await use(db.destination, async (session) =>
      expect(await session.resume(lane('memory'))).toEqual({ v: 3, deep: { list: [1, 'x', null] } }),
    );
    expect(await contents(db, 'memory')).toEqual(['{"id":"1","v":"a"}']);
  });

  test('a writer with a lower fence commits nothing, and cannot take the lane back (Invariant 4)', async () => {
    await use(db.destination, (old) =>
      use(db.destination, async (young) => {
        await old.resume(lane('fence', { fence: 5n }));
        await old.prepare(pairs, target(['fenced'], 'append'));
        await old.write(rows([[1, 'old']]));
        await young.resume(lane('fence', { fence: 2n ** 62n }));
        await expect(old.commit(at(1))).rejects.toMatchObject({ class: 'fenced' });
        await expect(old.resume(lane('fence', { fence: 5n }))).rejects.toMatchObject({ class: 'fenced' });
        await young.prepare(pairs, target(['fenced'], 'append'));
        await load(young, [[2, 'young']]);
      }),
    );
    expect(await contents(db, 'fenced')).toEqual(['{"id":"2","v":"young"}']);
  });

  test('a new generation forgets checkpoint and shadow; an older one is refused', async () => {
    const shadows = async (): Promise<number> =>
      (await db.query(`SELECT FROM pg_class WHERE relname LIKE '\\_sluice\\_shadow%' AND relkind = 'r'`)).length;
    await use(db.destination, async (session) => {
      await session.resume(lane('gen'));
      await session.prepare(pairs, target(['gen'], 'replace'));
      await load(session, [[1, 'old']]);
      expect(await shadows()).toBe(1);
      expect(await session.resume(lane('gen', { fence: 2n, generation: 2 }))).toBeUndefined();
      expect(await shadows()).toBe(0);
      await session.prepare(pairs, target(['gen'], 'replace'));
      await load(session, [[2, 'new']], at(2), 's');
      await expect(session.resume(lane('gen', { fence: 3n, generation: 1 }))).rejects.toMatchObject({
        class: 'fenced',
      });
    });
    expect(await contents(db, 'gen')).toEqual(['{"id":"2","v":"new"}']);
    expect(await shadows()).toBe(0);
  });

  test('drop forgets checkpoint and shadow, and leaves the target alone', async () => {
    await use(db.destination, async (session) => {
      await session.resume(lane('gone'));
      await session.prepare(pairs, target(['gone'], 'append'));
      await load(session, [[1, 'a']]);
      await session.drop({ id: 'gone' });
      expect(await session.resume(lane('gone'))).toBeUndefined();
    });
    expect(await contents(db, 'gone')).toHaveLength(1);
  });

  test('writing holds no lock on the target: it can be altered meanwhile, and another stream can be prepared', async () => {
    await use(db.destination, async (session) => {
      await session.resume(lane('locks'));
      await session.prepare(pairs, target(['locks'], 'append'));
      await session.write(rows([[1, 'a']]));
      await db.query(`SET lock_timeout = '2s'; ALTER TABLE locks ADD COLUMN more int; SET lock_timeout = 0`);
      const wider = streamOf([...pairs.columns, column('late', 'int64')]);
      expect(await session.prepare(wider, target(['locks'], 'append'))).toEqual([
        'ALTER TABLE "public"."locks" ADD COLUMN IF NOT EXISTS "late" bigint',
      ]);
      await db.query(`SET lock_timeout = '2s'; ALTER TABLE locks ADD COLUMN most int; SET lock_timeout = 0`);
      await load(session, [[2, 'b', 2]]);
    });
    expect(await contents(db, 'locks', 'id, v, late')).toEqual([
      '{"id":"1","v":"a","late":null}',
      '{"id":"2","v":"b","late":"2"}',
    ]);
  });

  test('a connection that is lost is a TransientError, in write and in commit', async () => {
    const context = testContext();
    for (const step of ['write', 'commit'] as const) {
      await using session = await openDestination(db.destination, context);
      await session.resume(lane('lost'));
      await session.prepare(pairs, target(['lost'], 'append'));
      await session.write(rows([[1, 'a']]));
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = current_database()`,
      );
      const big = rows(Array.from({ length: 20_000 }, (_, i) => [i, 'x'.repeat(200)]));
      const failing =
        step === 'commit'
          ? session.commit(at(1))
          : (async () => {
              for (;;) await session.write(big);
            })();
      await expect(failing).rejects.toMatchObject({ class: 'transient' });
    }
    expect(await contents(db, 'lost')).toEqual([]);
  });
});
