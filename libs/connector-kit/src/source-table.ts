/** Tables for a source to read: made by the peer, found by `discover`, with the rows that a read must answer. */
import type { LogicalType, ReadMode, Row, SourceSession, Stream, StreamRequest, Value } from '@sluice/connector-sdk';
import { streamId } from '@sluice/connector-sdk';
import { ok } from './assert.js';
import { type SourceLab, type Trial, needs } from './lab.js';
import type { PeerColumn } from './peer.js';
import type { Reader } from './reading.js';
import { recast } from './values.js';

/** A stream under test, and what it holds. */
export interface SourceTable {
  readonly stream: Stream;
  /** Of the stream's columns, in their order. */
  readonly types: readonly LogicalType[];
  /** By the stream's columns, as a read must answer them. */
  readonly rows: readonly Row[];
  /** Puts more rows into the system; answers them as a read must. */
  add(count: number): Promise<readonly Row[]>;
  request(mode: ReadMode, more?: Partial<StreamRequest>): StreamRequest;
  reader(mode: ReadMode, more?: Partial<StreamRequest>): Reader;
}

interface Wanted {
  readonly name?: string;
  readonly count?: number;
  readonly columns?: readonly PeerColumn[];
  readonly rows?: readonly Row[];
  readonly key?: readonly string[];
}

/** Columns of the kit's plain table: a key, a nullable string, a decimal, a time that grows with the key. */
export const plainColumns: readonly PeerColumn[] = [
  { name: 'id', type: 'int64', nullable: false },
  { name: 'name', type: 'string', nullable: true, length: 200 },
  { name: 'amount', type: 'decimal', nullable: false, precision: 12, scale: 2 },
  { name: 'seen_at', type: 'timestamp', nullable: false, scale: 6 },
];
export function plainRow(n: number, text = `name ${n}`): Row {
  const seen = new Date(Date.UTC(2024, 0, 1) + n * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return [n + 1, n % 7 === 3 ? null : text, `${n}.50`, seen];
}
export const plainRows = (count: number, from = 0): Row[] =>
  Array.from({ length: count }, (_, i) => plainRow(from + i));

/** A table of the kit's own, or the peer's fixed stream when the system makes none. */
export async function sourceTable(
  lab: SourceLab,
  trial: Trial,
  session: SourceSession,
  wanted: Wanted = {},
): Promise<SourceTable> {
  const { peer } = lab.options;
  const count = wanted.count ?? lab.rows;
  if (!peer.make && peer.fixed && !wanted.columns && !wanted.name) return fixedTable(lab, session, count);
  const make = needs(peer.make?.bind(peer), 'make');
  const path = lab.path(wanted.name ?? 'kit_rows');
  const columns = wanted.columns ?? plainColumns;
  const rows = wanted.rows ?? plainRows(count);
  trial.defer(() => peer.drop?.(path));
  await make({ path, columns, key: wanted.key ?? ['id'], rows });
  const stream = await discovered(session, streamId(path));
  const fit = (row: Row) => arranged(stream, columns, row);
  return described(lab, stream, rows.map(fit), async (more) => {
    const added = plainRows(more, count);
    await needs(peer.add?.bind(peer), 'add')(path, added);
    return added.map(fit);
  });
}

async function fixedTable(lab: SourceLab, session: SourceSession, count: number): Promise<SourceTable> {
  const fixed = lab.options.peer.fixed!;
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => fixed.row(from + i));
  await fixed.hold(count);
  const stream = await discovered(session, fixed.stream);
  return described(lab, stream, range(0, count), async (more) => {
    await fixed.hold(count + more);
    return range(count, count + more);
  });
}

export async function discovered(session: SourceSession, id: string): Promise<Stream> {
  const found = await session.discover([id]);
  const stream = found.find((known) => known.id === id);
  ok(stream, `discover(['${id}']) does not answer that stream, but [${found.map((known) => known.id).join(', ')}]`);
  return stream;
}

function described(lab: SourceLab, stream: Stream, rows: readonly Row[], add: SourceTable['add']): SourceTable {
  const request = (mode: ReadMode, more: Partial<StreamRequest> = {}): StreamRequest => ({
    stream,
    mode,
    ...(mode === 'cursor' ? { cursor: cursorOf(stream) } : {}),
    ...more,
  });
  const types = stream.columns.map((column) => column.type);
  const reader = (mode: ReadMode, more?: Partial<StreamRequest>) => ({
    requests: [request(mode, more)],
    codec: (encoding: string) => lab.codec(encoding),
  });
  return { stream, types, rows, add, request, reader };
}

function cursorOf(stream: Stream): string {
  const cursor = stream.cursors.includes('id') ? 'id' : stream.cursors[0];
  ok(cursor !== undefined, `'cursor' is claimed, but stream '${stream.id}' has no column for it`);
  return cursor;
}

/** The row in the order and the types of the stream's columns. */
function arranged(stream: Stream, columns: readonly PeerColumn[], row: Row): Row {
  return stream.columns.map((found): Value => {
    const at = columns.findIndex((column) => column.name === found.name);
    ok(at >= 0, `discover answers a column '${found.name}' that the table does not have`);
    return recast(row[at], columns[at]!.type, found.type);
  });
}
