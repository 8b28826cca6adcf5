/** The whole way with the real PostgreSQL plugin and a runner that is a process, so that it can be killed like one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHarness, until, type Harness } from '../test/harness.js';
import { freshDatabase, linkPostgresPlugin, type TestDatabase } from '../test/postgres.js';
import { startRunnerProcess } from '../test/runner-process.js';

jest.setTimeout(120_000);
let house: Harness;
let from: TestDatabase;
let to: TestDatabase;
let root: string;
const rows = 200_000;

beforeAll(async () => {
  [house, from, to] = await Promise.all([openHarness(), freshDatabase(), freshDatabase()]);
  root = mkdtempSync(join(tmpdir(), 'sluice-runner-plugins-'));
  linkPostgresPlugin(root);
  await from.query(`CREATE TABLE big AS SELECT n AS id, md5(n::text) AS a, repeat(md5((n + 1)::text), 5) AS b, now() AS at
    FROM generate_series(1, ${rows}) n`);
  await from.query('ALTER TABLE big ADD PRIMARY KEY (id)');
  await from.query('ANALYZE big');
});
afterAll(async () => {
  await Promise.all([house.close(), from.drop(), to.drop()]);
  rmSync(root, { recursive: true, force: true });
});

const sum = `SELECT count(*)::int AS rows, sum(hashtextextended(big::text, 0))::text AS hash FROM big`;
const start = (window: number, generation: number, parallelism = 1, mode: 'full' | 'incremental' = 'full') =>
  house.catalog.start(
    {
      source: { ...from.config, window_bytes: window },
      destination: to.config,
      secrets: from.secrets,
      type: 'postgres',
      assignment: { mode, generation, bindings: [{ stream: 'public.big', cursor: 'id' }], options: { parallelism } },
    },
    'postgres',
  );

test('a table arrives whole, as bytes, in a small worker, soon after the trigger', async () => {
  const runner = await startRunnerProcess(house.url, root);
  const run = await start(64 * 2 ** 20, 1);
  const finish = await until(() => run.finish, 'the end', 60_000);
  expect(finish).toMatchObject({
    outcome: { status: 'succeeded' },
    counts: { rowsRead: rows, rowsWritten: rows, rowsRejected: 0 },
  });
  expect(await to.query(sum)).toEqual(await from.query(sum));
  const line = runner
    .log()
    .split('\n')
    .find((text) => text.includes('a run ended here'));
  const { stages, peakMemory } = JSON.parse(line!) as { stages: Record<string, number>; peakMemory: number };
  process.stdout.write(`stages in ms: ${JSON.stringify(stages)}, worker ${Math.round(peakMemory / 2 ** 20)} MiB\n`);
  await runner.kill('SIGTERM');
});

test('a runner that is killed in mid load leaves nothing that the next one does not put right', async () => {
  const first = await startRunnerProcess(house.url, root);
  const run = await start(2 ** 20, 2);
  const commits = (fence: string) =>
    run.events.filter((event) => event.kind === 'checkpoint' && event.fence === fence).length;
  const fence = (add: bigint): string => String(house.catalog.fence + add);
  await until(() => run.state === 'running' && commits(fence(0n)) >= 3, 'three commits');
  const before = fence(0n);
  // The workers are frozen, so that one still believes in its lane when another runner has it.
  const workers = first.workers();
  for (const pid of workers) process.kill(pid, 'SIGSTOP');
  await first.kill('SIGKILL');
  const second = await startRunnerProcess(house.url, root);
  run.state = 'pending';
  await house.catalog.publish(run.id, 'postgres');
  await until(() => run.finish ?? commits(fence(0n)) >= 2, 'two commits of the next');
  for (const pid of workers) process.kill(pid, 'SIGCONT');
  const finish = await until(() => run.finish, 'the end', 60_000);
  expect(finish.outcome).toEqual({ status: 'succeeded' });
  expect(BigInt(finish.fence)).toBeGreaterThan(BigInt(before));
  expect(finish.counts.rowsWritten).toBe(rows);
  expect(await to.query(sum)).toEqual(await from.query(sum));
  const [lane] = await to.query<{ fence: string }>(`SELECT fence::text FROM _sluice_checkpoints`);
  expect(lane!.fence).toBe(finish.fence);
  await until(() => workers.every((pid) => !isAlive(pid)), 'the end of the old workers');
  await second.kill('SIGTERM');
});

test('a large table is read in parts side by side, and cut short it goes on with the same parts', async () => {
  await to.query('DROP TABLE IF EXISTS big');
  const first = await startRunnerProcess(house.url, root);
  const run = await start(2 ** 20, 3, 3);
  const commits = () => run.events.filter((event) => event.kind === 'checkpoint').length;
  await until(() => commits() >= 8, 'some commits');
  expect(await to.query(`SELECT FROM pg_class WHERE relname = 'big'`)).toEqual([]);
  await first.kill('SIGKILL');
  const second = await startRunnerProcess(house.url, root);
  run.state = 'pending';
  await house.catalog.publish(run.id, 'postgres');
  const finish = await until(() => run.finish, 'the end', 60_000);
  expect(finish).toMatchObject({ outcome: { status: 'succeeded' }, streams: [{ status: 'succeeded' }] });
  expect(await to.query(sum)).toEqual(await from.query(sum));
  const lanes = run.events.flatMap((event) => (event.kind === 'checkpoint' ? [event.lane] : []));
  expect(new Set(lanes)).toEqual(
    new Set(['', ' part 1 of 3', ' part 2 of 3', ' part 3 of 3'].map((part) => `pipe/full/public.big${part}`)),
  );
  await second.kill('SIGTERM');
});

test.each([
  ['in one piece', 1, 3],
  ['in parts', 3, 8],
])('a load %s that broke off starts over when its table was written to since', async (_how, parallelism, least) => {
  await to.query(`DROP TABLE IF EXISTS big; CREATE TABLE big AS SELECT 1 AS id, 'shown until the swap' AS a`);
  const first = await startRunnerProcess(house.url, root);
  const run = await start(2 ** 20, 3 + parallelism, parallelism);
  const commits = () => run.events.filter((event) => event.kind === 'checkpoint').length;
  await until(() => commits() >= least, 'some commits');
  await first.kill('SIGKILL');
  await from.query(`UPDATE big SET a = 'written since' WHERE id % 1000 = ${parallelism}`);
  const second = await startRunnerProcess(house.url, root);
  run.state = 'pending';
  await house.catalog.publish(run.id, 'postgres');
  const warning = () =>
    run.events.find((event) => event.kind === 'log' && event.message.startsWith('started over: public.big'));
  const told = await until(warning, 'the word of it');
  expect(await to.query('SELECT * FROM big')).toEqual([{ id: 1, a: 'shown until the swap' }]);
  expect(told).toMatchObject({
    level: 'warn',
    fields: { stream: 'public.big', code: 'lost-position', from: expect.stringContaining('snapshot') },
  });
  const finish = await until(() => run.finish, 'the end', 60_000);
  const counts = { rowsRead: rows, rowsWritten: rows, rowsRejected: 0 };
  expect(finish).toMatchObject({
    outcome: { status: 'succeeded' },
    counts,
    streams: [{ stream: 'public.big', status: 'succeeded', ...counts }],
  });
  expect(await to.query(sum)).toEqual(await from.query(sum));
  expect(await to.query(`SELECT relname FROM pg_class WHERE relname LIKE '\\_sluice\\_shadow%'`)).toEqual([]);
  const vain = (told as { fields?: { rowsInVain?: number } }).fields?.rowsInVain ?? 0;
  expect([vain > 0, vain < rows]).toEqual([true, true]);
  await second.kill('SIGTERM');
});

test('a part that is cut off in mid load, and finds its table written to, takes the others along', async () => {
  await to.query('DROP TABLE IF EXISTS big');
  const runner = await startRunnerProcess(house.url, root);
  const run = await start(2 ** 17, 7, 3);
  await until(() => run.events.filter((event) => event.kind === 'checkpoint').length >= 4, 'some commits');
  await from.query(`UPDATE big SET a = 'written meanwhile' WHERE id % 1000 = 7`);
  await from.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' LIMIT 1`,
  );
  const finish = await until(() => run.finish, 'the end', 60_000);
  const logs = run.events.flatMap((event) => (event.kind === 'log' ? [event.message] : []));
  expect(logs).toContainEqual(expect.stringMatching(/^trying again/));
  expect(logs).toContainEqual(expect.stringMatching(/^started over: public.big, of which \d+ rows were read in vain/));
  expect(logs.filter((message) => message.startsWith('part'))).toHaveLength(3);
  expect(finish).toMatchObject({ outcome: { status: 'succeeded' }, counts: { rowsRead: rows, rowsWritten: rows } });
  expect(await to.query(sum)).toEqual(await from.query(sum));
  await runner.kill('SIGTERM');
});

test('an incremental stream whose target is gone stays failed, and says how to reset it', async () => {
  await to.query('DROP TABLE IF EXISTS big');
  const runner = await startRunnerProcess(house.url, root);
  const run = await start(2 ** 20, 1, 1, 'incremental');
  expect((await until(() => run.finish, 'the end', 60_000)).outcome).toEqual({ status: 'succeeded' });
  await to.query('DROP TABLE big');
  const next = await start(2 ** 20, 1, 1, 'incremental');
  expect(await until(() => next.finish, 'the end', 60_000)).toMatchObject({
    outcome: {
      status: 'failed',
      error: {
        class: 'lost-position',
        code: 'lost-position',
        fix: 'reset the connection, POST /api/v1/connections/pipe/reset, and the next run reads everything again',
      },
    },
  });
  expect(await to.query(`SELECT FROM pg_class WHERE relname = 'big'`)).toEqual([]);
  await runner.kill('SIGTERM');
});

test('what a killed load left at the destination is dropped: fences, checkpoints and shadow tables', async () => {
  await to.query(`DROP TABLE IF EXISTS big; CREATE TABLE big AS SELECT 1 AS id, 'of before' AS a`);
  const first = await startRunnerProcess(house.url, root);
  const run = await start(2 ** 20, 20, 3); // later than any load before
  const commits = () => run.events.filter((event) => event.kind === 'checkpoint').length;
  await until(() => commits() >= 5, 'some commits');
  await first.kill('SIGKILL');
  const ours = () =>
    to.query(`SELECT relname FROM pg_class WHERE relname LIKE '\\_sluice\\_%' AND relkind = 'r' ORDER BY 1`);
  expect((await ours()).length).toBeGreaterThan(1);
  const second = await startRunnerProcess(house.url, root);
  const drop = () => {
    house.catalog.tickets.set('t', { role: 'destination', type: 'postgres', config: to.config, secrets: to.secrets });
    const lanes = ['pipe/full/public.big', 'pipe/incremental/public.big', 'pipe/full/none'];
    return house.catalog.call('runner.probes.drop', { ticket: 't', lanes });
  };
  expect(await drop()).toEqual([]);
  expect(await to.query(`SELECT lane FROM _sluice_checkpoints WHERE lane LIKE 'pipe/full/%'`)).toEqual([]);
  expect(await ours()).toEqual([{ relname: '_sluice_checkpoints' }]);
  expect(await drop()).toEqual([]);
  expect(await to.query('SELECT * FROM big')).toEqual([{ id: 1, a: 'of before' }]); // the table itself stays
  await second.kill('SIGTERM');
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
