/** prepare and schema: shapes that change, tables that exist, names. */
import type { Row } from '@sluice/connector-sdk';
import { isSluiceError } from '@sluice/connector-sdk';
import { describeError, ok, refused } from '../../assert.js';
import names from '../../cases/names.json';
import { type Goal, deliver, newGoal, newLane, plainMode, reshaped, rowData, writer } from '../../goal.js';
import { type Case, type DestinationLab, type Trial, needs } from '../../lab.js';
import type { PeerColumn } from '../../peer.js';
import { plainColumns, plainRows } from '../../source-table.js';

export function schemaCases(lab: DestinationLab): Case[] {
  const { evolve } = lab.plugin.can;
  const make = lab.options.peer.make ? undefined : "the peer has no 'make'";
  const visible = plainMode(lab) !== 'replace';
  const shapes: Case[] = [
    evolve.includes('add-column')
      ? { id: 'evolve/add-column', run: (trial) => addColumn(lab, trial) }
      : { id: 'evolve/add-column unclaimed', run: (trial) => noColumn(lab, trial) },
    ...Object.entries(widenings).map(([what, widening]): Case => ({
      id: `evolve/widen ${what}`,
      run: (trial) => changed(lab, trial, widening, evolve.includes('widen')),
    })),
    { id: 'evolve/retype', run: (trial) => changed(lab, trial, retyped, false) },
    { id: 'prepare/other-columns', unproven: make, run: (trial) => otherColumns(lab, trial) },
    { id: 'prepare/required-column', unproven: make, run: (trial) => requiredColumn(lab, trial) },
  ];
  return [
    { id: 'prepare/idempotent', run: (trial) => idempotent(lab, trial) },
    ...(visible ? shapes : []),
    ...Object.entries(names['table and column names']).map(([what, name]): Case => ({
      id: `prepare/name with ${what}`,
      run: (trial) => named(lab, trial, name),
    })),
  ];
}

const plainGoal = (
  lab: DestinationLab,
  trial: Trial,
  columns: readonly PeerColumn[] = plainColumns,
  name = 'kit_rows',
): Goal => newGoal(lab, trial, { mode: plainMode(lab), columns, name });

/** Called again and again, by the same session and by another, it changes nothing. */
async function idempotent(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = plainGoal(lab, trial);
  const lane = newLane(lab, trial);
  const one = await writer(lab, trial, goal, lane);
  const again = await one.session.prepare(goal.stream, goal.target);
  ok(Array.isArray(again), 'prepare does not answer the statements it ran');
  await one.write(plainRows(5));
  await one.session.prepare(goal.stream, goal.target);
  await one.commit(1, goal.target.mode === 'replace');
  await one.crash();
  await goal.holds(plainRows(5), 'rows staged before a second prepare, and committed after it');
  if (goal.target.mode === 'replace') return;
  const two = await writer(lab, trial, goal, { ...lane, fence: 2n });
  await two.session.prepare(goal.stream, goal.target);
  await goal.holds(plainRows(5), 'rows after prepare was called again');
}

/** A new column in mid lane: old rows have NULL in it, staged rows are kept. */
async function addColumn(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = plainGoal(lab, trial);
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  await one.load(plainRows(3), 1);
  await one.write(plainRows(3, 3));
  const wide = reshaped(lab, goal, [...plainColumns, { name: 'note', type: 'string', nullable: true }]);
  await one.session.prepare(wide.stream, wide.target);
  const rows = plainRows(2, 6).map((row, i): Row => [...row, `note ${i}`]);
  await one.session.write(rowData(wide, rows));
  await one.commit(2);
  await wide.holds(
    [...plainRows(6).map((row): Row => [...row, null]), ...rows],
    'rows of before and after a new column',
  );
}

async function noColumn(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = plainGoal(lab, trial);
  await deliver(lab, trial, goal, [rowData(goal, plainRows(2))]);
  const wide = reshaped(lab, goal, [...plainColumns, { name: 'note', type: 'string', nullable: true }]);
  const rows = plainRows(2, 2).map((row): Row => [...row, 'note']);
  await refused(() => deliver(lab, trial, wide, [rowData(wide, rows)]), 'a new column, which is not claimed,', 'data');
}

interface Widening {
  readonly from: Omit<PeerColumn, 'name' | 'nullable'>;
  readonly to: Omit<PeerColumn, 'name' | 'nullable'>;
  readonly before: Row[number];
  readonly after: Row[number];
}
const widenings: Readonly<Record<string, Widening>> = {
  'int32 to int64': {
    from: { type: 'int32' },
    to: { type: 'int64' },
    before: 2_147_483_647,
    after: 9_223_372_036_854_775_807n,
  },
  'a longer string': {
    from: { type: 'string', length: 5 },
    to: { type: 'string', length: 100 },
    before: 'short',
    after: 'x'.repeat(100),
  },
  'a wider decimal': {
    from: { type: 'decimal', precision: 6, scale: 2 },
    to: { type: 'decimal', precision: 20, scale: 4 },
    before: '1234.56',
    after: '1234567890123456.7891',
  },
};
const retyped: Widening = { from: { type: 'int32' }, to: { type: 'string' }, before: 7, after: 'no number' };

/** Claimed: old and new values are all there. Not claimed: refused, or all there nevertheless; never bent. (Invariant 9) */
async function changed(
  lab: DestinationLab,
  trial: Trial,
  { from, to, before, after }: Widening,
  claimed: boolean,
): Promise<void> {
  const id = plainColumns[0]!;
  const goal = plainGoal(lab, trial, [id, { name: 'v', nullable: true, ...from }], 'kit_changed');
  await deliver(lab, trial, goal, [rowData(goal, [[1, before]])]);
  const changedGoal = reshaped(lab, goal, [id, { name: 'v', nullable: true, ...to }]);
  try {
    await deliver(lab, trial, changedGoal, [rowData(changedGoal, [[2, after]])]);
  } catch (error) {
    ok(
      !claimed && isSluiceError(error, 'data'),
      `refused with ${describeError(error)}, expected ${claimed ? 'the value to arrive' : 'DataError'}`,
    );
    return goal.holds([[1, before]], 'after a refused change of type');
  }
  const recast = to.type === 'string' && typeof before === 'number' ? String(before) : before;
  await changedGoal.holds(
    [
      [1, recast],
      [2, after],
    ],
    'after a change of type',
  );
}

/** A target of another order and with a column more is filled by name. */
async function otherColumns(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = plainGoal(lab, trial);
  const make = needs(lab.options.peer.make?.bind(lab.options.peer), 'make');
  const more: PeerColumn = { name: 'extra', type: 'string', nullable: true, length: 50 };
  await make({ path: goal.target.table, columns: [more, ...[...plainColumns].reverse()], key: ['id'], rows: [] });
  await deliver(lab, trial, goal, [rowData(goal, plainRows(4))]);
  await goal.holds(plainRows(4), 'rows in a table of another order');
}

/** A target that wants a value the stream does not have cannot take it, and nothing is made up. */
async function requiredColumn(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = plainGoal(lab, trial);
  const make = needs(lab.options.peer.make?.bind(lab.options.peer), 'make');
  const more: PeerColumn = { name: 'extra', type: 'int32', nullable: false };
  await make({ path: goal.target.table, columns: [...plainColumns, more], key: ['id'], rows: [] });
  const load = () => deliver(lab, trial, goal, [rowData(goal, plainRows(4))]);
  await refused(load, 'a target with a required column that the stream lacks', 'data');
}

/** A table and a column of this name are filled, or refused with a clear error: never renamed or cut in silence. */
async function named(lab: DestinationLab, trial: Trial, name: string): Promise<void> {
  const goal = plainGoal(lab, trial, [...plainColumns, { name, type: 'int32', nullable: true }], name);
  const rows = plainRows(3).map((row, i): Row => [...row, i]);
  const why = lab.options.peer.cannotName?.(name);
  const load = () => deliver(lab, trial, goal, [rowData(goal, rows)]);
  if (why) {
    await refused(load, `a name that the system cannot have (${why})`, 'config', 'data');
    return trial.note(`refused, as it must: ${why}`);
  }
  await load();
  await goal.holds(rows, 'rows of the table');
}
