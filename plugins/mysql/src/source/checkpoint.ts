import { type Checkpoint, type Json, LostPositionError } from '@sluice/connector-sdk';

/** How far a full read of one stream is: the last key of the last whole window, as text; or all of it. */
export type Progress = { readonly after: readonly string[] } | { readonly done: true };

/**
 * Version 1 of this source's checkpoints. `full` and `cursor` are lists of pairs and not objects: stream ids are data, and one
 * may be '__proto__'.
 */
export interface Position {
  readonly full: ReadonlyMap<string, Progress>;
  /** By stream id. */
  readonly cursor: ReadonlyMap<string, CursorPlace>;
}
/** `high`: the highest value read of the column `by`, as text; null: nothing but the rows without one. */
export interface CursorPlace {
  readonly by: string;
  readonly high: string | null;
}

export const toCheckpoint = (position: Position): Checkpoint => ({
  v: 1,
  full: [...position.full] as unknown as Json,
  cursor: [...position.cursor] as unknown as Json,
});

/** Throws LostPositionError for what is not a checkpoint of this source. */
export function toPosition(checkpoint: Checkpoint | undefined): Position {
  if (checkpoint === undefined) return { full: new Map(), cursor: new Map() };
  const { v, full, cursor } = checkpoint;
  if (v !== 1 || !isPairs(full, isProgress) || !isPairs(cursor, isPlace)) {
    throw new LostPositionError(
      'The checkpoint is not one that this source can read.',
      JSON.stringify(checkpoint).slice(0, 200),
      'checkpoints of version 1',
    );
  }
  return { full: new Map(full), cursor: new Map(cursor) };
}

const isText = (value: unknown): value is string => typeof value === 'string';

function isPlace(value: unknown): value is CursorPlace {
  if (typeof value !== 'object' || value === null) return false;
  const { by, high } = value as { by?: unknown; high?: unknown };
  return isText(by) && (high === null || isText(high));
}

function isProgress(value: unknown): value is Progress {
  if (typeof value !== 'object' || value === null) return false;
  const { after, done } = value as { after?: unknown; done?: unknown };
  return done === true || (Array.isArray(after) && after.length > 0 && after.every(isText));
}

function isPairs<T>(value: unknown, is: (item: unknown) => item is T): value is readonly [string, T][] {
  return (
    Array.isArray(value) &&
    value.every((pair: unknown) => Array.isArray(pair) && pair.length === 2 && isText(pair[0]) && is(pair[1]))
  );
}
