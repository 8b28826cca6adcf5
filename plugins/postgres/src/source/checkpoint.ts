/** How far a read has come, by stream. `v` 1. */
import { type Checkpoint, type Json, LostPositionError } from '@sluice/connector-sdk';

/** Of a full read: the relation (a leaf, when partitioned), the file its blocks are in, and the first block not yet read. */
export interface FullPlace {
  readonly oid: string;
  readonly file: string;
  readonly block: number;
  /** What the snapshot that the load began with sees, as pg_snapshot. */
  readonly began: string;
}
export type FullState = { readonly done: true } | { readonly at: FullPlace };
/** Of reads by cursor: all up to and with `low` (text in the column's type) is read; null: nothing but the rows without cursor. */
export interface CursorState {
  readonly cursor: string;
  readonly low: string | null;
}
export type State = FullState | CursorState;
export type States = Readonly<Record<string, State>>;

export const checkpointOf = (states: States): Checkpoint => ({ v: 1, streams: states as unknown as Json });

/** The states of a checkpoint; throws LostPositionError for one that is not of this version. */
export function statesOf(checkpoint: Checkpoint | undefined): States {
  if (checkpoint === undefined) return {};
  const { v, streams } = checkpoint;
  if (v !== 1 || typeof streams !== 'object' || streams === null || Array.isArray(streams)) {
    throw new LostPositionError('This checkpoint is not one that this version reads.', `version ${v}`, 'version 1');
  }
  return streams as unknown as States;
}
