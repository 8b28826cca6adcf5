import { isSluiceError } from '@sluice/connector-sdk';
import { describeError, ok, same } from '../../assert.js';
import { checkpointOf, newGoal, newLane, plainMode, writer } from '../../goal.js';
import type { Case, DestinationLab, Trial } from '../../lab.js';
import { plainRows } from '../../source-table.js';
import { leakFree } from '../leaks.js';

export function endCases(lab: DestinationLab): Case[] {
  const { peer } = lab.options;
  const left = peer.leftovers?.bind(peer) ?? peer.tables?.bind(peer);
  return [
    {
      id: 'reconnect/write',
      unproven: peer.cut ? undefined : "the peer has no 'cut'",
      run: (trial) => cutInMidWrite(lab, trial),
    },
    { id: 'leaks/process', run: (trial) => leakFree(() => twoEnds(lab, trial)) },
    {
      id: 'leaks/system',
      unproven: left ? undefined : "the peer has no 'leftovers' and no 'tables'",
      run: async (trial) => {
        // The first time makes what a destination keeps for good: its table of checkpoints.
        await twoEnds(lab, trial);
        const before = await left!();
        await twoEnds(lab, trial);
        const extra = (await left!()).filter((thing) => !before.includes(thing));
        ok(extra.length === 0, `left in the system after dispose and drop: ${extra.join(', ')}`);
      },
    },
  ];
}

/** Cut between two writes: TransientError, then a new session goes on from the checkpoint. */
async function cutInMidWrite(lab: DestinationLab, trial: Trial): Promise<void> {
  const mode = plainMode(lab);
  const goal = newGoal(lab, trial, { mode });
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, lane);
  await first.load(plainRows(5), 1);
  await first.write(plainRows(5, 5));
  await lab.options.peer.cut!();
  const error: unknown = await first.load(plainRows(5, 10), 2).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  ok(
    isSluiceError(error, 'transient'),
    `write and commit over a cut connection: ${describeError(error)}, expected TransientError`,
  );
  await first
    .crash()
    .catch((thrown: unknown) => ok(false, `disposing of a cut session threw ${describeError(thrown)}`));
  const second = await writer(lab, trial, goal, { ...lane, fence: 2n });
  if (lab.plugin.can.commit === 'atomic') same(second.at, checkpointOf(1), 'the checkpoint after the cut');
  await second.load(plainRows(10, 5), 3, mode === 'replace');
  await goal.holds(plainRows(15), 'rows of before the cut and after the resume');
}

/** Ended after a commit, and in mid write; the lanes are dropped. */
async function twoEnds(lab: DestinationLab, trial: Trial): Promise<void> {
  const mode = plainMode(lab);
  const goal = newGoal(lab, trial, { mode });
  const lane = newLane(lab, trial);
  const one = await writer(lab, trial, goal, lane);
  await one.load(plainRows(5), 1, mode === 'replace');
  await one.crash();
  const two = await writer(lab, trial, goal, { ...lane, fence: 2n, generation: 2 });
  await two.write(plainRows(5, 5));
  await two.crash();
  const three = await lab.open(trial);
  await three.session.drop({ id: lane.id });
  await three.dispose();
}
