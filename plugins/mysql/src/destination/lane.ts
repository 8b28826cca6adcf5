/** Who holds a lane: taking it, and writing to its row as its holder. */
import { FencedError, type Lane } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import type { Checkpoints, LaneRow } from './checkpoints.js';
import { buildingName } from './names.js';
import { dropTable, inTransaction, settleOrForget } from './swap.js';

/** Registers the fence, finishes a swap that is due, and forgets what an older generation left. */
export async function takeLane(control: Link, ddl: Link, checkpoints: Checkpoints, lane: Lane): Promise<LaneRow> {
  await checkpoints.create(control);
  await checkpoints.insert(control, lane);
  const row = await inTransaction(control, async () => {
    const found = await checkpoints.lock(control, lane);
    if (found === undefined || found.fence > lane.fence || found.generation > lane.generation) {
      throw new FencedError('Another runner has taken the lane.'); // Invariant 4
    }
    const forgets = lane.startOver === true || found.generation < lane.generation;
    const settled = await settleOrForget(ddl, found, forgets);
    const known = lane.startOver === true ? await forgotten(control, checkpoints, lane, settled) : settled;
    const checkpoint = known.generation < lane.generation ? undefined : known.checkpoint;
    const taken: LaneRow = { ...known, fence: lane.fence, generation: lane.generation, checkpoint };
    await checkpoints.update(control, lane, taken);
    return taken;
  });
  return dropStale(control, ddl, checkpoints, lane, row);
}

/**
 * What is left of the row when its generation starts over: the shadow tables of the lane and of its parts, as of no generation, so
 * that nobody fills them again and `dropStale` drops them, now or after a crash. They are on the lane's own row, which is taken
 * before any part makes a table of the same name.
 */
async function forgotten(control: Link, checkpoints: Checkpoints, lane: Lane, row: LaneRow): Promise<LaneRow> {
  const all = [...row.shadows, ...(await checkpoints.forgetParts(control, lane))];
  return { ...row, checkpoint: undefined, shadows: all.map((shadow) => ({ ...shadow, generation: -1 })) };
}

/** After the commit that forgot them: a crash in between leaves tables, never a checkpoint without its table. */
async function dropStale(
  control: Link,
  ddl: Link,
  checkpoints: Checkpoints,
  lane: Lane,
  row: LaneRow,
): Promise<LaneRow> {
  const stale = row.shadows.filter((shadow) => shadow.generation !== lane.generation);
  if (stale.length === 0) return row;
  for (const { path } of stale) await dropShadow(ddl, path);
  return record(control, checkpoints, lane, (now) => ({
    ...now,
    shadows: now.shadows.filter((shadow) => shadow.generation === lane.generation),
  }));
}

/** With what a run that was killed may have left of its making. */
export async function dropShadow(link: Link, path: readonly string[]): Promise<void> {
  await link.run(dropTable(path));
  await link.run(dropTable([path[0]!, buildingName(path[1]!)]));
}

export function record(
  control: Link,
  checkpoints: Checkpoints,
  lane: Lane,
  change: (row: LaneRow) => LaneRow,
): Promise<LaneRow> {
  return inTransaction(control, async () => {
    const row = change(await checkpoints.lockAsHolder(control, lane));
    await checkpoints.update(control, lane, row);
    return row;
  });
}
