/**
 * What the engine itself keeps in checkpoints, beside what the source put there: only the destination knows what is durable
 * (Invariant 1), so there is no other place. Marks begin with '$' and are taken off before the source sees its checkpoint.
 */
import { createHash } from 'node:crypto';
import type { Checkpoint, Json, Stream } from '@sluice/connector-sdk';
import type { LanePart } from './lane-plan.js';

/** A full read has ended: a later attempt of the same generation leaves it alone; the source would rightly start anew. */
const complete = '$complete';
/** The pieces that a full read was cut into, for all attempts: rows of some of them may be durable already. */
const parts = '$parts';

/** What the lane had committed with this checkpoint, and in which chain of attempts: counts survive a killed runner. */
const counts = '$counts';

export interface KeptCounts {
  readonly chain: string;
  readonly rows: number;
  readonly bytes: number;
}
export const markCounts = (checkpoint: Checkpoint, kept: KeptCounts): Checkpoint => ({
  ...checkpoint,
  [counts]: { ...kept },
});
/** Nothing where the checkpoint is of an earlier chain: every run counts from its own start. (Invariant 6) */
export function countsIn(checkpoint: Checkpoint | undefined, chain: string): KeptCounts {
  const kept = checkpoint?.[counts] as Partial<KeptCounts> | undefined;
  return kept?.chain === chain ? { chain, rows: kept.rows ?? 0, bytes: kept.bytes ?? 0 } : { chain, rows: 0, bytes: 0 };
}

/** The table that rows were written to so far: a checkpoint is no position of another one. */
const target = '$target';
export const markTarget = (checkpoint: Checkpoint, table: readonly string[]): Checkpoint => ({
  ...checkpoint,
  [target]: [...table],
});
export const targetIn = (checkpoint: Checkpoint | undefined): string | undefined => {
  const table = checkpoint?.[target];
  return Array.isArray(table) ? table.join('.') : undefined;
};

/** The columns and the key that rows of a full load had so far: rows of another shape do not make one table with them. */
const shape = '$shape';
export const shapeOf = ({ columns, key }: Stream): string =>
  createHash('sha256')
    .update(JSON.stringify([columns.map(({ name, type, native }) => [name, type, native]), key]))
    .digest('hex')
    .slice(0, 16);
export const markShape = (checkpoint: Checkpoint, stream: Stream): Checkpoint => ({
  ...checkpoint,
  [shape]: shapeOf(stream),
});
export const shapeIn = (checkpoint: Checkpoint | undefined): string | undefined => {
  const known = checkpoint?.[shape];
  return typeof known === 'string' ? known : undefined;
};

export const markComplete = (checkpoint: Checkpoint): Checkpoint => ({ ...checkpoint, [complete]: true });
export const isComplete = (checkpoint: Checkpoint | undefined): boolean => checkpoint?.[complete] === true;

export const checkpointOfParts = (pieces: readonly Json[]): Checkpoint => ({ v: 1, [parts]: pieces });
export function partsOf(checkpoint: Checkpoint | undefined): readonly LanePart[] | undefined {
  const pieces = checkpoint?.[parts];
  if (!Array.isArray(pieces)) return undefined;
  return pieces.map((part: Json, i) => ({ name: `${i + 1} of ${pieces.length}`, part }));
}

const marks: ReadonlySet<string> = new Set([complete, parts, counts, target, shape]);
export function withoutMarks(checkpoint: Checkpoint): Checkpoint {
  const own = Object.entries(checkpoint).filter(([name]) => !marks.has(name));
  return { ...Object.fromEntries(own), v: checkpoint.v };
}
