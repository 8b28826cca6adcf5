/** changes and unchanged: every destination that can upsert takes changes, in their order. (Invariants 8 and 9) */
import { isSluiceError } from '@sluice/connector-sdk';
import type { Change, Row, Value } from '@sluice/connector-sdk';
import { describeError, ok, same } from '../../assert.js';
import { type Goal, newGoal, newLane, writer } from '../../goal.js';
import type { Case, DestinationLab, Trial } from '../../lab.js';
import { plainRow, plainRows } from '../../source-table.js';

export function changeCases(lab: DestinationLab): Case[] {
  if (!lab.plugin.can.modes.includes('upsert')) return [];
  const one = (id: string, changes: (stream: string) => readonly Change[], expected: readonly Row[]): Case => ({
    id,
    run: (trial) => applied(lab, trial, changes, expected),
  });
  const set = (row: Row, at: number, value: Value): Row => row.map((old, i) => (i === at ? value : old));
  const update = (stream: string, after: Row, before?: Row): Change => ({
    op: 'update',
    stream,
    after,
    ...(before ? { before } : {}),
  });
  const others = plainRows(10).filter((_, i) => i !== 1);
  return [
    one('changes/insert', (stream) => [{ op: 'insert', stream, after: plainRow(20) }], [
      ...plainRows(10),
      plainRow(20),
    ]),
    one('changes/update', (stream) => [update(stream, plainRow(1, 'new'))], [...others, plainRow(1, 'new')]),
    one('changes/delete', (stream) => [{ op: 'delete', stream, before: plainRow(1) }], others),
    one(
      'changes/delete-by-key',
      (stream) => [{ op: 'delete', stream, before: plainRow(1).map((value, i) => (i === 0 ? value : null)) }],
      others,
    ),
    one('changes/moved-key', (stream) => [update(stream, set(plainRow(1), 0, 99), plainRow(1))], [
      ...others,
      set(plainRow(1), 0, 99),
    ]),
    one('changes/order', (stream) => history(stream), [...others, plainRow(1, 'last')]),
    one(
      'unchanged/kept',
      (stream) => [
        update(
          stream,
          set(plainRow(1), 2, '7.25').map((value, i) => (i === 1 ? undefined : value)),
        ),
      ],
      [...others, set(plainRow(1), 2, '7.25')],
    ),
    one('unchanged/null-clears', (stream) => [update(stream, set(plainRow(1), 1, null))], [
      ...others,
      set(plainRow(1), 1, null),
    ]),
    one(
      'unchanged/after-staged',
      (stream) => [
        update(stream, plainRow(1, 'staged')),
        update(
          stream,
          plainRow(1).map((value, i) => (i === 1 ? undefined : value)),
        ),
      ],
      [...others, plainRow(1, 'staged')],
    ),
    { id: 'changes/truncate', run: (trial) => truncated(lab, trial) },
    { id: 'transactions/one-over-many', run: (trial) => manyBatches(lab, trial) },
    { id: 'telemetry/changes', run: (trial) => counted(lab, trial) },
  ];
}

/** One key through everything that can happen to it, in one transaction. */
const history = (stream: string): Change[] => [
  { op: 'update', stream, after: plainRow(1, 'a') },
  { op: 'delete', stream, before: plainRow(1) },
  { op: 'insert', stream, after: plainRow(1, 'b') },
  { op: 'update', stream, after: plainRow(1, 'c') },
  { op: 'delete', stream, before: plainRow(1) },
  { op: 'insert', stream, after: plainRow(1, 'last') },
];

/** A target with ten rows, and a writer on it. */
async function started(lab: DestinationLab, trial: Trial) {
  const goal: Goal = newGoal(lab, trial, { mode: 'upsert' });
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  await one.load(plainRows(10), 1);
  return { ...one, goal };
}

async function applied(
  lab: DestinationLab,
  trial: Trial,
  changes: (stream: string) => readonly Change[],
  expected: readonly Row[],
): Promise<void> {
  const { session, goal, commit } = await started(lab, trial);
  await session.write({ kind: 'changes', changes: changes(goal.stream.id) });
  await goal.holds(plainRows(10), 'staged changes before their commit');
  await commit(2);
  await goal.holds(expected, 'after the changes');
}

/** In its place in the order, or refused; never skipped. */
async function truncated(lab: DestinationLab, trial: Trial): Promise<void> {
  const { session, goal, commit } = await started(lab, trial);
  const stream = goal.stream.id;
  const changes: Change[] = [
    { op: 'insert', stream, after: plainRow(30) },
    { op: 'truncate', stream },
    { op: 'insert', stream, after: plainRow(31) },
  ];
  try {
    await session.write({ kind: 'changes', changes });
    await commit(2);
  } catch (error) {
    ok(isSluiceError(error, 'data'), `truncate ended in ${describeError(error)}, expected DataError`);
    return trial.note('truncate is refused');
  }
  await goal.holds([plainRow(31)], 'after insert, truncate, insert');
}

/** A transaction over many batches: nothing is visible before its checkpoint, and a crash leaves nothing of it. */
async function manyBatches(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'upsert' });
  const lane = newLane(lab, trial);
  const batch = (from: number): Change[] =>
    plainRows(40, from).map((after) => ({ op: 'insert', stream: goal.stream.id, after }));
  const first = await writer(lab, trial, goal, lane);
  await first.load(plainRows(10), 1);
  for (const from of [10, 50, 90]) await first.session.write({ kind: 'changes', changes: batch(from) });
  await goal.holds(plainRows(10), 'before the checkpoint of a transaction of three batches');
  await first.crash();
  await goal.holds(plainRows(10), 'after a crash in mid transaction');
  const second = await writer(lab, trial, goal, { ...lane, fence: 2n });
  for (const from of [10, 50, 90]) await second.session.write({ kind: 'changes', changes: batch(from) });
  await second.commit(2);
  await goal.holds(plainRows(130), 'after the checkpoint of a transaction of three batches');
}

async function counted(lab: DestinationLab, trial: Trial): Promise<void> {
  const { session, goal } = await started(lab, trial);
  const written = await session.write({ kind: 'changes', changes: history(goal.stream.id) });
  same(written.rows, 6, 'changes that write() says it took');
}
