import type { Batch, Checkpoint, Json, Row, SourceSession, StreamRequest } from '@sluice/connector-sdk';
import {
  type TestDatabase,
  contents,
  discoverOne,
  full,
  lane,
  pump,
  secondClient,
  target,
  testContext,
  testDatabase,
  withDestination,
  withSource,
} from '../../test/server.js';
import { openSource } from './session.js';

let db: TestDatabase;
beforeAll(async () => void (db = await testDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

/** Reads to the end; bodies are consumed. Answers rows (of 'rows' batches), counts, checkpoints and completes. */
async function readAll(source: SourceSession, request: StreamRequest, after?: Checkpoint) {
  const seen = { rows: [] as Row[], count: 0, checkpoints: [] as Checkpoint[], kinds: [] as string[] };
  for await (const batch of source.read([request], after)) {
    seen.kinds.push(batch.kind);
    if (batch.kind === 'rows') {
      seen.rows.push(...batch.rows);
      seen.count += batch.rows.length;
    }
    if (batch.kind === 'raw') {
      for await (const _ of batch.body);
      seen.count += batch.rows();
    }
    if (batch.kind !== 'schema' && batch.checkpoint) seen.checkpoints.push(batch.checkpoint);
  }
  return seen;
}
const small = () => ({ ...db.source, window_bytes: 8192 });

describe('discover', () => {
  test('tables of every kind with columns, keys, cursors and estimates; hostile names; nothing of the system or of Sluice', async () => {
    await db.query(`CREATE SCHEMA "we""ird.sch"; CREATE TABLE "we""ird.sch"."ta.b""le" ("Case" int, "naïve 𝒳" text, "${'x'.repeat(63)}" date);
      CREATE TABLE d_all (id bigint PRIMARY KEY, at timestamptz NOT NULL, price numeric(12,2), name varchar(20), gen int GENERATED ALWAYS AS (1) STORED, gone int, u uuid, t time(3));
      ALTER TABLE d_all DROP COLUMN gone;
      INSERT INTO d_all (id, at) SELECT i, now() FROM generate_series(1, 500) i; ANALYZE d_all;
      CREATE TABLE d_unique (a int NOT NULL, b int NOT NULL, c int UNIQUE, UNIQUE (b, a)); CREATE TABLE d_none (a text);
      CREATE TABLE d_part (id int, r int) PARTITION BY RANGE (r); CREATE TABLE d_part_1 PARTITION OF d_part FOR VALUES FROM (0) TO (9); ALTER TABLE d_part ADD PRIMARY KEY (id, r);
      CREATE VIEW d_view AS SELECT id, at FROM d_all; CREATE MATERIALIZED VIEW d_mat AS SELECT id FROM d_all; CREATE TABLE _sluice_mine (a int);
      CREATE TABLE d_parent (a int PRIMARY KEY); CREATE TABLE d_child (b int) INHERITS (d_parent);
      CREATE UNIQUE INDEX ON d_none (a) WHERE a > 'x'; CREATE UNIQUE INDEX ON d_none (lower(a));`);
    const streams = await withSource(db.source, (source) => source.discover());
    const ids = streams.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual([
      '"we""ird.sch"."ta.b""le"',
      'public.d_all',
      'public.d_child',
      'public.d_mat',
      'public.d_none',
      'public.d_parent',
      'public.d_part',
      'public.d_unique',
      'public.d_view',
    ]);
    const of = (id: string) => streams.find((stream) => stream.id === id)!;
    expect(of('public.d_all')).toEqual({
      id: 'public.d_all',
      path: ['public', 'd_all'],
      system: 'postgres',
      kind: 'table',
      key: ['id'],
      modes: ['full', 'cursor'],
      cursors: ['id', 'at', 'price', 'gen'],
      estimate: { rows: 500, bytes: expect.any(Number) },
      columns: [
        { name: 'id', type: 'int64', nullable: false, native: 'bigint' },
        { name: 'at', type: 'timestamptz', nullable: false, native: 'timestamp with time zone', scale: 6 },
        { name: 'price', type: 'decimal', nullable: true, native: 'numeric(12,2)', precision: 12, scale: 2 },
        { name: 'name', type: 'string', nullable: true, native: 'character varying(20)', length: 20 },
        { name: 'gen', type: 'int32', nullable: true, native: 'integer' },
        { name: 'u', type: 'uuid', nullable: true, native: 'uuid' },
        { name: 't', type: 'time', nullable: true, native: 'time(3) without time zone', scale: 3 },
      ],
    });
    expect(of('public.d_unique').key).toEqual(['b', 'a']);
    expect([of('public.d_none').key, of('public.d_none').modes]).toEqual([[], ['full']]);
    expect([of('public.d_view').kind, of('public.d_mat').kind, of('public.d_part').key]).toEqual([
      'view',
      'view',
      ['id', 'r'],
    ]);
    expect(of(ids[0]!)).toMatchObject({
      path: ['we"ird.sch', 'ta.b"le'],
      columns: [{ name: 'Case' }, { name: 'naïve 𝒳' }, { name: 'x'.repeat(63) }],
    });
  });

  test('only what is asked for, and what exists', async () => {
    await withSource(db.source, async (source) => {
      const found = await source.discover([
        'public.d_none',
        '"we""ird.sch"."ta.b""le"',
        'public.nothing',
        'oddly"quoted',
        'one',
        'a.b.c',
      ]);
      expect(found.map(({ id }) => id)).toEqual(['"we""ird.sch"."ta.b""le"', 'public.d_none']);
      expect(await source.discover([])).toEqual([]);
    });
  });

  test('2,000 tables take seconds', async () => {
    await using many = await testDatabase();
    await many.query(
      `DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text, b numeric(10,2), c timestamptz)', i); END LOOP; END $$`,
    );
    const start = Date.now();
    const streams = await withSource(many.source, (source) => source.discover());
    expect(streams).toHaveLength(2000);
    expect(Date.now() - start).toBeLessThan(10_000);
  }, 120_000);
});

describe('full', () => {
  beforeAll(() =>
    db.query(
      `CREATE TABLE wins AS SELECT i AS id, repeat('x', 200) AS pad FROM generate_series(1, 400) i; CREATE TABLE empty (a int)`,
    ),
  );

  test.each(['copy-binary/1', undefined] as const)(
    'windows that end with checkpoints; a stop after every one of them loses and repeats nothing (%s)',
    async (encoding) => {
      const table = `wins_copy_${encoding ? 'raw' : 'rows'}`;
      let runs = 0;
      for (let done = false; !done; runs++) {
        await withSource(small(), (source) =>
          withDestination(db.destination, async (destination) => {
            const request = full(await discoverOne(source, 'public.wins'), encoding);
            let commits = 0;
            const beforeCommit = (): void => {
              if (++commits > 1) throw new Error('stop');
            };
            await pump({
              source,
              destination,
              lane: lane(table, { fence: BigInt(runs) }),
              request,
              target: target([table], 'replace'),
              beforeCommit,
            }).then(
              () => (done = true),
              (error: Error) => expect(error.message).toBe('stop'),
            );
          }),
        );
      }
      expect(runs).toBeGreaterThan(8);
      expect(await contents(db, table)).toEqual(await contents(db, 'wins'));
    },
  );

  test('complete comes once, last, for an empty stream too; a full read after it starts anew', async () => {
    await withSource(small(), async (source) => {
      const request = full(await discoverOne(source, 'public.empty'), 'copy-binary/1');
      const first = await readAll(source, request);
      expect(first.kinds).toEqual(['complete']);
      expect((await readAll(source, request, first.checkpoints[0])).kinds).toEqual(['complete']);
      const wins = full(await discoverOne(source, 'public.wins'));
      const all = await readAll(source, wins);
      expect([all.count, all.kinds.filter((kind) => kind === 'complete').length, all.kinds.at(-1)]).toEqual([
        400,
        1,
        'complete',
      ]);
      expect((await readAll(source, wins, all.checkpoints.at(-1))).count).toBe(400);
      expect((await readAll(source, wins, all.checkpoints.at(-2))).count).toBeLessThan(40);
    });
  });

  test('several streams in one read: finished ones are skipped', async () => {
    await withSource(small(), async (source) => {
      const requests = [
        full(await discoverOne(source, 'public.empty')),
        full(await discoverOne(source, 'public.wins')),
      ];
      const batches: Batch[] = [];
      for await (const batch of source.read(requests)) batches.push(batch);
      const first = batches.find((batch) => batch.kind === 'complete') as { checkpoint: Checkpoint };
      const again: Batch[] = [];
      for await (const batch of source.read(requests, first.checkpoint)) again.push(batch);
      expect(
        again.filter((batch) => batch.kind === 'complete').map((batch) => 'stream' in batch && batch.stream),
      ).toEqual(['public.wins']);
    });
  });

  test('all full reads of a session see one moment', async () => {
    await db.query('CREATE TABLE moment_a AS SELECT 1 AS x; CREATE TABLE moment_b AS SELECT 1 AS x');
    await withSource(db.source, async (source) => {
      const [a, b] = [await discoverOne(source, 'public.moment_a'), await discoverOne(source, 'public.moment_b')];
      await readAll(source, full(a));
      await db.query('INSERT INTO moment_b VALUES (2)');
      expect((await readAll(source, full(b))).rows).toEqual([[1]]);
    });
  });

  test.each([
    ['truncated and filled again', 'TRUNCATE emptied; INSERT INTO emptied SELECT 1 FROM generate_series(1, 50)'],
    ['rewritten', 'ALTER TABLE emptied ALTER id TYPE bigint; ALTER TABLE emptied ALTER id TYPE int'],
  ])('a table that is %s after the moment is not read as empty', async (_, sql) => {
    await db.query('DROP TABLE IF EXISTS emptied; CREATE TABLE emptied AS SELECT 1 AS id FROM generate_series(1, 50)');
    await withSource(db.source, async (source) => {
      await readAll(source, full(await discoverOne(source, 'public.wins')));
      const request = full(await discoverOne(source, 'public.emptied'));
      await db.query(sql);
      expect((await readAll(source, request)).count).toBe(50);
    });
  });

  test('views, materialized views and partitioned tables are read whole, each row once', async () => {
    await db.query(`CREATE VIEW v_wins AS SELECT id FROM wins; CREATE MATERIALIZED VIEW m_wins AS SELECT id FROM wins;
      CREATE TABLE p_wins (id int, pad text) PARTITION BY HASH (id); CREATE TABLE p_0 PARTITION OF p_wins FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE p_1 (pad text, id int); ALTER TABLE p_wins ATTACH PARTITION p_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO p_wins SELECT id, pad FROM wins`);
    await withSource(small(), async (source) => {
      for (const [id, windows] of [
        ['v_wins', false],
        ['m_wins', true],
        ['p_wins', true],
      ] as const) {
        const seen = await readAll(source, full(await discoverOne(source, `public.${id}`)));
        expect(seen.rows.map(([x]) => Number(x)).sort((a, b) => a - b)).toEqual(
          Array.from({ length: 400 }, (_, i) => i + 1),
        );
        expect(seen.checkpoints.length > 1).toBe(windows);
      }
    });
  });

  test('a resume in the middle of a partitioned table goes on with its leaf', async () => {
    await withSource(small(), async (source) => {
      const request = full(await discoverOne(source, 'public.p_wins'));
      const all = await readAll(source, request);
      let rest = all.count;
      for (const checkpoint of all.checkpoints.slice(0, -1)) {
        const { count } = await readAll(source, request, checkpoint);
        expect(count).toBeLessThan(rest);
        rest = count;
      }
    });
  });

  test('a table rewritten in the middle of a load is a lost position, before any batch (Invariant 7)', async () => {
    await db.query('CREATE TABLE rewritten AS SELECT * FROM wins');
    const [checkpoint] = await withSource(
      small(),
      async (source) => (await readAll(source, full(await discoverOne(source, 'public.rewritten')))).checkpoints,
    );
    await db.query('VACUUM FULL rewritten');
    await withSource(small(), async (source) => {
      await expect(
        readAll(source, full(await discoverOne(source, 'public.rewritten')), checkpoint),
      ).rejects.toMatchObject({ class: 'lost-position' });
      await expect(
        readAll(source, full(await discoverOne(source, 'public.rewritten')), { v: 99 }),
      ).rejects.toMatchObject({ class: 'lost-position' });
    });
  });

  /** Transactions of other suites may have begun before its rows were written. */
  const untilOlderThanAllOpen = async (table: string): Promise<void> => {
    const open = `SELECT EXISTS (SELECT FROM ${table} WHERE xmin::text::bigint >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint)::text AS open`;
    while ((await db.query(open))[0]!['open'] === 'true') await new Promise((resolve) => setTimeout(resolve, 50));
  };

  test('a load that broke off does not go on past rows that a savepoint of an open transaction had moved', async () => {
    await db.query(`DROP TABLE IF EXISTS moving; CREATE TABLE moving (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
      INSERT INTO moving SELECT i, repeat('x', 500) FROM generate_series(1, 1000) i; DELETE FROM moving WHERE id <= 15`);
    await db.query('VACUUM moving');
    const half = { ...db.source, window_bytes: 8192 * 30 };
    const request = await withSource(half, async (source) => full(await discoverOne(source, 'public.moving')));
    await using open = await secondClient(db);
    // Row 990 moves from the last block to the free room in the first, by a subtransaction: a snapshot does not name those.
    await open.client.query(
      `BEGIN; SELECT pg_current_xact_id(); SAVEPOINT s; UPDATE moving SET v = v || 'y' WHERE id = 990`,
    );
    await db.query('CREATE TABLE IF NOT EXISTS next_id (a int); INSERT INTO next_id VALUES (1)');
    const begun = await withSource(half, (source) => readAll(source, request));
    await open.client.query('COMMIT');
    const upTo = begun.checkpoints[0]!;
    await withSource(half, async (source) => {
      await expect(readAll(source, request, upTo)).rejects.toMatchObject({ class: 'lost-position' });
    });
  });

  test.each([
    ['goes on when nothing was written since', 'SELECT 1', 'complete'],
    [
      'is a lost position when rows may have moved',
      `UPDATE moving SET v = v || 'y' WHERE id BETWEEN 500 AND 510`,
      'lost-position',
    ],
  ])('a load that broke off %s (Invariant 7)', async (_, sql, expected) => {
    await db.query(`DROP TABLE IF EXISTS moving; CREATE TABLE moving (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
      INSERT INTO moving SELECT i, repeat('x', 500) FROM generate_series(1, 1000) i; DELETE FROM moving WHERE id <= 15`);
    await db.query('VACUUM moving');
    const half = { ...db.source, window_bytes: 8192 * 30 };
    const request = await withSource(half, async (source) => full(await discoverOne(source, 'public.moving')));
    await untilOlderThanAllOpen('moving');
    const begun = await withSource(half, (source) => readAll(source, request));
    await db.query(sql);
    const end = await withSource(half, (source) => readAll(source, request, begun.checkpoints[0])).then(
      ({ kinds }) => kinds.at(-1),
      (error: unknown) => (error as { class: string }).class,
    );
    expect(end).toBe(expected);
  });

  test('a column that changed its type since discovery is refused; a table that is gone is too', async () => {
    await db.query('CREATE TABLE changed (a int)');
    await withSource(db.source, async (source) => {
      const stream = await discoverOne(source, 'public.changed');
      await db.query('ALTER TABLE changed ALTER COLUMN a TYPE real');
      await expect(readAll(source, full(stream, 'copy-binary/1'))).rejects.toMatchObject({
        class: 'data',
        code: 'postgres.stream-changed',
        stream: 'public.changed',
      });
    });
    await withSource(db.source, async (source) => {
      const stream = await discoverOne(source, 'public.changed');
      await db.query('DROP TABLE changed');
      await expect(readAll(source, full(stream))).rejects.toMatchObject({ class: 'config', code: 'no-such-stream' });
    });
  });

  test('columns are those of the request, in its order; what is not claimed is refused', async () => {
    await withSource(db.source, async (source) => {
      const stream = await discoverOne(source, 'public.wins');
      const turned = { ...stream, columns: [stream.columns[1]!, stream.columns[0]!] };
      expect((await readAll(source, full(turned))).rows[0]).toEqual(['x'.repeat(200), 1]);
      for (const request of [{ stream, mode: 'changes' as const }, full(stream, 'ndjson/1')]) {
        await expect(readAll(source, request)).rejects.toMatchObject({ class: 'config', code: 'unsupported' });
      }
      await expect(readAll(source, { stream, mode: 'cursor', cursor: 'pad' })).rejects.toMatchObject({
        class: 'config',
        path: ['cursor'],
      });
    });
  });
});

describe('cut short', () => {
  beforeAll(() =>
    db.query(`CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 30) AS pad FROM generate_series(1, 60000) i`),
  );
  const running = async (): Promise<unknown[]> =>
    db.query(
      `SELECT query FROM pg_stat_activity WHERE application_name = 'sluice' AND state = 'active' AND datname = current_database()`,
    );

  test('return() on a body cancels the COPY and frees the connection, and the moment lives on', async () => {
    await withSource(db.source, async (source) => {
      const request = full(await discoverOne(source, 'public.big'), 'copy-binary/1');
      for await (const batch of source.read([request])) {
        if (batch.kind !== 'raw') continue;
        for await (const _ of batch.body) break;
        expect(await running()).toEqual([]);
        break;
      }
      await db.query('INSERT INTO big VALUES (0, NULL)');
      expect((await readAll(source, request)).count).toBe(60_000);
      await db.query('DELETE FROM big WHERE id = 0');
    });
  });

  test('an abort makes a raw body throw its reason; nothing comes after it, least of all complete', async () => {
    const context = testContext();
    await using source = await openSource(db.source, context);
    const request = full(await discoverOne(source, 'public.big'), 'copy-binary/1');
    const kinds: string[] = [];
    let thrown: unknown;
    for await (const batch of source.read([request])) {
      kinds.push(batch.kind);
      if (batch.kind !== 'raw') continue;
      try {
        for await (const _ of batch.body) context.abort.abort('enough');
      } catch (error) {
        thrown = error;
      }
    }
    expect([thrown, kinds]).toEqual(['enough', ['raw']]);
    expect(await running()).toEqual([]);
  });

  test('an abort ends rows after the batch in hand, without complete', async () => {
    const context = testContext();
    await using source = await openSource(db.source, context);
    const kinds: string[] = [];
    for await (const batch of source.read([full(await discoverOne(source, 'public.big'))])) {
      kinds.push(batch.kind);
      context.abort.abort();
    }
    expect(kinds).toEqual(['rows']);
  });

  test('a body that nobody reads holds the source back: memory does not grow with the table', async () => {
    await withSource(db.source, async (source) => {
      for await (const batch of source.read([full(await discoverOne(source, 'public.big'), 'copy-text/1')])) {
        if (batch.kind !== 'raw') continue;
        const body = batch.body[Symbol.asyncIterator]();
        await body.next();
        const before = process.memoryUsage().arrayBuffers;
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
        await body.return!();
        break;
      }
    });
  });

  test.each(['copy-binary/1', undefined] as const)(
    'a connection that is cut is a TransientError (%s)',
    async (encoding) => {
      await withSource(db.source, async (source) => {
        const request = full(await discoverOne(source, 'public.big'), encoding);
        const reading = (async () => {
          for await (const batch of source.read([request])) {
            await db.query(
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = current_database()`,
            );
            if (batch.kind === 'raw') for await (const _ of batch.body);
          }
        })();
        await expect(reading).rejects.toMatchObject({ class: 'transient' });
      });
    },
  );
});

describe('cursor', () => {
  const requestFor = async (source: SourceSession, id: string, cursor: string): Promise<StreamRequest> => ({
    stream: await discoverOne(source, id),
    mode: 'cursor',
    cursor,
  });
  const ids = (rows: readonly Row[]): number[] => rows.map(([id]) => Number(id));

  test('(low, high]: ties stay together, NULL and infinity come once with the first read, new rows with the next', async () => {
    await db.query(`CREATE TABLE cur (id int PRIMARY KEY, at timestamptz); CREATE INDEX ON cur (at);
      INSERT INTO cur SELECT i, timestamptz '2024-01-01' + (i / 10) * interval '1 microsecond' FROM generate_series(1, 95) i; INSERT INTO cur VALUES (200, NULL), (201, 'infinity'), (202, '-infinity'); ANALYZE cur`);
    await withSource({ ...db.source, window_bytes: 8192 / 8 + 7168 }, async (source) => {
      const request = await requestFor(source, 'public.cur', 'at');
      const first = await readAll(source, request);
      expect(ids(first.rows)).toEqual([202, 201, 200, ...Array.from({ length: 95 }, (_, i) => i + 1)]);
      const last = first.checkpoints.at(-1)!;
      expect(last).toEqual({ v: 1, streams: { 'public.cur': { cursor: 'at', low: '2024-01-01 00:00:00.000009+00' } } });
      expect((await readAll(source, request, last)).kinds).toEqual([]);
      await db.query(
        `INSERT INTO cur VALUES (300, '2024-01-01 00:00:00.000009+00'), (301, '2024-01-01 00:00:00.00001+00'), (302, NULL)`,
      );
      expect(ids((await readAll(source, request, last)).rows)).toEqual([301]);
    });
  });

  test('a stop after every checkpoint loses and repeats nothing, in windows along an index', async () => {
    await db.query(`CREATE TABLE paged (id bigint PRIMARY KEY, k numeric NOT NULL, pad text); CREATE INDEX ON paged (k);
      INSERT INTO paged SELECT i, i / 7 + 0.5, repeat('x', 300) FROM generate_series(1, 1000) i; INSERT INTO paged VALUES (5000, 'NaN'); ANALYZE paged`);
    await withSource({ ...db.source, window_bytes: 32_768 }, async (source) => {
      const request = await requestFor(source, 'public.paged', 'k');
      const seen: number[] = [];
      let after: Checkpoint | undefined;
      let runs = 0;
      for (let more = true; more; runs++) {
        more = false;
        const staged: number[] = [];
        for await (const batch of source.read([request], after)) {
          if (batch.kind === 'rows') staged.push(...ids(batch.rows));
          if (batch.kind === 'schema' || !batch.checkpoint) continue;
          after = batch.checkpoint;
          seen.push(...staged);
          more = true;
          break;
        }
      }
      expect(runs).toBeGreaterThan(5);
      expect(seen).toEqual([5000, ...Array.from({ length: 1000 }, (_, i) => i + 1)]);
    });
  });

  test('the safety lag leaves out what is too young; numbers beyond 2^53 are compared exactly', async () => {
    await db.query(`CREATE TABLE young (id int, at timestamptz); INSERT INTO young VALUES (1, now() - interval '1 hour'), (2, now());
      CREATE TABLE exact (id int, n bigint); INSERT INTO exact VALUES (1, 9007199254740993), (2, 9007199254740992)`);
    await withSource({ ...db.source, cursor_lag_seconds: 60 }, async (source) => {
      expect(ids((await readAll(source, await requestFor(source, 'public.young', 'at'))).rows)).toEqual([1]);
      const request = await requestFor(source, 'public.exact', 'n');
      const first = await readAll(source, request);
      expect(first.checkpoints.at(-1)).toMatchObject({ streams: { 'public.exact': { low: '9007199254740993' } } });
      await db.query('INSERT INTO exact VALUES (3, 9007199254740994)');
      expect(ids((await readAll(source, request, first.checkpoints.at(-1))).rows)).toEqual([3]);
    });
  });

  test('the position never goes back, though the highest rows are gone or the lag is longer now', async () => {
    await db.query(`CREATE TABLE back (id int PRIMARY KEY); INSERT INTO back SELECT generate_series(1, 10)`);
    await withSource(db.source, async (source) => {
      const request = await requestFor(source, 'public.back', 'id');
      const last = (await readAll(source, request)).checkpoints.at(-1)!;
      await db.query('DELETE FROM back WHERE id > 8');
      const next = await readAll(source, request, last);
      expect(next.checkpoints).toEqual([]);
    });
  });

  test('a day that is not over everywhere is left to a later read: its rows would share the date already read', async () => {
    await db.query(
      `CREATE TABLE days (id int, d date); INSERT INTO days VALUES (1, CURRENT_DATE - 2), (2, CURRENT_DATE)`,
    );
    await withSource({ ...db.source, cursor_lag_seconds: 1 }, async (source) => {
      expect(ids((await readAll(source, await requestFor(source, 'public.days', 'd'))).rows)).toEqual([1]);
    });
  });

  test('a checkpoint of another cursor is a lost position', async () => {
    await withSource(db.source, async (source) => {
      const request = await requestFor(source, 'public.cur', 'id');
      const after = { v: 1, streams: { 'public.cur': { cursor: 'at', low: '2024-01-01' } } };
      await expect(readAll(source, request, after)).rejects.toMatchObject({ class: 'lost-position' });
    });
  });
});

describe('split', () => {
  const parts = async (source: SourceSession, n: number): Promise<readonly Json[]> =>
    source.split!(await discoverOne(source, 'public.big'), n);

  test('the parts are the whole, each row once, of one moment, read at once by sessions of their own', async () => {
    await withSource(db.source, async (first) => {
      const cut = await parts(first, 3);
      expect(cut.length).toBe(3);
      await db.query('INSERT INTO big VALUES (-1, NULL)');
      const read = cut.map((part) =>
        withSource(small64(), async (source) =>
          readAll(source, { ...full(await discoverOne(source, 'public.big')), part }),
        ),
      );
      const seen = await Promise.all(read);
      expect(seen.every(({ kinds }) => kinds.at(-1) === 'complete')).toBe(true);
      const all = seen.flatMap(({ rows }) => rows.map(([id]) => Number(id))).sort((a, b) => a - b);
      expect(all).toEqual(Array.from({ length: 60_000 }, (_, i) => i + 1));
      await db.query('DELETE FROM big WHERE id = -1');
    });
  }, 60_000);
  const small64 = () => ({ ...db.source, window_bytes: 8 << 20 });

  test('when the snapshot is gone a part is read as of now, with a warning', async () => {
    const cut = await withSource(db.source, (source) => parts(source, 2));
    await withSource(db.source, async (source, context) => {
      expect(
        (await readAll(source, { ...full(await discoverOne(source, 'public.big'), 'copy-binary/1'), part: cut[0]! }))
          .count,
      ).toBeGreaterThan(1000);
      expect(context.lines).toEqual([expect.stringMatching(/^warn The snapshot/)]);
    });
  });

  test('what cannot be cut is one part', async () => {
    await withSource(db.source, async (source) => {
      expect(await source.split!(await discoverOne(source, 'public.v_wins'), 4)).toHaveLength(1);
      expect(await source.split!(await discoverOne(source, 'public.empty'), 4)).toHaveLength(1);
    });
  });
});
