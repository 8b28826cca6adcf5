/** Many changes into one operation per key: what shall become of the row, whatever happened to it on the way. (Invariant 8) */
import { type Change, DataError, type Row, type Value, codes } from '@sluice/connector-sdk';

/** Positions of the key's columns. */
export type Key = readonly number[];
/** 'u': the row is this. 'd': the row is gone; only its key counts. 'p': these columns change, the rest stays (`undefined`). */
export interface Operation {
  readonly op: 'u' | 'd' | 'p';
  readonly row: Row;
}
export interface Folded {
  /** All rows from before are gone; the operations come after that. */
  readonly truncated: boolean;
  /** One per key. */
  readonly operations: readonly Operation[];
}

export function fold(stream: string, changes: readonly Change[], key: Key): Folded {
  const byKey = new Map<string, Operation>();
  let truncated = false;
  for (const change of changes) {
    if (change.op === 'truncate') {
      truncated = true;
      byKey.clear();
    } else if (change.op === 'delete') remove(byKey, change.before, key);
    else put(stream, byKey, change.after, change.op === 'update' ? change.before : undefined, key);
  }
  return { truncated, operations: [...byKey.values()] };
}

function remove(byKey: Map<string, Operation>, before: Row, key: Key): void {
  const row = before.map((value, i) => (key.includes(i) ? value : null));
  byKey.set(keyText(row, key), { op: 'd', row });
}

function put(stream: string, byKey: Map<string, Operation>, after: Row, before: Row | undefined, key: Key): void {
  const id = keyText(after, key);
  const moved = before !== undefined && keyText(before, key) !== id;
  const staged = byKey.get(moved ? keyText(before, key) : id);
  const row = staged?.op === 'd' ? after : merge(staged?.row, after);
  const whole = !after.includes(undefined) || (staged?.op === 'u' && !row.includes(undefined));
  if (!whole && (staged?.op === 'd' || moved)) throw incomplete(stream, moved);
  if (moved) remove(byKey, before, key);
  byKey.set(id, { op: whole ? 'u' : 'p', row });
}

/** Unchanged values are those of the earlier operation. */
const merge = (earlier: Row | undefined, after: Row): Row =>
  after.map((value, i) => (value === undefined ? earlier?.[i] : value));

function incomplete(stream: string, moved: boolean): DataError {
  const what = moved
    ? 'changes the key of a row and leaves columns out'
    : 'with unchanged columns is of a row that was deleted';
  return new DataError(`${stream}: an update ${what}.`, { stream, code: codes.unsupported });
}

export const lostRow = (stream: string): DataError =>
  new DataError(`${stream}: an update with unchanged columns is of a row that is not there.`, {
    stream,
    code: codes.rowsLost,
  }); // Invariant 6

/** Equal exactly when the keys are. */
const keyText = (row: Row, key: Key): string => JSON.stringify(key.map((at) => tagged(row[at])));
const tagged = (value: Value): readonly [string, string] | null =>
  value === null || value === undefined
    ? null
    : value instanceof Uint8Array
      ? ['bytes', Buffer.from(value).toString('hex')]
      : [typeof value === 'bigint' ? 'number' : typeof value, String(value)];
