/** Whatever is killed in between, every change comes once: none is lost, none comes twice. (Invariants 2, 3 and 7) */
import type { Checkpoint, Row, Stream } from '@sluice/connector-sdk';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { Reading, changesIn, connected, dropSlots, streamsOf } from '../../test/changes.js';
import { type TestDatabase, testContext, testDatabase } from '../../test/server.js';
import { changesName, dropChanges, heartbeat, prepareChanges, slotState } from './index.js';
import { parseLsn } from './lsn.js';
import { refuseLostSlot } from './position.js';

let db: TestDatabase;
let writer: Client;
let streams: Stream[];
beforeAll(async () => {
  db = await testDatabase();
  writer = new Client({ ...db.source, user: db.source.username });
  await writer.connect();
});
beforeEach(async () => {
  await db.query('DROP TABLE IF EXISTS t; CREATE TABLE t (tx integer, seq integer, pad text, PRIMARY KEY (tx, seq))');
  streams = await streamsOf(db, 't');
});
afterEach(() => dropSlots(db));
afterAll(async () => {
  await writer.end();
  await db[Symbol.asyncDispose]();
});

/** Transactions of 1 to 60 rows, some with savepoints that are rolled back, some rolled back whole. Answers what was committed. */
async function write(first: number, count: number): Promise<string[]> {
  const committed: string[] = [];
  for (let tx = first; tx < first + count; tx++) {
    const rows = 1 + ((tx * 7) % 60);
    await writer.query(`BEGIN; INSERT INTO t SELECT ${tx}, i, repeat('x', i) FROM generate_series(1, ${rows}) i`);
    await writer.query(`SAVEPOINT s; INSERT INTO t SELECT ${tx}, 1000 + i, '' FROM generate_series(1, 5) i`);
    if (tx % 3 === 0) await writer.query('ROLLBACK TO s');
    await writer.query(tx % 5 === 0 ? 'ROLLBACK' : 'COMMIT');
    if (tx % 5 === 0) continue;
    for (let seq = 1; seq <= rows; seq++) committed.push(`${tx}.${seq}`);
    for (let seq = 1001; seq <= 1005 && tx % 3 !== 0; seq++) committed.push(`${tx}.${seq}`);
  }
  return committed;
}
const serverVersion = async (): Promise<number> =>
  Number((await db.query("SELECT current_setting('server_version_num') AS v"))[0]!['v']);
const name = (row: Row): string => `${String(row[0])}.${String(row[1])}`;
const limits = { batchBytes: 2000, groupMillis: 5, holdBytes: 1000 };

/** The server sends every change as soon as it is made, or only what has committed. Before version 16 it cannot be told to. */
const streaming = async (how: 'immediate' | 'buffered') =>
  (await serverVersion()) >= 160_000 &&
  db.query(`ALTER DATABASE ${db.name} SET debug_logical_replication_streaming = '${how}'`);

/** How many transactions the server has streamed before their commit; its statistics come a little late. */
async function streamedTransactions(pipeline: string): Promise<number> {
  await sleep(500);
  const sql = `SELECT coalesce(sum(stream_txns), 0)::text AS n FROM pg_stat_replication_slots WHERE slot_name = $1`;
  return Number((await db.query(sql, [changesName(pipeline)]))[0]!['n']);
}

test.each(['buffered', 'immediate'] as const)(
  'the server ends the connection again and again; transactions are %s',
  async (how) => {
    await streaming(how);
    const kept: string[] = [];
    let after: Checkpoint | undefined;
    await connected(db, (connection) => prepareChanges(connection, testContext(), 'killed', streams));
    const writing = write(1, 150);
    let done: string[] | undefined;
    void writing.then((all) => (done = all));
    for (let round = 0; done === undefined || kept.length < done.length; round++) {
      if (round > 200) throw new Error(`${kept.length} of ${done?.length} after ${round} rounds`);
      await using reading = await Reading.open(db, {
        pipeline: 'killed',
        streams,
        limits,
        confirm: round % 3 !== 0,
        ...(after && { after }),
      });
      await sleep(20 + (round % 7) * 20);
      if (round % 2 === 0) {
        await db.query(
          `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${changesName('killed')}'`,
        );
        if (round % 4 === 0) expect(await reading.failed()).toMatchObject({ class: 'transient' });
      }
      // What came behind the last checkpoint was never durable.
      const last = reading.batches.findLastIndex((batch) => 'checkpoint' in batch && batch.checkpoint !== undefined);
      kept.push(
        ...changesIn(reading.batches.slice(0, last + 1)).map((change) => ('after' in change ? name(change.after) : '')),
      );
      after = reading.checkpoint ?? after;
    }
    expect(kept).toEqual(await writing); // in the order of their commits, and each of them once
    if ((await serverVersion()) >= 160_000)
      expect((await streamedTransactions('killed')) > 0).toBe(how === 'immediate');
    await streaming('buffered');
  },
);

test('a transaction that is larger than memory comes whole, after its commit, with one checkpoint', async () => {
  await db.query(`ALTER DATABASE ${db.name} SET logical_decoding_work_mem = '64kB'`);
  await using reading = await Reading.open(db, {
    pipeline: 'large',
    streams,
    limits: { ...limits, batchBytes: 100_000 },
  });
  await writer.query(
    "BEGIN; INSERT INTO t SELECT 1, i, repeat('x', 100) FROM generate_series(1, 20000) i; SAVEPOINT s",
  );
  await writer.query("INSERT INTO t SELECT 2, i, repeat('y', 100) FROM generate_series(1, 5000) i; ROLLBACK TO s");
  await writer.query('INSERT INTO t SELECT 3, i, NULL FROM generate_series(1, 3) i');
  await db.query('INSERT INTO t VALUES (4, 1)'); // committed first
  await reading.whole(1);
  if ((await serverVersion()) >= 140_000) expect(await streamedTransactions('large')).toBeGreaterThan(0);
  expect(reading.list.map((change) => ('after' in change ? name(change.after) : ''))).toEqual(['4.1']);
  await writer.query('COMMIT');
  await reading.whole(20_004);
  const expected = [...Array.from({ length: 20_000 }, (_, i) => `1.${i + 1}`), '3.1', '3.2', '3.3'];
  expect(reading.list.slice(1).map((change) => ('after' in change ? name(change.after) : ''))).toEqual(expected);
  const data = reading.batches.filter(({ kind }) => kind === 'changes');
  expect(data.length).toBeGreaterThan(20);
  expect(data.filter((batch) => 'checkpoint' in batch)).toHaveLength(2);
  await db.query(`ALTER DATABASE ${db.name} RESET logical_decoding_work_mem`);
});

interface Line {
  readonly rows: Row[];
  readonly checkpoint: Checkpoint;
}
const linesOf = (journal: string): Line[] =>
  existsSync(journal)
    ? readFileSync(journal, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line)
    : [];

test('a process that reads is killed again and again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-journal-'));
  const journal = join(folder, 'journal');
  await connected(db, (connection) => prepareChanges(connection, testContext(), 'process', streams));
  const read = (): ChildProcess => {
    const after = linesOf(journal).at(-1)?.checkpoint;
    const order = { config: db.source, pipeline: 'process', streams, journal, ...(after && { after }) };
    const hook = join(__dirname, '../../test/run-typescript.cjs');
    const file = join(__dirname, '../../test/journal-process.ts');
    const args = ['--conditions=@sluice/source', '-r', hook, file, JSON.stringify(order)];
    return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  try {
    const writing = write(1, 200);
    let done: string[] | undefined;
    void writing.then((all) => (done = all));
    const rowsIn = (): string[] => linesOf(journal).flatMap(({ rows }) => rows.map(name));
    for (let round = 0; done === undefined || rowsIn().length < done.length; round++) {
      if (round > 60) throw new Error(`${rowsIn().length} of ${done?.length} after ${round} rounds`);
      const before = linesOf(journal).length;
      const child = read();
      const exited = new Promise((resolve) => child.once('exit', resolve));
      for (let waited = 0; linesOf(journal).length === before && waited < 10_000; waited += 10) await sleep(10);
      await sleep((round % 4) * 30);
      child.kill('SIGKILL');
      await exited;
    }
    expect(rowsIn()).toEqual(await writing);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

const confirmed = async (pipeline: string): Promise<bigint> =>
  (await connected(db, (connection) => slotState(connection, changesName(pipeline))))!.confirmed!;

test('the server is told to forget what is confirmed, and nothing else', async () => {
  await using reading = await Reading.open(db, { pipeline: 'confirm', streams, confirm: false });
  const start = parseLsn(reading.checkpoint?.['lsn']) ?? (await confirmed('confirm'));
  await write(1, 4);
  await reading.whole(89);
  await sleep(300);
  expect(await confirmed('confirm')).toBe(start);
  reading.changes.confirm(reading.checkpoint!);
  const lsn = parseLsn(reading.checkpoint!['lsn'])!;
  for (let waited = 0; (await confirmed('confirm')) !== lsn && waited < 5000; waited += 50) await sleep(50);
  expect(await confirmed('confirm')).toBe(lsn);
});

test('a table in which nothing happens does not keep the log: the position moves with the log of others', async () => {
  await db.query('CREATE TABLE IF NOT EXISTS busy (id integer)');
  await using reading = await Reading.open(db, { pipeline: 'idle', streams, limits: { idleMillis: 100 } });
  await reading.until((batches) => batches.length > 0);
  for (let round = 0; round < 3; round++) {
    const before = parseLsn(reading.checkpoint!['lsn'])!;
    if (round < 2) await db.query('INSERT INTO busy SELECT generate_series(1, 1000)');
    else await connected(db, (connection) => heartbeat(connection));
    await reading.until(() => parseLsn(reading.checkpoint!['lsn'])! > before);
  }
  expect(new Set(reading.batches.map(({ kind }) => kind))).toEqual(new Set(['idle']));
  const last = parseLsn(reading.checkpoint!['lsn'])!;
  for (let waited = 0; (await confirmed('idle')) < last && waited < 5000; waited += 50) await sleep(50);
  expect(await confirmed('idle')).toBeGreaterThanOrEqual(last);
});

test('a reader that stands still for longer than the server waits is not cut off', async () => {
  await db.query(`ALTER DATABASE ${db.name} SET wal_sender_timeout = '1s'`);
  await using reading = await Reading.open(db, {
    pipeline: 'slow',
    streams,
    confirm: false,
    limits: { batchBytes: 10_000 },
  });
  await db.query("INSERT INTO t SELECT 1, i, repeat('x', 1000) FROM generate_series(1, 20000) i"); // 20 MB
  await reading.until((batches) => batches.length > 0);
  await reading.pause(3500);
  await reading.whole(20_000);
  expect(reading.error).toBeUndefined();
  await db.query(`ALTER DATABASE ${db.name} RESET wal_sender_timeout`);
});

/** A reading that was ended after its first changes, and its checkpoint. */
async function left(pipeline: string): Promise<Checkpoint> {
  await using reading = await Reading.open(db, { pipeline, streams });
  await db.query('INSERT INTO t VALUES (1, 1)');
  await reading.whole(1);
  return reading.checkpoint!;
}
const lost = (pipeline: string, after: Checkpoint, message: RegExp) =>
  expect(Reading.open(db, { pipeline, streams, after })).rejects.toMatchObject({
    class: 'lost-position',
    message: expect.stringMatching(message),
    asked: expect.any(String),
    available: expect.any(String),
  });

test('a position that cannot be resumed says so before the first batch, and says what is there', async () => {
  const slot = changesName('lost');
  const after = await left('lost');
  await lost('lost', { v: 9 }, /not one that this version reads/);
  await lost('lost', { ...after, system: '1' }, /Another server/);
  await lost('lost', { ...after, timeline: 7 }, /another timeline/);
  await lost('lost', { ...after, lsn: 'FFFF/0' }, /ends before the position/);
  await db.query('INSERT INTO t VALUES (2, 1)');
  await db.query('CHECKPOINT'); // what is not on disk yet cannot be skipped
  await db.query(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_lsn())`);
  await lost('lost', after, /moved on beyond the position/);
  await db.query(`SELECT pg_drop_replication_slot('${slot}')`);
  await lost('lost', after, /is gone/);
});

test.each([
  ['dropped', (name: string) => `DROP PUBLICATION ${name}`, /is gone/],
  ['made again', (name: string) => `DROP PUBLICATION ${name}; CREATE PUBLICATION ${name} FOR TABLE t`, /made again/],
  [
    'without the table',
    (name: string) => `ALTER PUBLICATION ${name} DROP TABLE t`,
    /does not have these tables any more/,
  ],
])('a publication that was %s is a lost position', async (_, sql, message) => {
  const after = await left('published');
  await db.query(sql(changesName('published')));
  await lost('published', after, message);
  await connected(db, (connection) => dropChanges(connection, 'published'));
});

test('a slot that the server has given up is a lost position', () => {
  const slot = {
    name: 's',
    plugin: 'pgoutput',
    database: 'd',
    activePid: undefined,
    walStatus: 'lost',
    retainedBytes: 0,
    lagBytes: 0,
    safeBytes: undefined,
  };
  const given = { ...slot, invalid: 'wal_removed', restart: undefined, confirmed: 16n };
  expect(() => refuseLostSlot(given, 's', 32n)).toThrow(
    expect.objectContaining({ class: 'lost-position', asked: '0/20', available: 'lost' }),
  );
  expect(refuseLostSlot({ ...given, invalid: undefined, walStatus: 'extended' }, 's', 32n).name).toBe('s');
});

test('who reads next ends the connection of who reads still', async () => {
  await using first = await Reading.open(db, { pipeline: 'two', streams });
  await db.query('INSERT INTO t VALUES (1, 1)');
  await first.whole(1);
  await using second = await Reading.open(db, { pipeline: 'two', streams, after: first.checkpoint! });
  expect(await first.failed()).toMatchObject({ class: 'transient' });
  await db.query('INSERT INTO t VALUES (2, 1)');
  await second.whole(1);
  expect(second.list).toEqual([{ op: 'insert', stream: 'public.t', after: [2, 1, null] }]);
}, 30_000);

test('a message that is longer than its limit ends the stream, and is named', async () => {
  await using reading = await Reading.open(db, { pipeline: 'long', streams, limits: { maxMessageBytes: 10_000 } });
  await db.query("INSERT INTO t VALUES (1, 1, repeat('x', 9000))");
  await reading.whole(1);
  await db.query("INSERT INTO t VALUES (1, 2, repeat('x', 11000))");
  expect(await reading.failed()).toMatchObject({ class: 'data', code: 'postgres.change-too-long' });
});
