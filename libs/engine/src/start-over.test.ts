import { LostPositionError, TransientError, type Column, type Json, type Lane } from '@sluice/connector-sdk';
import { MemoryDatabase } from '../test/memory-destination.js';
import { memorySource, numbers, type Script } from '../test/memory-source.js';
import { driveLane, type DriveInput, type LaneOutcome } from './drive-lane.js';
import { Ends } from './ends.js';
import type { LanePlan } from './lane-plan.js';

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
const upTo = (count: number): number[][] => Array.from({ length: count }, (_, i) => [i + 1]);
const sorted = (db: MemoryDatabase): unknown[] => [...db.rows('numbers')].sort(([a], [b]) => Number(a) - Number(b));

interface Task extends Partial<Pick<DriveInput, 'plan' | 'parts' | 'publish' | 'startOver'>> {
  readonly part?: string;
  readonly fence?: bigint;
  readonly stop?: AbortController;
}
interface Told {
  readonly outcome: LaneOutcome;
  readonly warnings: { readonly message: string; readonly fields: unknown }[];
}
async function drive(db: MemoryDatabase, script: Script, task: Task = {}): Promise<Told> {
  const { part, fence = 1n, stop = new AbortController(), plan = full, ...rest } = task;
  const openers = {
    offers: [],
    source: async (signal: AbortSignal) => memorySource(script, signal),
    destination: async () => db.connect(),
  };
  await using ends = new Ends(openers, stop.signal);
  const lane: Lane = { id: plan.id, fence, generation: 1, ...(part !== undefined && { part }) };
  const warnings: Told['warnings'] = [];
  const log = (level: string, message: string, fields?: Readonly<Record<string, Json>>): void =>
    void (level === 'warn' && warnings.push({ message, fields }));
  const backoff = { tries: 3, base: 1, cap: 1 };
  const outcome = await driveLane({ ...rest, plan, ends, lane, signal: stop.signal, listener: { log }, backoff });
  return { outcome, warnings };
}
/** Ends after two commits of two rows each, as a cancelled run does. */
async function begin(db: MemoryDatabase, plan = full): Promise<void> {
  const stop = new AbortController();
  const onBatch = (first: number): void => void (first > 4 && stop.abort(new Error('cancel')));
  await drive(db, { count: 10, window: 2, onBatch }, { plan, stop });
}
const lost = new LostPositionError('the log was purged', 'position 4', 'position 9');
const losing: Pick<Script, 'onRead'> = {
  onRead: (after) => {
    if (after !== undefined) throw lost;
  },
};
const begun = (db: MemoryDatabase): number => db.events.filter((event) => event.startsWith('start over')).length;

test('a load whose position is lost is started over, told of, and counts from zero (Invariants 6 and 7)', async () => {
  const db = new MemoryDatabase();
  db.tables.set('numbers', [[-1]]);
  await begin(db);
  let seen: unknown;
  const onBatch = (first: number): void => void (first > 5 && (seen = db.rows('numbers')));
  const { outcome, warnings } = await drive(db, { count: 7, window: 2, onBatch, ...losing }, { fence: 2n });
  expect(outcome).toEqual({ status: 'done', counts: { rowsRead: 7, rowsWritten: 7, rowsRejected: 0, bytes: 70 } });
  expect(seen).toEqual([[-1]]);
  expect([db.rows('numbers'), db.swaps, db.open]).toEqual([upTo(7), 1, 0]);
  expect(warnings).toEqual([
    {
      message: 'started over: public.numbers, of which 4 rows were read in vain: the log was purged',
      fields: {
        stream: 'public.numbers',
        code: 'lost-position',
        from: 'position 4',
        to: 'position 9',
        rowsInVain: 4,
      },
    },
  ]);
});

test('once only: a source that loses each of its positions fails its lane', async () => {
  const db = new MemoryDatabase();
  await begin(db);
  let cuts = 0;
  db.crash = (at) => (at === 'write' && ++cuts % 3 === 0 ? new TransientError('cut') : undefined);
  const { outcome } = await drive(db, { count: 10, window: 2, ...losing }, { fence: 2n });
  expect(outcome).toMatchObject({ status: 'failed', scope: 'lane', error: lost, counts: { rowsWritten: 4 } });
  expect([begun(db), db.swaps, db.open]).toEqual([1, 0, 0]);
});

test('a position that is lost before anything was committed is no reason to start over', async () => {
  const db = new MemoryDatabase();
  const onRead = (): never => {
    throw lost;
  };
  const { outcome, warnings } = await drive(db, { count: 3, window: 1, onRead });
  expect([outcome.status, begun(db), warnings]).toEqual(['failed', 0, []]);
});

test.each(['resume', 'forgotten', 'prepare', 'after-commit'] as const)(
  'cut at %s while it starts over, it ends with each row once',
  async (point) => {
    for (let nth = 1; nth <= 3; nth++) {
      const db = new MemoryDatabase();
      await begin(db);
      let isLost = true;
      const onRead = (): void => {
        if (isLost) throw ((isLost = false), lost);
      };
      let seen = 0;
      db.crash = (at) => (at === point && ++seen === nth ? new TransientError('cut') : undefined);
      const { outcome } = await drive(db, { count: 8, window: 3, onRead }, { fence: 2n });
      expect([outcome.status, outcome.counts.rowsWritten, db.rows('numbers')]).toEqual(['done', 8, upTo(8)]);
    }
  },
);

test('rows that others see are not read anew by themselves: an incremental lane fails', async () => {
  const db = new MemoryDatabase();
  await begin(db, incremental);
  const { outcome } = await drive(db, { count: 10, window: 2, ...losing }, { plan: incremental, fence: 2n });
  expect(outcome).toMatchObject({ status: 'failed', scope: 'lane', error: lost });
  expect([begun(db), db.rows('numbers')]).toEqual([0, upTo(4)]);
});

test('a target that is gone is not made anew without the rows committed to it', async () => {
  const db = new MemoryDatabase();
  await begin(db, incremental);
  db.tables.delete('numbers');
  const { outcome } = await drive(db, { count: 10, window: 2 }, { plan: incremental, fence: 2n });
  expect(outcome).toMatchObject({ status: 'failed', scope: 'lane', error: { class: 'lost-position' } });
  expect(db.tables.has('numbers')).toBe(false);
});

test('nor is it when it goes in mid read, and the shape changes', async () => {
  const db = new MemoryDatabase();
  const tail = async function* () {
    db.tables.delete('numbers');
    yield { kind: 'schema', stream: numbers } as const;
  };
  const { outcome } = await drive(db, { count: 2, window: 2, tail, confirms: [] }, { plan: incremental });
  expect(outcome).toMatchObject({ status: 'failed', error: { class: 'lost-position' } });
});

test('a shadow table that is gone starts its load over', async () => {
  const db = new MemoryDatabase();
  await begin(db);
  db.shadows.clear();
  const { outcome, warnings } = await drive(db, { count: 10, window: 2 }, { fence: 2n });
  expect([outcome.status, outcome.counts.rowsRead, db.rows('numbers')]).toEqual(['done', 10, upTo(10)]);
  expect(warnings).toHaveLength(1);
});

test('so does one that goes in mid read, once rows were committed to it', async () => {
  const db = new MemoryDatabase();
  let isThere = true;
  const tail = async function* () {
    if (isThere) db.shadows.clear();
    isThere = false;
    yield { kind: 'schema', stream: numbers } as const;
    yield { kind: 'complete', stream: numbers.id, checkpoint: { v: 1 } } as const;
  };
  const { outcome, warnings } = await drive(db, { count: 4, window: 2, tail, confirms: [] });
  expect([outcome.status, db.rows('numbers'), warnings.length]).toEqual(['done', upTo(4), 1]);
});

const second: Column = { name: 'm', type: 'int32', nullable: true, native: 'integer' };
test.each([
  ['a column came', { ...numbers, columns: [...numbers.columns, second] }],
  ['a column has another type', { ...numbers, columns: [{ ...numbers.columns[0]!, native: 'bigint' }] }],
  ['the key is another', { ...numbers, key: [] }],
])('%s between two attempts: one load is of one shape, so it starts over', async (_, stream) => {
  for (const most of [1, 3]) {
    const db = new MemoryDatabase();
    const parts = { rows: most, bytes: most };
    if (most === 1) await begin(db);
    else await drive(db, { count: 10, window: 2 }, { parts });
    const changed = { ...full, request: { ...full.request, stream } };
    const { outcome, warnings } = await drive(db, { count: 10, window: 2 }, { plan: changed, fence: 2n, parts });
    expect(outcome).toMatchObject(most === 1 ? { status: 'done' } : { status: 'split', startedOver: true });
    expect([begun(db), warnings.length]).toEqual([1, 1]);
    expect(warnings[0]!.message).toMatch(/the columns or the key of public.numbers are not those/);
  }
});

test('the shape of a load that an earlier version began is not known: it goes on', async () => {
  const db = new MemoryDatabase();
  await begin(db);
  const lane = db.lanes.get(full.id)!;
  const { $shape: _, ...older } = lane.checkpoint!;
  db.lanes.set(full.id, { ...lane, checkpoint: { ...older, v: 1 } });
  const { outcome } = await drive(db, { count: 10, window: 2 }, { fence: 2n });
  expect([outcome.status, begun(db), db.rows('numbers')]).toEqual(['done', 0, upTo(10)]);
});

test('a first attempt that ended between its DDL and its first commit left nothing to be missed', async () => {
  for (const plan of [full, incremental]) {
    const db = new MemoryDatabase();
    db.crash = (at) => (at === 'write' ? new Error('killed') : undefined);
    await drive(db, { count: 4, window: 2 }, { plan });
    db.crash = () => undefined;
    db.tables.clear();
    db.shadows.clear();
    const { outcome, warnings } = await drive(db, { count: 4, window: 2 }, { plan, fence: 2n });
    expect([outcome.status, db.rows('numbers'), warnings]).toEqual(['done', upTo(4), []]);
  }
});

describe('in parts', () => {
  const script = { count: 9, window: 2 };
  async function cut(db: MemoryDatabase, task: Task = {}): Promise<LaneOutcome & { status: 'split' }> {
    const { outcome } = await drive(db, script, { parts: { rows: 3, bytes: 3 }, ...task });
    if (outcome.status !== 'split') throw new Error(outcome.status);
    return outcome;
  }
  const partTasks = ({ parts, startedOver }: LaneOutcome & { status: 'split' }, fence: bigint): Task[] =>
    parts.map(({ name, part }) => ({
      plan: { ...full, request: { ...full.request, part } },
      part: name,
      fence,
      ...(startedOver && { startOver: 'never' as const }),
    }));

  test('a part that is lost says so; the whole stream starts over, and not a second time', async () => {
    const db = new MemoryDatabase();
    const split = await cut(db);
    expect(split.startedOver).toBe(false);
    const [one, ...others] = partTasks(split, 1n);
    await drive(db, script, one);
    const gone: Script = {
      ...script,
      onRead: () =>
        void (() => {
          throw lost;
        })(),
    };
    for (const other of others)
      expect(await drive(db, gone, other)).toMatchObject({
        outcome: { status: 'lost', lost: { code: 'lost-position', from: 'position 4', to: 'position 9' } },
        warnings: [],
      });
    const again = await cut(db, { startOver: 'now', fence: 2n });
    expect(again.startedOver).toBe(true);
    const [first, ...rest] = partTasks(again, 2n);
    expect((await drive(db, gone, first)).outcome).toMatchObject({ status: 'failed', error: lost });
    for (const task of [first, ...rest]) expect((await drive(db, script, task)).outcome.status).toBe('done');
    expect((await drive(db, script, { publish: true, fence: 2n })).outcome.status).toBe('done');
    expect([sorted(db), db.swaps, begun(db)]).toEqual([upTo(9), 1, 1]);
  });

  test('a shadow table that is gone is missed by a part that never committed, and by the publication', async () => {
    const db = new MemoryDatabase();
    const [one, ...others] = partTasks(await cut(db), 1n);
    await drive(db, script, one);
    db.shadows.clear();
    for (const other of others) expect((await drive(db, script, other)).outcome.status).toBe('lost');
    expect((await drive(db, script, { publish: true })).outcome.status).toBe('lost');
    expect([db.swaps, db.shadows.size]).toEqual([0, 0]);
  });

  test('a lane that starts over by itself says so to the parts it is cut into', async () => {
    const db = new MemoryDatabase();
    await begin(db);
    const { outcome } = await drive(db, { ...script, ...losing }, { fence: 2n, parts: { rows: 3, bytes: 3 } });
    expect(outcome).toMatchObject({ status: 'split', startedOver: true });
  });
});
