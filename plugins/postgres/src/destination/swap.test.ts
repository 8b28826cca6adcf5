import { shadowPrefix } from '@sluice/sql';
import type { Column, LogicalType, Row, Stream } from '@sluice/connector-sdk';
import {
  type TestDatabase,
  contents,
  lane,
  target,
  testContext,
  testDatabase,
  withDestination,
} from '../../test/server.js';
import { openDestination } from './session.js';

let db: TestDatabase;
beforeAll(async () => void (db = await testDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

const column = (name: string, type: LogicalType): Column => ({ name, type, nullable: true, native: type });
const pairs: Stream = {
  id: 's',
  path: ['s'],
  columns: [column('id', 'int32'), column('v', 'string')],
  key: ['id'],
  modes: ['full'],
  cursors: [],
};
const rows = (list: readonly Row[]) => ({ kind: 'rows', stream: 's', rows: list }) as const;
const at = (n: number) => ({ v: 1, n });

/** A whole load of mode 'replace', in two commits. */
const replace = (table: string, list: readonly Row[], key: readonly string[] = ['id'], stream = pairs): Promise<void> =>
  withDestination(db.destination, async (session) => {
    await session.resume(lane(table, { fence: BigInt(Date.now()) }));
    await session.prepare(stream, target([table], 'replace', key));
    await session.write(rows(list.slice(0, 1)));
    await session.commit(at(1));
    await session.write(rows(list.slice(1)));
    await session.commit(at(2), 's');
  });
const shadows = (of: string): Promise<Record<string, unknown>[]> =>
  db.query('SELECT relname FROM pg_class WHERE starts_with(relname, $1)', [shadowPrefix(of)]);
const oid = async (table: string): Promise<unknown> =>
  (await db.query(`SELECT '${table}'::regclass::oid::text AS oid`))[0]!['oid'];

test('readers see the previous rows until the load is complete, then the new ones (Invariant 5)', async () => {
  await replace('basic', [
    [1, 'old'],
    [2, 'old'],
  ]);
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('basic', { fence: BigInt(Date.now()) }));
    await session.prepare(pairs, target(['basic'], 'replace', ['id']));
    await session.write(rows([[7, 'new']]));
    await session.commit(at(3));
    expect(await contents(db, 'basic')).toEqual(['{"id":"1","v":"old"}', '{"id":"2","v":"old"}']);
    await session.commit(at(4), 's');
  });
  expect(await contents(db, 'basic')).toEqual(['{"id":"7","v":"new"}']);
  expect(await shadows('basic')).toEqual([]);
  expect(
    await db.query(
      `SELECT conname, pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE conrelid = 'basic'::regclass AND contype = 'p'`,
    ),
  ).toEqual([{ conname: 'basic_pkey', def: 'PRIMARY KEY (id)' }]);
});

test('an empty load empties the target; one with no key leaves it without', async () => {
  await replace('emptied', [[1, 'a']]);
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('emptied', { fence: BigInt(Date.now()) }));
    await session.prepare(pairs, target(['emptied'], 'replace'));
    await session.commit(at(1), 's');
  });
  expect(await contents(db, 'emptied')).toEqual([]);
});

test('rows that share a key end the load with a DataError, and the target stays as it was', async () => {
  await replace('shared_key', [[1, 'a']]);
  await expect(
    replace('shared_key', [
      [2, 'b'],
      [2, 'c'],
    ]),
  ).rejects.toMatchObject({ class: 'data', stream: 's' });
  expect(await contents(db, 'shared_key')).toEqual(['{"id":"1","v":"a"}']);
});

test('a swap by name keeps grants, comments and indexes', async () => {
  await db.query(`CREATE ROLE wpg_reader_${process.pid}; CREATE TABLE "Ke""pt" (id int, v text);
    GRANT SELECT ON "Ke""pt" TO wpg_reader_${process.pid}, PUBLIC; COMMENT ON TABLE "Ke""pt" IS 'it''s a table'; COMMENT ON COLUMN "Ke""pt".v IS 'a value';
    CREATE INDEX "by "" v" ON "Ke""pt" (lower(v)) WHERE v <> ' USING '; CREATE UNIQUE INDEX by_id ON "Ke""pt" (id DESC) INCLUDE (v)`);
  const look = (): Promise<unknown> =>
    db.query(`SELECT (SELECT json_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid) FROM pg_index WHERE indrelid = c.oid)::text AS indexes,
      (SELECT json_agg(a::text ORDER BY a::text) FROM unnest(relacl) a)::text AS rights, obj_description(c.oid) AS comment, col_description(c.oid, 2) AS column
      FROM pg_class c WHERE relname = 'Ke"pt'`);
  const before = await look();
  const was = await oid('"Ke""pt"');
  await replace(
    'Ke"pt',
    [
      [1, 'a'],
      [2, 'b'],
    ],
    [],
  );
  expect(await look()).toEqual(before);
  expect(await oid('"Ke""pt"')).not.toBe(was);
  await db.query(`DROP TABLE "Ke""pt"; DROP ROLE wpg_reader_${process.pid}`);
});

test.each([
  ['a view', 'CREATE VIEW %_view AS SELECT v FROM %', 'SELECT v FROM %_view'],
  ['a materialized view', 'CREATE MATERIALIZED VIEW %_mv AS SELECT v FROM %', undefined],
  [
    'a trigger',
    `CREATE FUNCTION %_f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON % FOR EACH ROW EXECUTE FUNCTION %_f()`,
    undefined,
  ],
  ['a policy', 'ALTER TABLE % ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON % USING (true)', undefined],
  ['a publication', 'CREATE PUBLICATION %_pub FOR TABLE %', undefined],
  ['a column of its own', `ALTER TABLE % ADD COLUMN own text DEFAULT 'mine'`, undefined],
  ['a check constraint', 'ALTER TABLE % ADD CHECK (id > 0)', undefined],
  [
    'a function that names it',
    `CREATE FUNCTION %_sql() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM %; END`,
    undefined,
  ],
  ['its row type in use', 'CREATE TABLE %_uses (x %)', undefined],
  ['a child', 'CREATE TABLE %_child () INHERITS (%)', undefined],
])('a table with %s is refilled in place, so that it stays', async (what, statement, see) => {
  const table = `hung_${what.replace(/\W/g, '_')}`;
  await db.query(
    `CREATE TABLE ${table} (id int PRIMARY KEY, v text); INSERT INTO ${table} VALUES (1, 'old'); ${statement.replaceAll('%', table)}`,
  );
  const was = await oid(table);
  await replace(table, [
    [2, 'new'],
    [3, 'new'],
  ]);
  expect(await oid(table)).toBe(was);
  expect(await contents(db, table, 'id, v')).toEqual(['{"id":"2","v":"new"}', '{"id":"3","v":"new"}']);
  if (see) expect(await db.query(see.replaceAll('%', table))).toEqual([{ v: 'new' }, { v: 'new' }]);
  expect(await shadows(table)).toEqual([]);
});

test('a partitioned target is refilled through its partitions', async () => {
  await db.query(`CREATE TABLE parted (id int, v text) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
    CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (1, 'old')`);
  await replace(
    'parted',
    [
      [2, 'a'],
      [12, 'b'],
    ],
    [],
  );
  expect(await contents(db, 'parted_2')).toEqual(['{"id":"12","v":"b"}']);
  await expect(
    replace(
      'parted',
      [
        [3, 'a'],
        [99, 'nowhere'],
      ],
      [],
    ),
  ).rejects.toMatchObject({ class: 'data' });
  expect(await contents(db, 'parted')).toHaveLength(2);
});

test('a table that a foreign key points at cannot be emptied: refused with its cause, and left as it is', async () => {
  await db.query(
    `CREATE TABLE pointed (id int PRIMARY KEY, v text); CREATE TABLE points (id int REFERENCES pointed); INSERT INTO pointed VALUES (1, 'old'); INSERT INTO points VALUES (1)`,
  );
  await expect(
    replace('pointed', [
      [2, 'a'],
      [3, 'b'],
    ]),
  ).rejects.toMatchObject({ class: 'data', message: expect.stringContaining('points_id_fkey') });
  expect(await contents(db, 'pointed')).toEqual(['{"id":"1","v":"old"}']);
});

test('a load does not delete what hangs on the old rows by ON DELETE CASCADE', async () => {
  await db.query(
    `CREATE TABLE owner (id int PRIMARY KEY, v text); CREATE TABLE owned (id int REFERENCES owner ON DELETE CASCADE); INSERT INTO owner VALUES (1, 'old'); INSERT INTO owned VALUES (1)`,
  );
  await expect(
    replace('owner', [
      [1, 'a'],
      [3, 'b'],
    ]),
  ).rejects.toMatchObject({ class: 'config', message: expect.stringContaining('owned_id_fkey') });
  expect(await contents(db, 'owned')).toHaveLength(1);
  expect(await contents(db, 'owner')).toEqual(['{"id":"1","v":"old"}']);
});

test('rows of tables that inherit from the target are not its rows: they stay', async () => {
  await db.query(
    `CREATE TABLE ancestor (id int, v text); CREATE TABLE heir () INHERITS (ancestor); INSERT INTO ancestor VALUES (1, 'old'); INSERT INTO heir VALUES (7, 'theirs')`,
  );
  await replace('ancestor', [[2, 'new']]);
  expect(await contents(db, 'heir')).toEqual(['{"id":"7","v":"theirs"}']);
  expect(await db.query('SELECT id FROM ONLY ancestor')).toEqual([{ id: '2' }]);
});

test('a trigger of the target that swallows rows ends the load (Invariant 6)', async () => {
  await db.query(
    `CREATE TABLE guarded (id int, v text); CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 2 THEN RETURN NULL; END IF; RETURN new; END $$;
     CREATE TRIGGER swallow BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION swallow(); INSERT INTO guarded VALUES (9, 'old')`,
  );
  await expect(
    replace('guarded', [
      [1, 'a'],
      [2, 'b'],
    ]),
  ).rejects.toMatchObject({ class: 'data', code: 'rows-lost' });
  expect(await contents(db, 'guarded')).toEqual(['{"id":"9","v":"old"}']);
});

test('readers never see a gap, whether the table is swapped or refilled', async () => {
  for (const table of ['gapless', 'gapless_view']) {
    await replace(table, [
      [1, 'a'],
      [2, 'a'],
    ]);
    if (table === 'gapless_view') await db.query(`CREATE VIEW of_it AS SELECT * FROM gapless_view`);
    const seen = new Set<unknown>();
    let reading = true;
    const reader = (async () => {
      while (reading) seen.add((await db.query(`SELECT count(*)::text || min(v) AS x FROM ${table}`))[0]!['x']);
    })();
    for (const letter of ['b', 'c', 'd'])
      await replace(table, [
        [1, letter],
        [2, letter],
      ]);
    reading = false;
    await reader;
    for (const x of seen) expect(x).toMatch(/^2[abcd]$/);
  }
});

test('a swap gives way to readers, tries again, and in the end says that it can be repeated', async () => {
  await replace('busy', [
    [1, 'old'],
    [2, 'old'],
  ]);
  const context = testContext();
  await using session = await openDestination(db.destination, context);
  await session.resume(lane('busy', { fence: BigInt(Date.now()) }));
  await session.prepare(pairs, target(['busy'], 'replace', ['id']));
  await session.write(rows([[3, 'new']]));
  await db.query('BEGIN; SELECT * FROM busy');
  const commit = session.commit(at(9), 's');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(context.lines.filter((line) => line.includes('swap waits'))).not.toHaveLength(0);
  await db.query('COMMIT');
  await commit;
  expect(await contents(db, 'busy')).toEqual(['{"id":"3","v":"new"}']);
}, 30_000);

describe('a crash at any step', () => {
  /** Kills the destination's backend, as a crash of either side would. */
  const kill = (): Promise<unknown> =>
    db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = current_database()`,
    );

  test.each([
    'after a chunk',
    'with a chunk staged',
    'just before the last commit',
    'inside the swap',
    'after the swap',
  ])('%s: the next runner goes on, and ends equal', async (step) => {
    const table = `crash_${step.replace(/\W/g, '_')}`;
    await replace(table, [
      [0, 'old'],
      [1, 'old'],
    ]);
    const context = testContext();
    const first = await openDestination(db.destination, context);
    try {
      await first.resume(lane(`c ${step}`));
      await first.prepare(pairs, target([table], 'replace', ['id']));
      await first.write(rows([[10, 'new']]));
      await first.commit(at(1));
      if (step !== 'after a chunk') await first.write(rows([[11, 'new']]));
      if (step === 'inside the swap') {
        await db.query(`BEGIN; SELECT * FROM ${table}`); // the swap waits for this reader
        const commit = first.commit(at(2), 's').catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, 400));
        await kill();
        expect(await commit).toMatchObject({ class: 'transient' });
        await db.query('COMMIT');
      } else if (step === 'after the swap') await first.commit(at(2), 's');
      else await kill();
    } finally {
      await first[Symbol.asyncDispose]();
    }
    const done = step === 'after the swap';
    expect(await contents(db, table)).toHaveLength(2);
    expect((await contents(db, table)).every((row) => String(row).includes('old') !== done)).toBe(true);
    await withDestination(db.destination, async (second) => {
      expect(await second.resume(lane(`c ${step}`, { fence: 2n }))).toEqual(at(done ? 2 : 1));
      if (done) return;
      await second.prepare(pairs, target([table], 'replace', ['id']));
      await second.write(rows([[11, 'new']]));
      await second.commit(at(2), 's');
    });
    expect(await contents(db, table)).toEqual(['{"id":"10","v":"new"}', '{"id":"11","v":"new"}']);
    expect(await shadows(`c ${step}`)).toEqual([]);
  });
});

test('a shadow that someone dropped is a lost position, not a load with a hole (Invariant 7)', async () => {
  const [name] = await withDestination(db.destination, async (session) => {
    await session.resume(lane('holed'));
    await session.prepare(pairs, target(['holed'], 'replace', ['id']));
    await session.write(rows([[1, 'a']]));
    await session.commit(at(1));
    return (await shadows('holed')).map((row) => String(row['relname']));
  });
  await db.query(`DROP TABLE ${name}`);
  await withDestination(db.destination, async (session) => {
    expect(await session.resume(lane('holed', { fence: 2n }))).toEqual(at(1));
    await expect(
      session.prepare(pairs, { ...target(['holed'], 'replace', ['id']), committed: true }),
    ).rejects.toMatchObject({ class: 'lost-position', asked: expect.stringContaining('_sluice_shadow_') });
    expect(await shadows('holed')).toEqual([]);
    expect(await session.resume(lane('holed', { fence: 2n, generation: 2 }))).toBeUndefined();
  });
});

test('a lane is started over as one: while its shadow is in use, its commit is still there (Invariant 1)', async () => {
  const replaceIt = target(['anew'], 'replace', ['id']);
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('anew'));
    await session.prepare(pairs, replaceIt);
    await session.write(rows([[1, 'in vain']]));
    await session.commit(at(1));
    const stale = await openDestination(db.destination, testContext());
    await stale.resume(lane('anew', { part: '0' }));
    await stale.prepare(pairs, { ...replaceIt, committed: true });
    await stale.write(rows([[2, 'in vain']]));
    const over = lane('anew', { fence: 2n, startOver: true });
    await expect(session.resume(over)).rejects.toMatchObject({ class: 'transient', code: 'lock-conflict' });
    expect(await session.resume(lane('anew', { fence: 2n }))).toEqual(at(1));
    const late = stale.commit(at(2)).catch((error: unknown) => error);
    expect(await late).toBeUndefined(); // nothing was forgotten yet, so neither was its fence
    await stale[Symbol.asyncDispose]();
    expect(await session.resume(over)).toBeUndefined();
    expect(await shadows('anew')).toEqual([]);
    await session.prepare(pairs, replaceIt);
    await session.write(rows([[3, 'at last']]));
    await session.commit(at(1), 's');
  });
  expect(await contents(db, 'anew')).toEqual(['{"id":"3","v":"at last"}']);
});

test('parts of one lane fill one shadow table side by side; one of them swaps, and all start anew', async () => {
  const parts = ['0', '1', '2'];
  for (const round of [1, 2]) {
    const sessions = await Promise.all(parts.map(() => openDestination(db.destination, testContext())));
    try {
      await Promise.all(
        sessions.map(async (session, i) => {
          await session.resume(lane('parts', { part: parts[i]!, fence: BigInt(round) }));
          await session.prepare(pairs, target(['of_parts'], 'replace', ['id']));
          await session.write(rows([[i, `round ${round}`]]));
          await session.commit(at(round));
        }),
      );
      await sessions[0]!.commit(at(round), 's');
      expect(await contents(db, 'of_parts')).toEqual(parts.map((id) => JSON.stringify({ id, v: `round ${round}` })));
    } finally {
      for (const session of sessions) await session[Symbol.asyncDispose]();
    }
  }
});

test('a column that appears in mid load is added to the shadow only', async () => {
  await replace('shaped', [
    [1, 'a'],
    [2, 'b'],
  ]);
  await withDestination(db.destination, async (session) => {
    await session.resume(lane('shaped', { fence: BigInt(Date.now()) }));
    await session.prepare(pairs, target(['shaped'], 'replace', ['id']));
    await session.write(rows([[3, 'c']]));
    const wider = { ...pairs, columns: [...pairs.columns, column('late', 'int64')] };
    await session.prepare(wider, target(['shaped'], 'replace', ['id']));
    await session.write(rows([[4, 'd', 5]]));
    expect(await contents(db, 'shaped')).toEqual(['{"id":"1","v":"a"}', '{"id":"2","v":"b"}']);
    await session.commit(at(3), 's');
  });
  expect(await contents(db, 'shaped')).toEqual(['{"id":"3","v":"c","late":null}', '{"id":"4","v":"d","late":"5"}']);
});
