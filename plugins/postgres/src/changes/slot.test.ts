/** Slot and publication: made once, kept to what the pipeline has, dropped with it; and what `check` says of them. */
import type { Checkpoint, Finding, Row, Stream } from '@sluice/connector-sdk';
import { Client } from 'pg';
import { Reading, connected, dropSlots, streamsOf } from '../../test/changes.js';
import { type TestDatabase, testContext, testDatabase } from '../../test/server.js';
import { connect, disconnect } from '../connect.js';
import {
  type Since,
  changesName,
  checkChanges,
  dropChanges,
  prepareChanges,
  sinceSql,
  slotFindings,
  slotState,
} from './index.js';
import { type SlotState, freeSlot } from './slot.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterEach(() => dropSlots(db));
afterAll(() => db[Symbol.asyncDispose]());

const tables = async (...names: string[]): Promise<Stream[]> => {
  for (const name of names)
    await db.query(`DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (id integer PRIMARY KEY, v integer)`);
  return streamsOf(db, ...names);
};
const prepared = (pipeline: string, streams: readonly Stream[]) =>
  connected(db, (connection) => prepareChanges(connection, testContext(), pipeline, streams));
const published = async (pipeline: string): Promise<unknown[]> =>
  (
    await db.query(`SELECT tablename::text AS t FROM pg_publication_tables WHERE pubname = $1 ORDER BY 1`, [
      changesName(pipeline),
    ])
  ).map(({ t }) => t);

test.each([
  ['orders', /^sluice_orders_[0-9a-f]{12}$/],
  ['Ünïcode "x"; DROP TABLE', /^sluice_n_code_x_drop_table_[0-9a-f]{12}$/],
  ['é', /^sluice_[0-9a-f]{12}$/],
  ['x'.repeat(500), /^sluice_x{40}_[0-9a-f]{12}$/],
])('the name of pipeline %j is safe, short, stable and its own', (pipeline, pattern) => {
  expect(changesName(pipeline)).toMatch(pattern);
  expect(changesName(pipeline)).toBe(changesName(pipeline));
  expect(Buffer.byteLength(changesName(pipeline))).toBeLessThanOrEqual(63);
  expect(changesName(pipeline)).not.toBe(changesName(`${pipeline} `));
});

test('slot and publication are made once, and the publication follows the pipeline', async () => {
  const streams = await tables('a', 'b');
  await prepared('made', streams.slice(0, 1));
  const first = await connected(db, (connection) => slotState(connection, changesName('made')));
  expect(first).toMatchObject({
    plugin: 'pgoutput',
    database: db.name,
    activePid: undefined,
    invalid: undefined,
    walStatus: 'reserved',
  });
  expect(await published('made')).toEqual(['a']);
  await prepared('made', streams);
  await prepared('made', streams);
  expect(await published('made')).toEqual(['a', 'b']);
  const second = await connected(db, (connection) => slotState(connection, changesName('made')));
  expect(second!.confirmed).toBe(first!.confirmed);
});

test('a slot of that name with another plugin is not taken', async () => {
  const streams = await tables('a');
  await db.query(`SELECT pg_create_logical_replication_slot('${changesName('foreign')}', 'test_decoding')`);
  await expect(prepared('foreign', streams)).rejects.toMatchObject({ class: 'config', code: 'postgres.foreign-slot' });
});

test('dropping leaves nothing, also while somebody reads, and twice', async () => {
  const streams = await tables('a');
  await using reading = await Reading.open(db, { pipeline: 'dropped', streams });
  expect(await connected(db, (connection) => dropChanges(connection, 'dropped'))).toEqual([]);
  expect(await connected(db, (connection) => slotState(connection, changesName('dropped')))).toBeUndefined();
  expect(await published('dropped')).toEqual([]);
  expect(await connected(db, (connection) => dropChanges(connection, 'dropped'))).toEqual([]);
  expect(reading.batches.length).toBeGreaterThanOrEqual(0);
});

/** A role with nothing but a login and what is granted. */
async function asRole<T>(grants: string, use: (config: TestDatabase['source']) => Promise<T>): Promise<T> {
  const role = `reader_${Math.random().toString(36).slice(2)}`;
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'; ${grants.replaceAll('$R', role)}`);
  try {
    return await use({ ...db.source, username: role, password: 'secret' });
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
}
const findingsOf = async (
  config: TestDatabase['source'],
  streams: readonly Stream[],
  pipeline?: string,
): Promise<readonly Finding[]> => {
  const connection = await connect(config, testContext());
  try {
    return await checkChanges(connection, streams, pipeline);
  } finally {
    await disconnect(connection);
  }
};

test('what is left that could not be dropped is said, with its statement', async () => {
  const streams = await tables('a');
  await prepared('mine', streams);
  const left = await asRole('', async (config) => {
    const connection = await connect(config, testContext());
    try {
      return await dropChanges(connection, 'mine');
    } finally {
      await disconnect(connection);
    }
  });
  expect(left.map(({ code, fix }) => [code, fix])).toEqual([
    ['replication-slot-left', `SELECT pg_drop_replication_slot('${changesName('mine')}')`],
    ['publication-left', `DROP PUBLICATION IF EXISTS "${changesName('mine')}"`],
  ]);
});

test('check finds nothing where nothing is missing', async () => {
  expect(await findingsOf(db.source, await tables('a', 'b'), 'fine')).toEqual([]);
});

test('check names every right that a role lacks, with the statement that gives it', async () => {
  const streams = await tables('a');
  const findings = await asRole('GRANT SELECT ON a TO $R', (config) => findingsOf(config, streams, 'rights'));
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
    ['replication-right', 'error'],
    ['create-right', 'warning'],
    ['table-owner', 'error'],
  ]);
  expect(findings[0]!.fix).toMatch(/^ALTER ROLE "reader_\w+" REPLICATION$/);
  expect(findings[2]!.fix).toContain(
    `CREATE PUBLICATION "${changesName('rights')}" FOR TABLE ONLY "public"."a" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true`,
  );
  await expect(
    asRole('GRANT SELECT ON a TO $R', async (config) => {
      const connection = await connect(config, testContext());
      try {
        await prepareChanges(connection, testContext(), 'rights', streams);
      } finally {
        await disconnect(connection);
      }
    }),
  ).rejects.toMatchObject({ class: 'config', code: 'permission' });
});

test('a role that reads only, with the publication made for it beforehand, is enough', async () => {
  const streams = await tables('a');
  const name = changesName('given');
  await db.query(`CREATE PUBLICATION ${name} FOR TABLE a WITH (publish_via_partition_root = true)`);
  await asRole('ALTER ROLE $R REPLICATION; GRANT SELECT ON a TO $R', async (config) => {
    expect((await findingsOf(config, streams, 'given')).filter(({ severity }) => severity === 'error')).toEqual([]);
    await using reading = await Reading.open({ ...db, source: config }, { pipeline: 'given', streams });
    await db.query('INSERT INTO a VALUES (1, 2)');
    await reading.whole(1);
    expect(reading.list).toEqual([{ op: 'insert', stream: 'public.a', after: [1, 2] }]);
  });
  await db.query(`DROP PUBLICATION ${name}`);
});

test.each([
  ["WITH (publish = 'insert', publish_via_partition_root = true)", /every kind of change/],
  ['WITH (publish_via_partition_root = false)', /publishes partitions/],
])('a publication that was made %s says too little, and is refused', async (options, message) => {
  await db.query('DROP TABLE IF EXISTS p; CREATE TABLE p (id integer PRIMARY KEY) PARTITION BY RANGE (id)');
  const name = changesName('little');
  await db.query(`CREATE PUBLICATION ${name} FOR TABLE p ${options}`);
  const opened = Reading.open(db, { pipeline: 'little', streams: await streamsOf(db, 'p') });
  await expect(opened).rejects.toMatchObject({
    code: 'postgres.publication-incomplete',
    message: expect.stringMatching(message),
  });
  await db.query(`DROP PUBLICATION ${name}; DROP TABLE p`);
});

test('a column that the role may not read does not come by way of the log', async () => {
  await db.query('DROP TABLE IF EXISTS a; CREATE TABLE a (id integer PRIMARY KEY, hidden text)');
  await db.query(`CREATE PUBLICATION ${changesName('hidden')} FOR TABLE a WITH (publish_via_partition_root = true)`);
  await asRole('ALTER ROLE $R REPLICATION; GRANT SELECT (id) ON a TO $R', async (config) => {
    const reader = { ...db, source: config };
    const streams = await streamsOf(reader, 'a');
    await using reading = await Reading.open(reader, { pipeline: 'hidden', streams });
    await db.query("ALTER TABLE a ADD other integer; INSERT INTO a VALUES (1, 'secret', 2)");
    await reading.whole(1);
    expect(reading.batches.filter(({ kind }) => kind === 'schema')).toEqual([]);
    expect(reading.list).toEqual([{ op: 'insert', stream: 'public.a', after: [1] }]);
  });
  await db.query(`DROP PUBLICATION ${changesName('hidden')}`);
});

test('check names tables whose changes could not be told apart, and columns that are not logged', async () => {
  await db.query(`DROP TABLE IF EXISTS k, n, i, u, p; DROP VIEW IF EXISTS vw; CREATE TABLE k (id integer); CREATE TABLE n (id integer PRIMARY KEY); ALTER TABLE n REPLICA IDENTITY NOTHING;
    CREATE TABLE i (id integer PRIMARY KEY, u integer NOT NULL UNIQUE); ALTER TABLE i REPLICA IDENTITY USING INDEX i_u_key;
    CREATE TABLE p (id integer PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); ALTER TABLE p1 REPLICA IDENTITY NOTHING;
    CREATE UNLOGGED TABLE u (id integer PRIMARY KEY); CREATE VIEW vw AS SELECT 1 AS id`);
  const findings = await findingsOf(db.source, await streamsOf(db, 'i', 'k', 'n', 'p', 'u', 'vw'));
  expect(findings.map(({ code, fix }) => [code, fix])).toEqual([
    ['replica-identity', 'ALTER TABLE "public"."i" REPLICA IDENTITY FULL'],
    ['replica-identity', 'ALTER TABLE "public"."k" REPLICA IDENTITY FULL'],
    ['replica-identity', 'ALTER TABLE "public"."n" REPLICA IDENTITY FULL'],
    ['replica-identity', 'ALTER TABLE "public"."p" REPLICA IDENTITY FULL'],
    ['partition-truncate', expect.any(String)],
    ['unlogged-table', 'ALTER TABLE "public"."u" SET LOGGED'],
    ['not-a-table', expect.any(String)],
  ]);
});

const slot: SlotState = {
  name: 's',
  plugin: 'pgoutput',
  database: 'd',
  activePid: undefined,
  walStatus: 'reserved',
  invalid: undefined,
  restart: 1n,
  confirmed: 1n,
  retainedBytes: 5 * 2 ** 20,
  lagBytes: 0,
  safeBytes: undefined,
};
test.each<[string, Partial<SlotState>, string[], RegExp]>([
  ['is well', {}, [], /^$/],
  ['keeps much log', { retainedBytes: 20 * 2 ** 30 }, ['slot-lag'], /20480 MiB of log/],
  ['is near its budget', { walStatus: 'extended', safeBytes: 100 * 2 ** 20 }, ['slot-budget'], /after 100 MiB more/],
  ['is beyond its budget', { walStatus: 'unreserved', safeBytes: -5 }, ['slot-budget'], /after 0 MiB more/],
  ['is lost', { walStatus: 'lost', invalid: 'wal_removed' }, ['slot-lost'], /given up .* \(wal_removed\)/],
])('a slot that %s', (_, more, expected, message) => {
  const findings = slotFindings({ ...slot, ...more });
  expect(findings.map(({ code }) => code)).toEqual(expected);
  expect(findings.map((one) => one.message).join()).toMatch(message);
});

/** Reads the table in one snapshot while others write it, and answers the rows and what the snapshot saw. */
async function copy(table: string): Promise<{ rows: Row[]; since: Since }> {
  const client = new Client({ ...db.source, user: db.source.username });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const since = (await client.query<{ snapshot: string; lsn: string }>(sinceSql)).rows[0]!;
    await client.query('SELECT pg_sleep(0.05)');
    const { rows } = await client.query<{ id: number; v: number }>(`SELECT id, v FROM ${table}`);
    return { rows: rows.map(({ id, v }) => [id, v]), since };
  } finally {
    await client.end();
  }
}

test('a copy waits for who wrote the table before it was published', async () => {
  const streams = await tables('a', 'b');
  await prepared('writers', streams.slice(0, 1));
  const writer = new Client({ ...db.source, user: db.source.username });
  await writer.connect();
  await writer.query('BEGIN; INSERT INTO b VALUES (1, 1)');
  let ready = false;
  const preparing = prepared('writers', streams).then(() => (ready = true));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([ready, await published('writers')]).toEqual([false, ['a', 'b']]);
  await writer.query('COMMIT');
  await preparing;
  await writer.end();
});

test('a snapshot stays in the checkpoints for as long as it is needed, and one that was overtaken is a lost position', async () => {
  const streams = await tables('a', 'b');
  await prepared('kept', streams);
  await db.query('INSERT INTO a VALUES (1, 1)'); // in the log, and in the copy
  const { since } = await copy('a');
  await db.query('INSERT INTO a VALUES (2, 2)');
  const first = await Reading.open(db, { pipeline: 'kept', streams, since: { 'public.a': since } });
  await first.until((batches) => batches.length > 0);
  const [start] = first.batches;
  expect(start).toMatchObject({ kind: 'idle', checkpoint: { since: { 'public.a': since } } });
  await first[Symbol.asyncDispose]();
  const after = (start as { checkpoint: Checkpoint }).checkpoint;
  await connected(db, (connection) => freeSlot(connection, changesName('kept'), 5000));
  await using second = await Reading.open(db, { pipeline: 'kept', streams, after, confirm: false });
  await second.whole(1);
  expect(second.list).toEqual([{ op: 'insert', stream: 'public.a', after: [2, 2] }]);
  expect(second.checkpoint).not.toHaveProperty('since');
  await expect(
    Reading.open(db, { pipeline: 'kept', streams, after: second.checkpoint!, since: { 'public.b': since } }),
  ).rejects.toMatchObject({ class: 'lost-position', message: expect.stringContaining('the copy of public.b') });
});

test('a copy and the changes since are the table, each row once, whoever writes meanwhile', async () => {
  const streams = await tables('a');
  await prepared('handover', streams);
  let stop = false;
  const write = async (seed: number): Promise<void> => {
    const client = new Client({ ...db.source, user: db.source.username });
    await client.connect();
    for (let i = 0; !stop; i++) {
      const id = seed * 100_000 + i;
      await client.query(`BEGIN; INSERT INTO a VALUES (${id}, 1)`);
      if (i % 4 === 0) await client.query('SELECT pg_sleep(0.01)');
      await client.query(i % 7 === 0 ? 'ROLLBACK' : 'COMMIT');
    }
    await client.end();
  };
  const writers = [1, 2, 3].map(write);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { rows, since } = await copy('a');
  await new Promise((resolve) => setTimeout(resolve, 300));
  stop = true;
  await Promise.all(writers);
  const wanted = (await db.query('SELECT id FROM a')).map(({ id }) => Number(id));
  expect(rows.length).toBeGreaterThan(10);
  await using reading = await Reading.open(db, { pipeline: 'handover', streams, since: { 'public.a': since } });
  await reading.whole(wanted.length - rows.length);
  const got = [
    ...rows.map(([id]) => Number(id)),
    ...reading.list.map((change) => ('after' in change ? Number(change.after[0]) : 0)),
  ];
  expect(got.sort((x, y) => x - y)).toEqual(wanted.sort((x, y) => x - y));
});
