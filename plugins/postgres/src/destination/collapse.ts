/** Changes of one write, as at most one operation a key: the last state wins, and what an update left out stays open. */
import { type Change, DataError, type Row, type Value } from '@sluice/connector-sdk';

/** 'u': the whole row; 'p': only the columns that are given, of the row with key `old`; 'd': the row with this key goes. */
export interface Operation {
  readonly op: 'u' | 'p' | 'd';
  readonly row: Row;
  /** Values of the key before the operation. */
  readonly old: Row;
}
/** Operations whose order among each other does not matter; or the word that everything before is gone. */
export type Group = readonly Operation[] | 'truncate';

/** `key`: positions of the key's columns. */
export function collapse(changes: readonly Change[], key: readonly number[]): Group[] {
  const groups: Group[] = [];
  let open = new Map<string, Operation>();
  const close = (): void => {
    if (open.size > 0) groups.push([...open.values()]);
    open = new Map();
  };
  for (const change of changes) {
    if (change.op === 'truncate') {
      close();
      groups.push('truncate');
      continue;
    }
    const [first, second] = operations(change, key);
    if (second === undefined && first!.op === 'p' && moves(first!, key)) {
      close(); // it needs the row as it is by then, and what follows may name its new key
      groups.push([first!]);
      continue;
    }
    for (const operation of second ? [first!, second] : [first!]) {
      const name = nameOf(
        key.map((at) => operation.row[at]),
        change.stream,
      );
      open.set(name, merge(open.get(name), operation));
    }
  }
  close();
  return groups;
}

function operations(change: Exclude<Change, { op: 'truncate' }>, key: readonly number[]): Operation[] {
  const keyOf = (row: Row): Row => key.map((at) => row[at]);
  if (change.op === 'delete') return [{ op: 'd', row: change.before, old: keyOf(change.before) }];
  if (change.op === 'insert') return [{ op: 'u', row: change.after, old: keyOf(change.after) }];
  const { before } = change;
  const after = change.after.map((value, at) =>
    value === undefined && before && key.includes(at) ? before[at] : value,
  );
  const old = keyOf(before ?? after);
  const whole = !after.includes(undefined);
  const update: Operation = { op: whole ? 'u' : 'p', row: after, old };
  return whole && before && moves(update, key) ? [{ op: 'd', row: before, old }, update] : [update];
}

const moves = ({ row, old }: Operation, key: readonly number[]): boolean =>
  key.some((at, i) => text(row[at]) !== text(old[i]));

function merge(earlier: Operation | undefined, later: Operation): Operation {
  if (!earlier || later.op !== 'p' || earlier.op === 'd') return later;
  const row = later.row.map((value, at) => (value === undefined ? earlier.row[at] : value));
  return { op: earlier.op, row, old: earlier.old };
}

const text = (value: Value): string =>
  value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : `${typeof value}${String(value)}`;

function nameOf(values: Row, stream: string): string {
  if (values.some((value) => value === null || value === undefined)) {
    throw new DataError(`A change of ${stream} has no value for a column of the key.`, { stream });
  }
  return JSON.stringify(values.map(text));
}
