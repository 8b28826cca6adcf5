import { DataError, TransientError, type Encoding, type Lane } from '@sluice/connector-sdk';
import { MemoryDatabase } from '../test/memory-destination.js';
import { lineEncoding, memorySource, numbers, type Script } from '../test/memory-source.js';
import { driveLane, type DriveInput, type LaneOutcome } from './drive-lane.js';
import { Ends } from './ends.js';
import type { LanePart, LanePlan } from './lane-plan.js';

const plan: LanePlan = {
  id: 'p/full/public.numbers',
  request: { stream: numbers, mode: 'full' },
  target: { table: ['numbers'], mode: 'replace', key: ['n'] },
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const rows = (db: MemoryDatabase): unknown[] =>
  db
    .rows('numbers')
    .map(([n]) => n)
    .sort((a, b) => Number(a) - Number(b));

type Task = Pick<DriveInput, 'plan'> &
  Partial<Pick<DriveInput, 'parts' | 'publish' | 'ofParts'>> & {
    readonly part?: string;
    readonly offers?: readonly Encoding[];
  };
async function drive(db: MemoryDatabase, script: Script, task: Task, fence = 1n): Promise<LaneOutcome> {
  const { signal } = new AbortController();
  const openers = {
    offers: task.offers ?? [],
    source: async (stop: AbortSignal) => memorySource(script, stop),
    destination: async () => db.connect(),
  };
  await using ends = new Ends(openers, signal);
  const { part, offers: _, ...rest } = task;
  const lane: Lane = { id: plan.id, fence, generation: 1, ...(part !== undefined && { part }) };
  const listener = { log: () => undefined };
  return await driveLane({ ...rest, ends, lane, signal, listener, backoff: { tries: 2, base: 1, cap: 1 } });
}
const partTask = ({ name, part }: LanePart): Task => ({
  plan: { ...plan, request: { ...plan.request, part } },
  part: name,
});
async function cut(db: MemoryDatabase, script: Script, parts = 3): Promise<readonly LanePart[]> {
  const outcome = await drive(db, script, { plan, parts: { rows: parts, bytes: parts } });
  if (outcome.status !== 'split') throw new Error(outcome.status);
  return outcome.parts;
}

test('parts fill one shadow table side by side, and one commit shows them all', async () => {
  const db = new MemoryDatabase();
  db.tables.set('numbers', [[-1]]);
  const script = { count: 10, window: 2 };
  const parts = await cut(db, script);
  expect(parts).toEqual([
    { name: '1 of 3', part: [0, 4] },
    { name: '2 of 3', part: [4, 8] },
    { name: '3 of 3', part: [8, 10] },
  ]);
  const outcomes = await Promise.all(parts.map((part) => drive(db, script, partTask(part))));
  expect(outcomes.map(({ status, counts }) => [status, counts.rowsWritten])).toEqual([
    ['done', 4],
    ['done', 4],
    ['done', 2],
  ]);
  expect([rows(db), db.swaps]).toEqual([[-1], 0]);
  expect((await drive(db, script, { plan, publish: true })).status).toBe('done');
  expect([rows(db), db.swaps]).toEqual([upTo(10), 1]);
});

test('the next attempt goes on with the same parts, and repeats none that is done', async () => {
  const db = new MemoryDatabase();
  const parts = await cut(db, { count: 10, window: 2 });
  let commits = 0;
  db.crash = (at) =>
    at === 'before-commit' && ++commits >= 4 ? new DataError('dead', { stream: numbers.id }) : undefined;
  for (const part of parts) await drive(db, { count: 10, window: 2 }, partTask(part));
  db.crash = () => undefined;
  const again = await drive(db, { count: 10, window: 2 }, { plan, parts: { rows: 5, bytes: 5 } }, 2n);
  expect(again).toMatchObject({ status: 'split', parts });
  const outcomes = await Promise.all(parts.map((part) => drive(db, { count: 10, window: 2 }, partTask(part), 2n)));
  expect(outcomes.map(({ status }) => status)).toEqual(['already-done', 'done', 'done']);
  await drive(db, { count: 10, window: 2 }, { plan, publish: true }, 2n);
  expect([rows(db), db.swaps]).toEqual([upTo(10), 1]);
  expect((await drive(db, { count: 10, window: 2 }, { plan, parts: { rows: 5, bytes: 5 } }, 3n)).status).toBe(
    'already-done',
  );
});

test('an attempt that finds the stream published counts the rows of its parts (Invariant 6)', async () => {
  const db = new MemoryDatabase();
  const script = { count: 10, window: 2 };
  const counts = { rowsWritten: 0, bytes: 0 };
  for (const part of await cut(db, script)) {
    const done = await drive(db, script, partTask(part));
    counts.rowsWritten += done.counts.rowsWritten;
    counts.bytes += done.counts.bytes;
  }
  const published = await drive(db, script, { plan, publish: true, ofParts: counts });
  expect(published).toMatchObject({ status: 'done', counts: { rowsWritten: 0 } }); // told by the parts already
  const next = await drive(db, script, { plan, parts: { rows: 3, bytes: 3 } }, 2n);
  expect(next).toMatchObject({ status: 'already-done', counts: { rowsRead: 10, rowsWritten: 10, bytes: 100 } });
});

test('a publication whose answer was lost is not repeated', async () => {
  const db = new MemoryDatabase();
  const script = { count: 6, window: 2 };
  for (const part of await cut(db, script)) await drive(db, script, partTask(part));
  let once = true;
  db.crash = (at) => (at === 'after-commit' && once ? ((once = false), new TransientError('cut')) : undefined);
  expect((await drive(db, script, { plan, publish: true })).status).toBe('already-done');
  expect([rows(db), db.swaps]).toEqual([upTo(6), 1]);
});

test('what is begun, small or appended is not cut', async () => {
  const db = new MemoryDatabase();
  expect((await drive(db, { count: 4, window: 2 }, { plan, parts: { rows: 1, bytes: 1 } })).status).toBe('done');
  const one = new MemoryDatabase();
  const append: LanePlan = { ...plan, target: { ...plan.target, mode: 'append' } };
  expect((await drive(one, { count: 4, window: 2 }, { plan: append, parts: { rows: 3, bytes: 3 } })).status).toBe(
    'done',
  );
});

test('rows are cut into more parts than bytes, which keep the servers at both ends busy', async () => {
  const ways = [
    { offers: [], parts: { rows: 3, bytes: 1 } },
    { offers: [lineEncoding], parts: { rows: 1, bytes: 3 } },
    { offers: [lineEncoding], parts: { rows: 3, bytes: 1 } },
  ];
  const outcomes = ways.map((way) => {
    const db = new MemoryDatabase();
    db.encodings = [lineEncoding];
    return drive(db, { count: 10, window: 2 }, { plan, ...way });
  });
  expect((await Promise.all(outcomes)).map(({ status }) => status)).toEqual(['split', 'split', 'done']);
});
