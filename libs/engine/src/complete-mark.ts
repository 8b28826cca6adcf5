/**
 * A committed checkpoint of a finished full read says so, so that a later attempt of the same chain (same generation) leaves
 * the stream alone: the source, asked again, would rightly start anew. The mark rides in the checkpoint because only the
 * destination knows what is durable (Invariant 1); it is taken off before the source sees it.
 */
import type { Checkpoint } from '@sluice/connector-sdk';

const mark = '$complete';
export const markComplete = (checkpoint: Checkpoint): Checkpoint => ({ ...checkpoint, [mark]: true });
export const isComplete = (checkpoint: Checkpoint | undefined): boolean => checkpoint?.[mark] === true;
export function withoutMark(checkpoint: Checkpoint): Checkpoint {
  const { [mark]: _, ...own } = checkpoint;
  return { ...own, v: checkpoint.v };
}
