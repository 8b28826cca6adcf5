/** What is of no use any more: a generation that is started over, and rows that were committed and are gone. (Invariant 7) */
import type { Lane, WriteMode } from '@sluice/connector-sdk';
import { ok, refused, same } from '../../assert.js';
import { type Goal, checkpointOf, newGoal, newLane, plainMode, writer } from '../../goal.js';
import type { Case, DestinationLab, Trial } from '../../lab.js';
import { plainRows } from '../../source-table.js';

export function startOverCases(lab: DestinationLab): Case[] {
  const { can } = lab.plugin;
  const { peer } = lab.options;
  const plain = (trial: Trial) => newGoal(lab, trial, { mode: plainMode(lab) });
  const atomic: Case[] = [
    { id: 'start-over/checkpoints', run: (trial) => checkpoints(lab, trial, plain(trial)) },
    { id: 'start-over/fence', run: (trial) => fences(lab, trial, plain(trial)) },
  ];
  const shadow: Case = { id: 'start-over/shadow', run: (trial) => shadows(lab, trial) };
  const dropped: Case = {
    id: 'committed/dropped',
    unproven: peer.drop ? undefined : "the peer has no 'drop'",
    run: (trial) => droppedTarget(lab, trial, plain(trial)),
  };
  return [
    ...(can.commit === 'atomic' ? atomic : []),
    ...(can.commit === 'atomic' && can.modes.includes('replace') ? [shadow] : []),
    ...can.modes.map((mode): Case => ({ id: `committed/${mode}`, run: (trial) => gone(lab, trial, mode) })),
    ...(plainMode(lab) === 'replace' ? [] : [dropped]),
  ];
}

const later = (lane: Lane, fence: bigint): Lane => ({ ...lane, fence });
const over = (lane: Lane, fence: bigint): Lane => ({ ...lane, fence, startOver: true });

/** A lane and two parts of it that have committed, with the fence 5. */
async function threeCommits(lab: DestinationLab, trial: Trial, goal: Goal): Promise<readonly [Lane, Lane, Lane]> {
  const lane = newLane(lab, trial, { fence: 5n });
  const lanes = [lane, { ...lane, part: '0' }, { ...lane, part: '1' }] as const;
  for (const [i, one] of lanes.entries()) {
    const opened = await writer(lab, trial, goal, one);
    await opened.load(plainRows(4, i * 4), i + 1);
    await opened.crash();
  }
  return lanes;
}

/** The lane and its parts know nothing any more, however often they are told; then they begin as for the first time. */
async function checkpoints(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const [lane, ...parts] = await threeCommits(lab, trial, goal);
  const { session, dispose } = await lab.open(trial);
  for (const time of ['first', 'second'])
    same(await session.resume(over(lane, 6n)), undefined, `what resume answers to a ${time} start over`);
  same(await session.resume(later(lane, 6n)), undefined, 'the checkpoint of a lane that was started over');
  for (const part of parts)
    same(await session.resume(later(part, 6n)), undefined, `the checkpoint of part ${part.part} of such a lane`);
  await dispose();
  const again = await writer(lab, trial, goal, later(lane, 7n));
  await again.load(plainRows(2, 50), 8);
  await again.crash();
  const last = await writer(lab, trial, goal, later(lane, 8n));
  same(last.at, checkpointOf(8), 'the checkpoint of a commit after the start over');
}

/** Invariant 4: whoever had the lane or a part of it before cannot commit, nor take it again. */
async function fences(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  for (const [at, what] of ['the lane', 'a part of it'].entries()) {
    const lanes = await threeCommits(lab, trial, goal);
    const [lane, old] = [lanes[0], lanes[at]!];
    const stale = await writer(lab, trial, goal, old);
    const { session, dispose } = await lab.open(trial);
    await session.resume(over(lane, 6n));
    await refused(() => stale.commit(9), `a commit with a lower fence to ${what}, which was started over,`, 'fenced');
    await stale.crash();
    await refused(() => session.resume(old), `taking ${what} with a lower fence after a start over`, 'fenced');
    await session.resume(later(old, 9n));
    await refused(
      () => session.resume(over(lane, 8n)),
      `a start over with a lower fence than that of ${what}`,
      'fenced',
    );
    await dispose();
  }
}

/** Nothing of what the shadow held shows later, and the target has its previous data until then. */
async function shadows(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'replace' });
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, lane);
  await first.load(plainRows(7), 1, true);
  await first.crash();
  const load = { ...lane, generation: 2, fence: 2n };
  for (const one of [load, { ...load, part: '0' }]) {
    const half = await writer(lab, trial, goal, one);
    await half.load(plainRows(5, one === load ? 500 : 505), 2);
    await half.crash();
  }
  const { session, dispose } = await lab.open(trial);
  await session.resume(over(load, 3n));
  await dispose();
  await goal.holds(plainRows(7), 'the target, after a load was started over');
  for (const one of [later(load, 4n), { ...later(load, 4n), part: '0' }]) {
    const anew = await writer(lab, trial, goal, one);
    same(anew.at, undefined, 'the checkpoint after a start over');
    await anew.load(plainRows(3, one.part === undefined ? 20 : 23), 3);
    await anew.crash();
  }
  const last = await writer(lab, trial, goal, later(load, 5n));
  await last.commit(4, true);
  await goal.holds(plainRows(6, 20), 'a load that was started over');
}

/** Told of rows that were committed, it does not make an empty table in their place; told of none, it does. */
async function gone(lab: DestinationLab, trial: Trial, mode: WriteMode): Promise<void> {
  const goal = newGoal(lab, trial, { mode, name: `kit_gone_${mode}` });
  const { session } = await lab.open(trial);
  await session.resume(newLane(lab, trial));
  const committed = { ...goal.target, committed: true };
  await refused(() => session.prepare(goal.stream, committed), 'a target whose rows are gone', 'lost-position');
  ok((await goal.read()) === undefined, 'a table was made in the place of one whose rows are gone');
  const lane = newLane(lab, trial);
  const begun = await writer(lab, trial, goal, lane); // ends between its DDL and its first commit
  await begun.crash();
  const one = await writer(lab, trial, goal, later(lane, 2n));
  await one.load(plainRows(3), 1);
  await one.crash();
  const { session: next } = await lab.open(trial);
  await next.resume(later(lane, 3n));
  await next.prepare(goal.stream, committed);
  await next.write({ kind: 'rows', stream: goal.stream.id, rows: plainRows(2, 3) });
  await next.commit(checkpointOf(2), mode === 'replace' ? goal.stream.id : undefined);
  await goal.holds(plainRows(5), 'a lane that went on with rows committed before');
}

/** The target of a lane that has committed is dropped by someone else. */
async function droppedTarget(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const one = await writer(lab, trial, goal, lane);
  await one.load(plainRows(3), 1);
  await one.crash();
  await lab.options.peer.drop?.(goal.target.table);
  const { session } = await lab.open(trial);
  same(await session.resume(later(lane, 2n)), checkpointOf(1), 'the checkpoint of a lane whose target was dropped');
  const prepare = () => session.prepare(goal.stream, { ...goal.target, committed: true });
  await refused(prepare, 'a target that was dropped after rows were committed', 'lost-position');
  ok((await goal.read()) === undefined, 'a table was made in the place of one that was dropped');
}
