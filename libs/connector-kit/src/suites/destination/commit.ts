/** commit, lanes, fence: data and checkpoint become durable as one, for the lane that holds the highest fence. */
import { isSluiceError } from '@sluice/connector-sdk';
import type { Lane, Row } from '@sluice/connector-sdk';
import { describeError, ok, pause, refused, same } from '../../assert.js';
import { type Goal, type Writer, checkpointOf, newGoal, newLane, plainMode, rowData, writer } from '../../goal.js';
import type { Case, DestinationLab, Trial } from '../../lab.js';
import { plainRows } from '../../source-table.js';

/** Cases that need commits which show their data at once; with 'replace' only, the cases of that mode cover them. */
export function commitCases(lab: DestinationLab): Case[] {
  const mode = plainMode(lab);
  const { commit } = lab.plugin.can;
  const visible = mode !== 'replace';
  const start = (trial: Trial) => newGoal(lab, trial, { mode });
  const atomic: Case[] = [
    { id: 'commit/checkpoint', run: (trial) => checkpoints(lab, trial, start(trial)) },
    { id: 'commit/idle', run: (trial) => idle(lab, trial, start(trial)) },
    { id: 'lanes/own-checkpoints', run: (trial) => ownCheckpoints(lab, trial, start(trial)) },
    { id: 'lanes/switch', run: (trial) => switched(lab, trial, start(trial)) },
    { id: 'lanes/generation', run: (trial) => generation(lab, trial, start(trial)) },
    { id: 'lanes/drop', run: (trial) => dropped(lab, trial, start(trial)) },
    { id: 'fence/resume', run: (trial) => staleResume(lab, trial, start(trial)) },
    { id: 'fence/commit', run: (trial) => staleCommit(lab, trial, start(trial)) },
  ];
  const shown: Case[] = [
    { id: 'commit/visible', run: (trial) => visibility(lab, trial, start(trial)) },
    { id: 'commit/discard', run: (trial) => discarded(lab, trial, start(trial)) },
  ];
  const cut: Case = {
    id: 'commit/cut',
    unproven: lab.options.peer.cut ? undefined : "the peer has no 'cut'",
    run: (trial) => cutInCommit(lab, trial, start(trial)),
  };
  return [...(visible ? shown : []), ...(commit === 'atomic' ? [...atomic, ...(visible ? [cut] : [])] : [])];
}

/** A transaction over many writes: nothing is visible before its commit, all of it after. (Invariants 1 and 3) */
async function visibility(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  await one.load(plainRows(5), 1);
  for (let from = 5; from < 50; from += 15) await one.write(plainRows(15, from));
  await goal.holds(plainRows(5), 'staged rows before their commit');
  await one.commit(2);
  await goal.holds(plainRows(50), 'after the commit');
}

/** What was staged and not committed is gone with its session. */
async function discarded(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, lane);
  await first.load(plainRows(5), 1);
  await first.write(plainRows(10, 5));
  await first.crash();
  const second = await writer(lab, trial, goal, { ...lane, fence: 2n });
  await second.load(plainRows(3, 20), 2);
  await goal.holds([...plainRows(5), ...plainRows(3, 20)], 'after a session that staged and never committed');
}

/** `resume` answers exactly what was committed last, to whoever comes next. */
async function checkpoints(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, lane);
  same(first.at, undefined, 'the checkpoint of a lane nobody had');
  await first.load(plainRows(3), 1);
  await first.load(plainRows(3, 3), 2);
  await first.write(plainRows(3, 6));
  await first.crash();
  const second = await writer(lab, trial, goal, { ...lane, fence: 2n });
  same(second.at, checkpointOf(2), 'the checkpoint after two commits and a crash');
}

/** A commit with nothing staged moves the checkpoint. */
async function idle(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, lane);
  await first.load(plainRows(4), 1);
  await first.commit(2);
  await first.crash();
  const second = await writer(lab, trial, goal, { ...lane, fence: 2n });
  same(second.at, checkpointOf(2), 'the checkpoint after a commit with nothing staged');
  if (goal.target.mode !== 'replace') await goal.holds(plainRows(4), 'after a commit with nothing staged');
}

async function ownCheckpoints(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const [one, two] = [newLane(lab, trial), newLane(lab, trial)];
  const parts: Lane[] = [one, { ...one, part: '0' }, { ...one, part: '1' }, two];
  for (const [i, lane] of parts.entries()) {
    const opened = await writer(lab, trial, goal, lane);
    same(opened.at, undefined, `the checkpoint of lane ${i + 1}, which never committed`);
    await opened.commit(i + 1);
    await opened.crash();
  }
  for (const [i, lane] of parts.entries()) {
    const { at, crash } = await writer(lab, trial, goal, lane);
    same(at, checkpointOf(i + 1), `the checkpoint of lane ${i + 1} of four`);
    await crash();
  }
}

/** One session takes one lane after another. */
async function switched(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const [one, two] = [newLane(lab, trial), newLane(lab, trial)];
  const { session, load } = await writer(lab, trial, goal, one);
  await load(plainRows(2), 1);
  same(await session.resume(two), undefined, 'the checkpoint of a second lane of the session');
  await session.prepare(goal.stream, goal.target);
  await load(plainRows(2, 2), 2);
  same(await session.resume(one), checkpointOf(1), 'the checkpoint of the first lane, taken again');
  same(await session.resume(two), checkpointOf(2), 'the checkpoint of the second lane, taken again');
}

/** "Start over": a higher generation knows nothing of the older one's checkpoint. */
async function generation(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, lane);
  await first.load(plainRows(2), 1);
  await first.crash();
  const second = await writer(lab, trial, goal, { ...lane, fence: 2n, generation: 2 });
  same(second.at, undefined, 'the checkpoint of a new generation');
  await second.load(plainRows(2, 2), 5);
  await second.crash();
  const third = await writer(lab, trial, goal, { ...lane, fence: 3n, generation: 2 });
  same(third.at, checkpointOf(5), 'the checkpoint of the second generation, taken again');
}

async function dropped(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const first = await writer(lab, trial, goal, { ...lane, fence: 7n });
  await first.load(plainRows(2), 1);
  await first.session.drop({ id: lane.id });
  await first.crash();
  const second = await writer(lab, trial, goal, lane);
  same(second.at, undefined, 'the checkpoint of a lane that was dropped');
  if (goal.target.mode !== 'replace') await goal.holds(plainRows(2), 'the target, after its lane was dropped');
}

/** Invariant 4, at once: a lower fence is refused when it takes the lane. */
async function staleResume(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const high = await writer(lab, trial, goal, { ...lane, fence: 2n ** 40n });
  const { session } = await lab.open(trial);
  await refused(() => session.resume({ ...lane, fence: 2n ** 40n - 1n }), 'resume with a lower fence', 'fenced');
  await high.load(plainRows(2), 1);
}

/** Invariant 4, late: one that had the lane before another took it can no longer commit, and leaves nothing behind. */
async function staleCommit(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  const old = await writer(lab, trial, goal, lane);
  await old.load(plainRows(2), 1);
  await old.write(plainRows(5, 50));
  const current = await writer(lab, trial, goal, { ...lane, fence: 2n });
  same(current.at, checkpointOf(1), 'the checkpoint that the next holder of the lane resumes from');
  await refused(() => old.load(plainRows(5, 60), 9), 'a commit with a lower fence', 'fenced');
  await old.crash();
  await current.load(plainRows(3, 2), 2);
  await current.crash();
  const last = await writer(lab, trial, goal, { ...lane, fence: 3n });
  same(last.at, checkpointOf(2), 'the checkpoint after a stale writer tried to commit');
  if (goal.target.mode !== 'replace') await goal.holds(plainRows(5), 'after a stale writer tried to commit');
}

/** Milliseconds between the start of a commit and the cut. */
const delays = [0, 0, 1, 2, 5, 10, 25];
const size = 20;

/** Whenever the connection breaks, checkpoint and data tell the same story. (Invariant 1) */
async function cutInCommit(lab: DestinationLab, trial: Trial, goal: Goal): Promise<void> {
  const lane = newLane(lab, trial);
  let fence = 1n;
  let known = 0;
  const committed = (n: number): Row[] => plainRows(n * size);
  const outcomes: string[] = [];
  for (const delay of delays) {
    const one = await writer(lab, trial, goal, { ...lane, fence: fence++ });
    await one.write(plainRows(size, known * size));
    const { done, error } = await cutDuring(lab, one, () => one.commit(known + 1), delay);
    await one
      .crash()
      .catch((thrown: unknown) => ok(false, `disposing of a cut session threw ${describeError(thrown)}`));
    const next = await writer(lab, trial, goal, { ...lane, fence: fence++ });
    const at = Number(next.at?.['n'] ?? 0);
    ok(
      at === known || at === known + 1,
      `after a cut, the checkpoint is ${at}; it was ${known} and became at most ${known + 1}`,
    );
    ok(!done || at === known + 1, 'a commit that was confirmed is gone');
    ok(
      done || isSluiceError(error, 'transient'),
      `a commit that was cut threw ${describeError(error)}, expected TransientError`,
    );
    await goal.holds(at === 0 ? undefined : committed(at), `after a cut, with the checkpoint at ${at} of ${known + 1}`);
    await next.crash();
    outcomes.push(at === known ? 'undone' : 'done');
    known = at;
  }
  trial.note(`commits that were cut: ${outcomes.join(', ')}`);
}

export async function cutDuring(
  lab: DestinationLab,
  one: Writer,
  commit: () => Promise<void>,
  delay: number,
): Promise<{ done: boolean; error?: unknown }> {
  const settled = commit().then(
    () => ({ done: true }),
    (error: unknown) => ({ done: false, error }),
  );
  if (delay > 0) await pause(delay);
  await lab.options.peer.cut!();
  return settled;
}

export { rowData };
