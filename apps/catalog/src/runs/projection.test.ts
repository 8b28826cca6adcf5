import { randomUUID } from 'node:crypto';
import type { CheckpointEvent, ProgressEvent, RunEvent } from '@sluice/messages';
import { Database } from '../database/database.js';
import { testDatabase, type TestDatabase } from '../../test/services.js';
import { digest, project, type Numbered } from './projection.js';

let database: TestDatabase;
let db: Database;
let runId: string;
const pipelineId = randomUUID();
beforeAll(async () => {
  database = await testDatabase();
  db = await Database.open(database.url, 5);
  await database.query("INSERT INTO tenant VALUES ('t', 't')");
  const source = randomUUID();
  await database.query(
    "INSERT INTO endpoint (id, tenant_id, role, name, connector_type, config) VALUES ($1, 't', 'source', 's', 'x', '{}')",
    [source],
  );
  await database.query(
    "INSERT INTO pipeline (id, tenant_id, name, source_id, destination_type, mode) VALUES ($1, 't', 'p', $2, 'x', 'full')",
    [pipelineId, source],
  );
});
afterAll(async () => {
  await db?.[Symbol.asyncDispose]();
  await database?.drop();
});
beforeEach(async () => {
  await database.query("UPDATE run SET status = 'failed'");
  await database.query('DELETE FROM checkpoint');
  runId = randomUUID();
  await database.query(
    `INSERT INTO run (id, root_id, tenant_id, pipeline_id, pipeline_name, source_type, destination_id, mode, trigger, generation, status, fence)
     VALUES ($1, $1, 't', $2, 'p', 'x', $1, 'full', 'manual', 1, 'running', 5)`,
    [runId, pipelineId],
  );
});

const base = () => ({ runId, tenantId: 't', fence: '5', at: '2026-01-01T00:00:00.000Z' });
const counts = (n: number) => ({ rowsRead: n, rowsWritten: n, rowsRejected: 0, bytes: n });
const progress = (n: number, more: Partial<ProgressEvent> = {}): ProgressEvent => ({
  ...base(),
  kind: 'progress',
  phase: 'loading',
  estimatedRows: 100,
  ...counts(n),
  streams: [{ stream: 'a', status: 'running', estimatedRows: 100, error: null, ...counts(n) }],
  ...more,
});
const checkpoint = (at: number, more: Partial<CheckpointEvent> = {}): CheckpointEvent => ({
  ...base(),
  kind: 'checkpoint',
  lane: 'a',
  checkpoint: { v: 1, at },
  complete: false,
  ...more,
});
const apply = (...events: Numbered[]): Promise<void> => db.transaction((em) => project(em, digest(events)));
const n = (seq: number, event: RunEvent): Numbered => ({ seq, event });
const state = async () => ({
  run: (await database.query('SELECT rows_read::int AS rows, phase, checkpoints FROM run WHERE id = $1', [runId]))[0],
  streams: await database.query('SELECT stream, rows_read::int AS rows, status FROM run_stream WHERE run_id = $1', [
    runId,
  ]),
  checkpoints: await database.query('SELECT lane, checkpoint, complete, fence::int FROM checkpoint'),
});

test('the last of each counts, and a batch that comes again changes nothing', async () => {
  const batch = [
    n(1, progress(10)),
    n(2, checkpoint(1)),
    n(3, progress(20, { phase: 'finishing' })),
    n(4, checkpoint(2, { complete: true })),
    n(5, { ...base(), kind: 'log', level: 'info', message: 'x' }),
  ];
  await apply(...batch);
  const after = await state();
  expect(after).toEqual({
    run: { rows: 20, phase: 'finishing', checkpoints: 1 },
    streams: [{ stream: 'a', rows: 20, status: 'running' }],
    checkpoints: [{ lane: 'a', checkpoint: { v: 1, at: 2 }, complete: true, fence: 5 }],
  });
  await apply(...batch);
  await apply(n(1, progress(10)), n(2, checkpoint(1)));
  expect(await state()).toEqual(after);
});

test('a stale fence and a wrong tenant change nothing', async () => {
  const before = await state();
  await apply(
    n(1, progress(9, { fence: '4' })),
    n(2, progress(9, { tenantId: 'u' })),
    n(3, checkpoint(9, { fence: '4' })),
    n(4, checkpoint(9, { tenantId: 'u' })),
    n(5, progress(9, { runId: randomUUID() })),
  );
  expect(await state()).toEqual(before);
});

test('a finished run keeps its counts; what it had committed is still noted', async () => {
  await apply(n(1, progress(10)));
  await database.query("UPDATE run SET status = 'succeeded', rows_read = 11, phase = 'done' WHERE id = $1", [runId]);
  await apply(n(2, progress(10)), n(3, checkpoint(3)));
  expect(await state()).toMatchObject({
    run: { rows: 11, phase: 'done', checkpoints: 1 },
    streams: [{ rows: 10 }],
    checkpoints: [{ checkpoint: { at: 3 } }],
  });
});

test('a checkpoint of an earlier runner does not replace that of a later one', async () => {
  await apply(n(7, checkpoint(7)));
  await database.query('UPDATE run SET fence = 3 WHERE id = $1', [runId]);
  await apply(n(9, checkpoint(1, { fence: '3' })));
  expect((await state()).checkpoints).toMatchObject([{ checkpoint: { at: 7 }, fence: 5 }]);
});

test('two catalogs that store batches of the same runs at once do not stand in each other’s way', async () => {
  const batches = Array.from({ length: 10 }, (_, b) =>
    Array.from({ length: 50 }, (_, i) =>
      n(b * 50 + i + 1, i % 2 ? progress(b * 50 + i) : checkpoint(b * 50 + i, { lane: `l${i % 7}` })),
    ),
  );
  await Promise.all(batches.reverse().map((batch) => apply(...batch)));
  expect((await state()).run).toMatchObject({ rows: 499 });
});
