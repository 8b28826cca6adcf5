import {
  DataError,
  FencedError,
  TransientError,
  type Checkpoint,
  type Encoding,
  type Lane,
} from '@sluice/connector-sdk';
import { MemoryDatabase, failing } from '../test/memory-destination.js';
import { lineEncoding, memorySource, numbers, type Script } from '../test/memory-source.js';
import { isComplete } from './engine-marks.js';
import { driveLane, type LaneOutcome } from './drive-lane.js';
import { Ends } from './ends.js';
import { LaneMeter } from './lane-meter.js';
import type { LanePlan } from './lane-plan.js';
import { reportError } from './run-outcome.js';

const full: LanePlan = {
  id: 'p/full/public.numbers',
  request: { stream: numbers, mode: 'full' },
  target: { table: ['numbers'], mode: 'replace', key: ['n'] },
};
const incremental: LanePlan = {
  id: 'p/incremental/public.numbers',
  request: { stream: numbers, mode: 'cursor', cursor: 'n' },
  target: { table: ['numbers'], mode: 'upsert', key: ['n'] },
};
const first: Omit<Lane, 'id'> = { fence: 1n, generation: 1 };
const upTo = (count: number): number[][] => Array.from({ length: count }, (_, i) => [i + 1]);

interface Options {
  readonly plan?: LanePlan;
  readonly lane?: Omit<Lane, 'id'>;
  readonly stop?: AbortController;
  readonly offers?: readonly Encoding[];
  readonly chunkBytes?: number;
  readonly chain?: string;
}
interface Told {
  outcome: LaneOutcome;
  checkpoints: Checkpoint[];
  logs: string[];
  phases: string[];
}
async function drive(db: MemoryDatabase, script: Script, options: Options = {}): Promise<Told> {
  const {
    plan = full,
    lane = first,
    stop = new AbortController(),
    offers = [],
    chunkBytes = 1e6,
    chain = 'run',
  } = options;
  const told: Omit<Told, 'outcome'> = { checkpoints: [], logs: [], phases: [] };
  const openers = {
    offers,
    source: async (signal: AbortSignal) => memorySource(script, signal),
    destination: async () => db.connect(),
  };
  await using ends = new Ends(openers, stop.signal);
  const outcome = await driveLane({
    ends,
    plan,
    lane: { id: plan.id, ...lane },
    signal: stop.signal,
    chunkBytes,
    meter: new LaneMeter(chain),
    backoff: { tries: 3, base: 1, cap: 2 },
    listener: {
      log: (level, message) => void (level === 'debug' || told.logs.push(message)),
      phase: (phase) => void told.phases.push(phase),
      committed: (checkpoint) => void told.checkpoints.push(checkpoint),
    },
  });
  return { ...told, outcome };
}
const failure = (outcome: LaneOutcome): unknown =>
  outcome.status === 'failed' ? reportError(outcome.error) : outcome.status;

test('a full load shows when it is complete, and says what it did', async () => {
  const db = new MemoryDatabase();
  db.tables.set('numbers', [[-1]]);
  let seen: unknown;
  const script = { count: 10, window: 4, onBatch: (at: number) => void (at > 8 && (seen = db.rows('numbers'))) };
  const { outcome, checkpoints, logs, phases } = await drive(db, script);
  expect(outcome).toEqual({ status: 'done', counts: { rowsRead: 10, rowsWritten: 10, rowsRejected: 0, bytes: 100 } });
  expect(seen).toEqual([[-1]]);
  expect(db.rows('numbers')).toEqual(upTo(10));
  expect([db.swaps, db.open, db.shadows.size]).toEqual([1, 0, 0]);
  const $shape = expect.stringMatching(/^[0-9a-f]{16}$/) as string;
  expect(checkpoints).toEqual([
    { v: 1, n: 4, $shape, $counts: { chain: 'run', rows: 4, bytes: 40 } },
    { v: 1, n: 8, $shape, $counts: { chain: 'run', rows: 8, bytes: 80 } },
    { v: 1, n: 10, $shape, $counts: { chain: 'run', rows: 10, bytes: 100 } },
    { v: 1, n: 10, $shape, $complete: true, $counts: { chain: 'run', rows: 10, bytes: 100 } },
  ]);
  expect(logs).toEqual(['CREATE shadow of numbers']);
  expect(phases).toEqual(['loading', 'finishing']);
});

test.each(['open', 'resume', 'prepare', 'write', 'before-commit', 'after-commit'] as const)(
  'cut once at every %s, a load resumes and ends with each row once',
  async (point) => {
    for (let nth = 1; nth <= 5; nth++) {
      const db = new MemoryDatabase();
      let seen = 0;
      db.crash = (at) => (at === point && ++seen === nth ? new TransientError('cut') : undefined);
      const { outcome } = await drive(db, { count: 10, window: 3 });
      expect(db.rows('numbers')).toEqual(upTo(10));
      expect(outcome.counts).toMatchObject({ rowsRead: 10, rowsWritten: 10 });
      expect([outcome.status === 'done' || outcome.status === 'already-done', db.swaps, db.open]).toEqual([true, 1, 0]);
    }
  },
);

test('an empty stream empties its target', async () => {
  const db = new MemoryDatabase();
  db.tables.set('numbers', [[-1]]);
  const { outcome } = await drive(db, { count: 0, window: 1 });
  expect([outcome.status, db.rows('numbers'), db.swaps]).toEqual(['done', [], 1]);
});

test('a later attempt of the same generation leaves a finished stream alone, a new generation loads it again', async () => {
  const db = new MemoryDatabase();
  await drive(db, { count: 3, window: 2 });
  const again = await drive(db, { count: 3, window: 2 }, { lane: { fence: 2n, generation: 1 } });
  expect([again.outcome.status, again.outcome.counts.rowsRead, db.swaps]).toEqual(['already-done', 3, 1]);
  const anew = await drive(db, { count: 4, window: 2 }, { lane: { fence: 3n, generation: 2 } });
  expect([anew.outcome.status, anew.outcome.counts.rowsWritten, db.swaps]).toEqual(['done', 4, 2]);
});

test('an incremental lane goes on where the last run ended, and its source never sees our mark', async () => {
  const db = new MemoryDatabase();
  await drive(db, { count: 3, window: 2 }, { plan: incremental });
  const { outcome } = await drive(
    db,
    { count: 5, window: 2 },
    { plan: incremental, lane: { fence: 2n, generation: 1 }, chain: 'next run' },
  );
  expect([outcome.counts.rowsRead, db.rows('numbers')]).toEqual([2, upTo(5)]);
  expect([...db.lanes.values()].map(({ checkpoint }) => isComplete(checkpoint))).toEqual([false]);
});

test('an incremental lane does not go on into another table, which lacks what was read before (Invariant 7)', async () => {
  const db = new MemoryDatabase();
  await drive(db, { count: 3, window: 2 }, { plan: incremental });
  const moved = { ...incremental, target: { ...incremental.target, table: ['others'] } };
  const { outcome } = await drive(db, { count: 5, window: 2 }, { plan: moved, lane: { fence: 2n, generation: 1 } });
  expect(outcome).toMatchObject({ status: 'failed', scope: 'lane', error: { class: 'lost-position' } });
  const { outcome: back } = await drive(
    db,
    { count: 5, window: 2 },
    { plan: incremental, lane: { fence: 3n, generation: 1 }, chain: 'back' },
  );
  expect([back.status, back.counts.rowsRead]).toEqual(['done', 2]);
});

test('bytes go through when both sides agree, counted by the source', async () => {
  const db = new MemoryDatabase();
  db.encodings = ['other/1', lineEncoding];
  const { outcome } = await drive(db, { count: 12, window: 5 }, { offers: [lineEncoding] });
  expect(outcome.counts).toEqual({ rowsRead: 12, rowsWritten: 12, rowsRejected: 0, bytes: 9 * 2 + 3 * 3 });
  expect(db.rows('numbers')).toEqual(upTo(12));
});

test.each([[[]], [[lineEncoding]]])('a destination that loses a row commits nothing (offers %j)', async (offers) => {
  const db = new MemoryDatabase();
  db.encodings = offers;
  db.lose = 1;
  const { outcome, checkpoints } = await drive(db, { count: 4, window: 2 }, { offers });
  expect(failure(outcome)).toMatchObject({ class: 'data', code: 'rows-lost' });
  expect([outcome.counts.rowsRead, checkpoints, db.swaps, db.open]).toEqual([0, [], 0, 0]);
});

test.each<[string, Script['tail'] & object, object]>([
  [
    'rows without a checkpoint',
    async function* () {
      yield { kind: 'rows', stream: numbers.id, rows: [[9]] };
    },
    { class: 'data', code: 'rows-lost' },
  ],
  ['an end without complete', async function* () {}, { class: 'bug', message: expect.stringContaining('complete') }],
  [
    'an idle checkpoint inside a transaction',
    async function* () {
      yield { kind: 'rows', stream: numbers.id, rows: [[9]] };
      yield { kind: 'idle', checkpoint: { v: 1, n: 9 } };
    },
    { class: 'bug', message: expect.stringContaining('idle') },
  ],
  [
    'rows after complete',
    async function* () {
      yield { kind: 'complete', stream: numbers.id, checkpoint: { v: 1 } };
      yield { kind: 'rows', stream: numbers.id, rows: [[9]], checkpoint: { v: 1 } };
    },
    { class: 'bug', message: expect.stringContaining('after saying') },
  ],
  [
    'another stream',
    async function* () {
      yield { kind: 'rows', stream: 'x', rows: [[9]], checkpoint: { v: 1 } };
    },
    { class: 'bug', message: expect.stringContaining('sent x') },
  ],
  [
    'an encoding that was not agreed',
    async function* () {
      yield { kind: 'raw', stream: numbers.id, encoding: 'csv/1', body: (async function* () {})(), rows: () => 0 };
    },
    { class: 'bug', message: expect.stringContaining('csv/1') },
  ],
])('a source that sends %s fails its lane', async (_what, tail, error) => {
  const db = new MemoryDatabase();
  const { outcome } = await drive(db, { count: 2, window: 2, tail });
  expect(failure(outcome)).toMatchObject(error);
  expect(db.rows('numbers')).not.toContainEqual([9]);
});

test('the source forgets only what is durable, and one batch is read ahead only without confirm', async () => {
  for (const confirms of [undefined, []] as const) {
    const db = new MemoryDatabase();
    const events: string[] = [];
    const script: Script = {
      count: 2,
      window: 1,
      onBatch: (n) => void db.events.push(`read ${n}`),
      ...(confirms && { confirms: { push: (text: string) => db.events.push(text) } as unknown as string[] }),
    };
    await drive(db, script);
    events.push(...db.events.filter((event) => !event.startsWith('prepare')));
    expect(events).toEqual(
      confirms === undefined
        ? ['read 1', 'read 2', 'write 1', 'commit', 'write 1', 'commit', 'commit public.numbers']
        : [
            'read 1',
            'write 1',
            'commit',
            'confirm 1',
            'read 2',
            'write 1',
            'commit',
            'confirm 2',
            'commit public.numbers',
            'confirm 2',
          ],
    );
  }
});

test.each([[[]], [[lineEncoding]]])(
  'an abort in mid load keeps what was committed and never completes (offers %j)',
  async (offers) => {
    const db = new MemoryDatabase();
    db.encodings = offers;
    const stop = new AbortController();
    const onBatch = (first: number): void => void (first > 4 && stop.abort(new Error('cancel')));
    const { outcome } = await drive(db, { count: 10, window: 4, onBatch }, { stop, offers });
    expect([outcome.status, db.swaps, db.open]).toEqual(['stopped', 0, 0]);
    const { rowsRead, rowsWritten } = outcome.counts;
    expect(rowsRead).toBe(rowsWritten);
    expect(db.shadows.get(full.id)).toEqual(upTo(rowsWritten));
    const rest = await drive(db, { count: 10, window: 4 }, { lane: { fence: 2n, generation: 1 }, offers });
    expect([rest.outcome.counts.rowsWritten, db.rows('numbers')]).toEqual([10, upTo(10)]);
  },
);

test('complete after an abort does not publish', async () => {
  const db = new MemoryDatabase();
  const stop = new AbortController();
  const tail = async function* () {
    stop.abort();
    yield { kind: 'complete', stream: numbers.id, checkpoint: { v: 1 } } as const;
  };
  const { outcome } = await drive(db, { count: 2, window: 2, tail }, { stop });
  expect([outcome.status, db.swaps]).toEqual(['stopped', 0]);
});

test('a taken lane ends quietly, at resume and at commit', async () => {
  const db = new MemoryDatabase();
  const take = (at: number): void => void (at > 2 && (db.lanes.get(full.id)!.fence = 9n));
  const { outcome } = await drive(db, { count: 6, window: 2, onBatch: take });
  expect([outcome.status, db.swaps]).toEqual(['fenced', 0]);
  expect((await drive(db, { count: 6, window: 2 })).outcome.status).toBe('fenced');
});

test("what stays unreachable is surfaced as the run's failure; a commit in between starts the count anew", async () => {
  const db = new MemoryDatabase();
  db.crash = failing('open', 99);
  const { outcome } = await drive(db, { count: 1, window: 1 });
  expect(outcome).toMatchObject({ status: 'failed', scope: 'run' });
  let commits = 0;
  db.crash = (at) => (at === 'after-commit' && ++commits <= 4 ? new TransientError('cut') : undefined);
  const done = await drive(db, { count: 4, window: 1 }, { lane: { fence: 2n, generation: 2 } });
  expect([done.outcome.status, db.rows('numbers')]).toEqual(['done', upTo(4)]);
});

test('a rejected value fails its lane only', async () => {
  const db = new MemoryDatabase();
  db.crash = failing('write', 9, () => new DataError('too long', { stream: numbers.id }));
  expect((await drive(db, { count: 1, window: 1 })).outcome).toMatchObject({ status: 'failed', scope: 'lane' });
});

test('rows are written in bounded pieces and committed as one', async () => {
  const db = new MemoryDatabase();
  await drive(db, { count: 10, window: 10 }, { chunkBytes: 24 });
  expect(db.events.filter((event) => !event.startsWith('prepare'))).toEqual([
    'write 3',
    'write 3',
    'write 3',
    'write 1',
    'commit',
    'commit public.numbers',
  ]);
});

test('an open that fails on one side closes the other', async () => {
  const db = new MemoryDatabase();
  const openers = {
    offers: [],
    source: () => Promise.reject(new FencedError('no')),
    destination: async () => db.connect(),
  };
  await expect(new Ends(openers, new AbortController().signal).both()).rejects.toThrow('no');
  expect(db.open).toBe(0);
});
