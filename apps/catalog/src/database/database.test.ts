import { testDatabase, type TestDatabase } from '../../test/services.js';
import { Database } from './database.js';
import { entities } from './entities.js';

let database: TestDatabase;
beforeAll(async () => void (database = await testDatabase()));
afterAll(async () => database?.drop());

test('catalogs that start at the same moment migrate once, and each is up to date', async () => {
  const opened = await Promise.all([0, 1, 2, 3].map(() => Database.open(database.url, 3)));
  expect(await database.query('SELECT name FROM migration')).toEqual([
    { name: 'Initial1763700000000' },
    { name: 'DropOrders1763800000000' },
  ]);
  for (const db of opened) await db[Symbol.asyncDispose]();
});

test('an older catalog with pipelines that were dropped but not cleaned up after is brought up to date', async () => {
  const own = await testDatabase();
  await (await Database.open(own.url, 3))[Symbol.asyncDispose]();
  const later = await Database.open(own.url, 3);
  await later.source.undoLastMigration();
  await later[Symbol.asyncDispose]();
  const [pipeline, run, endpoint, away] = [1, 2, 3, 4].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
  await own.query(`INSERT INTO tenant VALUES ('t', 't');
    INSERT INTO endpoint (id, tenant_id, role, name, connector_type, config)
      VALUES ('${endpoint}', 't', 'destination', 'd', 'x', '{}');
    INSERT INTO run (id, tenant_id, pipeline_id, pipeline_name, source_type, destination_id, mode, trigger, root_id, generation, status)
      SELECT id, 't', '${pipeline}', 'p', 'x', d, 'full', 'manual', id, 1, 'failed'
      FROM (VALUES ('${run}'::uuid, '${endpoint}'::uuid), ('${away}', '${away}')) AS r (id, d);
    INSERT INTO run_stream (run_id, fence, stream, status, rows_read, rows_written, rows_rejected, bytes)
      SELECT r, f, 's.t', 'failed', 0, 0, 0, 0 FROM unnest(ARRAY['${run}', '${away}']::uuid[]) r, generate_series(1, 2) f;
    INSERT INTO outbox (tenant_id, kind, message_id, subject, body)
      VALUES ('t', 'pipeline-dropped', 'm', '', '{"pipelineId": "${pipeline}"}')`);
  const db = await Database.open(own.url, 3);
  expect(await own.query('SELECT pipeline_id, endpoint_id, lanes, status FROM drop_order')).toEqual([
    { pipeline_id: pipeline, endpoint_id: endpoint, lanes: [`${pipeline}/full/s.t`], status: 'pending' },
  ]);
  expect(await own.query('SELECT 1 FROM outbox')).toEqual([]);
  await db[Symbol.asyncDispose]();
  await own.drop();
});

test('entities say of every column what the migrations made of it', async () => {
  const db = await Database.open(database.url, 3);
  for (const entity of entities) {
    const { columns, tableName } = db.source.getMetadata(entity);
    const said = columns.map((c) => `${c.databaseName} ${c.isArray ? 'ARRAY' : String(c.type)} ${c.isNullable}`).sort();
    const made = await database.query<{ column_name: string; data_type: string; is_nullable: string }>(
      'SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = $1',
      [tableName],
    );
    const types: Record<string, string> = { 'timestamp with time zone': 'timestamptz' };
    expect(said).toEqual(
      made.map((c) => `${c.column_name} ${types[c.data_type] ?? c.data_type} ${c.is_nullable === 'YES'}`).sort(),
    );
  }
  await db[Symbol.asyncDispose]();
});

test('the audit trail can be added to, and not changed', async () => {
  const db = await Database.open(database.url, 3);
  await database.query("INSERT INTO audit (tenant_id, actor, action, subject_id) VALUES ('t', 'a', 'x', 'y')");
  for (const sql of ['UPDATE audit SET actor = $$b$$', 'DELETE FROM audit', 'TRUNCATE audit'])
    await expect(database.query(sql)).rejects.toThrow('append-only');
  await db[Symbol.asyncDispose]();
});

test('a database that cannot be reached is unavailable, and says so', async () => {
  const db = await Database.open(database.url, 2);
  const lost = await db
    .run((em) => em.query('SELECT pg_terminate_backend(pg_backend_pid())'))
    .catch((error: unknown) => error);
  expect(lost).toMatchObject({ failure: { kind: 'unavailable', code: 'database' } });
  const one = (): Promise<unknown> => db.run((em) => em.query('SELECT 1 AS one')).catch(() => undefined);
  let answer = await one();
  for (const end = Date.now() + 20_000; answer === undefined && Date.now() < end; answer = await one())
    await new Promise((resolve) => setTimeout(resolve, 20)); // until the pool has noticed
  expect(answer).toEqual([{ one: 1 }]);
  await db[Symbol.asyncDispose]();
  await expect(Database.open('postgres://u:p@127.0.0.1:1/x', 2)).rejects.toThrow('ECONNREFUSED');
});

test('a reference to another tenant is refused by the database itself', async () => {
  const db = await Database.open(database.url, 2);
  await database.query("INSERT INTO tenant VALUES ('t', 't'), ('u', 'u')");
  const [{ id }] = (await database.query<{ id: string }>(
    "INSERT INTO endpoint (id, tenant_id, role, name, connector_type, config) VALUES (gen_random_uuid(), 't', 'source', 's', 'x', '{}') RETURNING id",
  )) as [{ id: string }];
  const insert = (tenant: string) =>
    database.query(
      "INSERT INTO pipeline (id, tenant_id, name, source_id, destination_type, mode) VALUES (gen_random_uuid(), $1, 'p', $2, 'x', 'full')",
      [tenant, id],
    );
  await expect(insert('u')).rejects.toThrow('pipeline_source');
  await insert('t');
  await db[Symbol.asyncDispose]();
});

test("a deadlock's victim is run again, and both transactions come to pass", async () => {
  const db = await Database.open(database.url, 4);
  await database.query('CREATE TABLE tug (id int PRIMARY KEY, n int NOT NULL); INSERT INTO tug VALUES (1, 0), (2, 0)');
  let waiting = 0;
  let meet!: () => void;
  const met = new Promise<void>((resolve) => (meet = resolve));
  const pull = (order: readonly number[]): Promise<void> =>
    db.transaction(async (em) => {
      await em.query('UPDATE tug SET n = n + 1 WHERE id = $1', [order[0]]);
      if (++waiting === 2) meet();
      await met;
      await em.query('UPDATE tug SET n = n + 1 WHERE id = $1', [order[1]]);
    });
  await Promise.all([pull([1, 2]), pull([2, 1])]);
  expect(await database.query('SELECT id, n FROM tug ORDER BY id')).toEqual([
    { id: 1, n: 2 },
    { id: 2, n: 2 },
  ]);
  expect(waiting).toBe(3);
  await database.query('DROP TABLE tug');
  await db[Symbol.asyncDispose]();
});
