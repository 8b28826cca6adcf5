/** replace: readers see the previous data until the new is whole, whatever breaks on the way. (Invariant 5) */
import { isSluiceError } from '@sluice/connector-sdk';
import type { Lane, Row } from '@sluice/connector-sdk';
import { describeError, ok, same } from '../../assert.js';
import { type Goal, checkpointOf, newGoal, newLane, reshaped, writer } from '../../goal.js';
import { type Case, type DestinationLab, type Trial, needs } from '../../lab.js';
import { plainColumns, plainRow, plainRows } from '../../source-table.js';
import { cutDuring } from './commit.js';

export function replaceCases(lab: DestinationLab): Case[] {
  if (!lab.plugin.can.modes.includes('replace')) return [];
  const { peer } = lab.options;
  const one = (id: string, run: (trial: Trial, goal: Goal) => Promise<void>, unproven?: string): Case => ({
    id: `replace/${id}`,
    unproven,
    run: (trial) => run(trial, newGoal(lab, trial, { mode: 'replace' })),
  });
  const always: Case[] = [
    one('invisible', (trial, goal) => invisible(lab, trial, goal)),
    one('first', (trial, goal) => first(lab, trial, goal)),
    one('empty', (trial, goal) => empty(lab, trial, goal)),
    one('anew', (trial, goal) => anew(lab, trial, goal)),
    one('schema', (trial, goal) => schema(lab, trial, goal)),
    {
      id: 'replace/no-shadow',
      unproven: peer.tables ? undefined : "the peer has no 'tables'",
      run: (trial) => noShadow(lab, trial),
    },
  ];
  if (lab.plugin.can.commit !== 'atomic') return always;
  return [
    ...always,
    one('resume', (trial, goal) => resumed(lab, trial, goal)),
    one('generation', (trial, goal) => generation(lab, trial, goal)),
    one('parts', (trial, goal) => parts(lab, trial, goal)),
    one('dropped', (trial, goal) => dropped(lab, trial, goal), peer.tables ? undefined : "the peer has no 'tables'"),
    one('cut', (trial, goal) => cut(lab, trial, goal), peer.cut ? undefined : "the peer has no 'cut'"),
  ];
}

const before = (): Row[] => plainRows(7);
/** One whole load: the previous data of the case. */
async function loaded(
  lab: DestinationLab,
  trial: Trial,
  goal: Goal,
  lane: Lane,
  rows: readonly Row[] = before(),
): Promise<void> {
  const one = await writer(lab, trial, goal, lane);
  await one.load(rows, 1, false);
  await one.commit(2, true);
  await one.crash();
}
const next = (lane: Lane, n = 1): Lane => ({ ...lane, fence: lane.fence + BigInt(n), generation: lane.generation + n });

async function invisible(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  await goal.holds(before(), 'after the first load');
  const two = await writer(lab, trial, goal, next(lane));
  await goal.holds(before(), 'after prepare of the second load');
  for (let chunk = 0; chunk < 3; chunk++) {
    await two.write(plainRows(10, 100 + chunk * 10));
    await goal.holds(before(), `after write ${chunk + 1} of the second load`);
    await two.commit(10 + chunk);
    await goal.holds(before(), `after the commit of chunk ${chunk + 1}`);
  }
  await two.commit(20, true);
  await goal.holds(plainRows(30, 100), "after 'complete'");
}

/** The first load of all shows nothing before it is whole either. */
async function first(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  await one.load(plainRows(10), 1);
  same((await goal.read())?.length ?? 0, 0, "rows of a first load before 'complete'");
  await one.load(plainRows(5, 10), 2, true);
  await goal.holds(plainRows(15), 'rows staged and completed in one commit, after a chunk');
}

async function empty(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  const two = await writer(lab, trial, goal, next(lane));
  await two.commit(1, true);
  same((await goal.read())?.length, 0, 'rows after a load of an empty stream');
}

/** The second load begins with nothing of the first. */
async function anew(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  await loaded(lab, trial, goal, next(lane), plainRows(4, 2));
  await goal.holds(plainRows(4, 2), 'after a second load');
  await loaded(lab, trial, goal, next(lane, 2), plainRows(1));
  await goal.holds(plainRows(1), 'after a third load');
}

/** A shape that changes in mid load is the shadow's only. */
async function schema(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  const wide = reshaped(lab, goal, [...plainColumns, { name: 'note', type: 'string', nullable: true }]);
  const rows = plainRows(3).map((row, i): Row => [...row, `note ${i}`]);
  const two = await writer(lab, trial, wide, next(lane));
  await goal.holds(before(), 'the target, after prepare of a load with one more column');
  await two.load(rows, 1);
  await goal.holds(before(), 'the target, in mid load with one more column');
  const held = await lab.options.peer.read(goal.target.table);
  ok(!held?.columns.some(({ name }) => name === 'note'), "the target has the new column before 'complete'");
  await two.commit(2, true);
  await wide.holds(rows, 'after a load with one more column');
}

/** When a load is done, nothing but its target is there more than after any other. */
async function noShadow(lab: DestinationLab, trial: Trial): Promise<void> {
  const tables = needs(lab.options.peer.tables?.bind(lab.options.peer), 'tables');
  const lane = newLane(lab, trial);
  // A name of its own: what other cases leave would hide what this one does.
  const goal = newGoal(lab, trial, { mode: 'replace', name: 'kit_swapped' });
  const other = newGoal(lab, trial, { mode: 'replace', name: 'kit_other' });
  await loaded(lab, trial, other, newLane(lab, trial));
  const clean = await tables();
  await loaded(lab, trial, goal, lane);
  await loaded(lab, trial, goal, next(lane), plainRows(2));
  const extra = (await tables()).filter((table) => !clean.includes(table));
  ok(extra.length === 1, `after two loads of one table there are ${extra.length} tables more: ${extra.join(', ')}`);
}

/** After a crash the shadow holds exactly what its last commit left, and the load goes on. */
async function resumed(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  const load = next(lane);
  for (let chunk = 0; chunk < 3; chunk++) {
    const one = await writer(lab, trial, goal, { ...load, fence: load.fence + BigInt(chunk) });
    same(one.at, chunk === 0 ? undefined : checkpointOf(10 + chunk), `the checkpoint before chunk ${chunk + 1}`);
    await one.load(plainRows(10, 100 + chunk * 10), 11 + chunk);
    await one.write(plainRows(5, 900));
    await one.crash();
    await goal.holds(before(), `after a crash behind chunk ${chunk + 1}`);
  }
  const last = await writer(lab, trial, goal, { ...load, fence: 9n });
  await last.load([], 20, true);
  await goal.holds(plainRows(30, 100), 'a load of three chunks with a crash behind each');
  await last.crash();
  const after = await writer(lab, trial, goal, { ...load, fence: 10n });
  same(after.at, checkpointOf(20), "the checkpoint after 'complete'");
}

/** "Start over" while a shadow stands half full: nothing of it shows later. */
async function generation(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const half = await writer(lab, trial, goal, lane);
  await half.load(plainRows(10, 500), 1);
  await half.crash();
  const over = await writer(lab, trial, goal, next(lane));
  same(over.at, undefined, 'the checkpoint of a new generation');
  await over.load(plainRows(3), 2, true);
  await goal.holds(plainRows(3), 'a load that was started over');
}

/** Two lanes fill one shadow; the lane without a part completes it. */
async function parts(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  const load = next(lane);
  const [left, right] = [
    await writer(lab, trial, goal, { ...load, part: '0' }),
    await writer(lab, trial, goal, { ...load, part: '1' }),
  ];
  await left.load(plainRows(10, 100), 1);
  await right.load(plainRows(10, 110), 2);
  await left.load(plainRows(5, 120), 3);
  await left.crash();
  await right.load(plainRows(5, 125), 4);
  await right.crash();
  await goal.holds(before(), 'while two parts were loaded');
  const again = await writer(lab, trial, goal, { ...load, part: '0', fence: load.fence + 1n });
  same(again.at, checkpointOf(3), 'the checkpoint of the first part');
  await again.crash();
  const whole = await writer(lab, trial, goal, load);
  await whole.commit(5, true);
  await goal.holds(plainRows(30, 100), 'after both parts and the completing lane');
}

/** `drop` takes the half-filled shadow along, and leaves the target. */
async function dropped(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const tables = needs(lab.options.peer.tables?.bind(lab.options.peer), 'tables');
  const lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  const clean = await tables();
  const half = await writer(lab, trial, goal, next(lane));
  await half.load(plainRows(5, 50), 1);
  await half.session.drop({ id: lane.id });
  await half.crash();
  const extra = (await tables()).filter((table) => !clean.includes(table));
  ok(extra.length === 0, `tables left by a lane that was dropped in mid load: ${extra.join(', ')}`);
  await goal.holds(before(), 'the target, after its lane was dropped in mid load');
}

/** Milliseconds between the start of the completing commit and the cut. */
const delays = [0, 0, 1, 2, 4, 8, 16];

/** Cut just before, in and after the swap: the target has all of the old or all of the new, as the checkpoint says. */
async function cut(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  let lane = newLane(lab, trial);
  await loaded(lab, trial, goal, lane);
  let shown = before();
  const outcomes: string[] = [];
  for (const [i, delay] of delays.entries()) {
    lane = next(lane, 3);
    const rows = Array.from({ length: 12 }, (_, n) => plainRow(n, `load ${i}`));
    const one = await writer(lab, trial, goal, lane);
    await one.load(rows.slice(0, 6), 1);
    await one.write(rows.slice(6));
    const { done, error } = await cutDuring(lab, one, () => one.commit(2, true), delay);
    ok(
      done || isSluiceError(error, 'transient'),
      `a swap that was cut threw ${describeError(error)}, expected TransientError`,
    );
    await one
      .crash()
      .catch((thrown: unknown) => ok(false, `disposing of a cut session threw ${describeError(thrown)}`));
    const { session, dispose } = await lab.open(trial);
    const at = (await session.resume({ ...lane, fence: lane.fence + 1n }))?.['n'];
    ok(at === 1 || at === 2, `after a cut swap the checkpoint is ${String(at)}`);
    ok(!done || at === 2, 'a swap that was confirmed is gone');
    if (at === 2) shown = rows;
    await goal.holds(
      shown,
      `after a swap was cut ${delay} ms into it, with the checkpoint ${at === 2 ? 'after' : 'before'} it`,
    );
    await dispose();
    outcomes.push(at === 2 ? 'done' : 'undone');
  }
  trial.note(`swaps that were cut: ${outcomes.join(', ')}`);
}
