/**
 * What the engine itself keeps in checkpoints, beside what the source put there: only the destination knows what is durable
 * (Invariant 1), so there is no other place. Marks begin with '$' and are taken off before the source sees its checkpoint.
 */
import type { Checkpoint, Json } from '@sluice/connector-sdk';
import type { LanePart } from './lane-plan.js';

/** A full read has ended: a later attempt of the same generation leaves it alone; the source would rightly start anew. */
const complete = '$complete';
/** The pieces that a full read was cut into, for all attempts: rows of some of them may be durable already. */
const parts = '$parts';

export const markComplete = (checkpoint: Checkpoint): Checkpoint => ({ ...checkpoint, [complete]: true });
export const isComplete = (checkpoint: Checkpoint | undefined): boolean => checkpoint?.[complete] === true;

export const checkpointOfParts = (pieces: readonly Json[]): Checkpoint => ({ v: 1, [parts]: pieces });
export function partsOf(checkpoint: Checkpoint | undefined): readonly LanePart[] | undefined {
  const pieces = checkpoint?.[parts];
  if (!Array.isArray(pieces)) return undefined;
  return pieces.map((part: Json, i) => ({ name: `${i + 1} of ${pieces.length}`, part }));
}

export function withoutMarks(checkpoint: Checkpoint): Checkpoint {
  const { [complete]: _complete, [parts]: _parts, ...own } = checkpoint;
  return { ...own, v: checkpoint.v };
}
