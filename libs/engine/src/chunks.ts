/** Sizes of data in memory, and data in pieces of a bounded size. (Invariant 10) */
import type { Change, ChangeData, Row, RowData, Value } from '@sluice/connector-sdk';

/** What a value takes, roughly: enough to bound a queue. */
function valueBytes(value: Value): number {
  if (typeof value === 'string') return value.length;
  return value instanceof Uint8Array ? value.byteLength : 8;
}
function rowBytes(row: Row): number {
  let bytes = 0;
  for (const value of row) bytes += valueBytes(value);
  return bytes;
}
function changeBytes(change: Change): number {
  const before = 'before' in change && change.before !== undefined ? rowBytes(change.before) : 0;
  return before + ('after' in change ? rowBytes(change.after) : 0);
}

export function dataBytes(data: RowData | ChangeData): number {
  let bytes = 0;
  if (data.kind === 'rows') for (const row of data.rows) bytes += rowBytes(row);
  else for (const change of data.changes) bytes += changeBytes(change);
  return bytes;
}

/** In order, at most `limit` bytes each; a greater row or change comes alone. Data within the limit is handed on as it is. */
export function* chunks(data: RowData | ChangeData, limit: number): Generator<RowData | ChangeData> {
  if (dataBytes(data) <= limit) yield data;
  else if (data.kind === 'changes') {
    for (const changes of pieces(data.changes, changeBytes, limit)) yield { kind: 'changes', changes };
  } else {
    for (const rows of pieces(data.rows, rowBytes, limit)) yield { kind: 'rows', stream: data.stream, rows };
  }
}

function* pieces<T>(items: readonly T[], bytesOf: (item: T) => number, limit: number): Generator<readonly T[]> {
  let start = 0;
  let bytes = 0;
  for (const [at, item] of items.entries()) {
    const size = bytesOf(item);
    if (at > start && bytes + size > limit) {
      yield items.slice(start, at);
      start = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < items.length) yield items.slice(start);
}
