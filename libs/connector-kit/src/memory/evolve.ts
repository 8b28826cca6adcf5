/** How the in-memory destination's tables take a stream's shape: columns are added and widened, all else is refused. */
import { DataError, codes } from '@sluice/connector-sdk';
import type { LogicalType, Row, Stream, Target } from '@sluice/connector-sdk';
import type { PeerColumn } from '../peer.js';
import { recast } from '../values.js';
import type { MemoryTable } from './system.js';

export const shapeOf = (stream: Stream, target: Target): MemoryTable => ({
  path: target.table,
  columns: stream.columns,
  key: target.key,
  rows: [],
});

/** The types whose values all fit into the one named. */
const wider: Readonly<Partial<Record<LogicalType, readonly LogicalType[]>>> = {
  int32: ['int16'],
  int64: ['int16', 'int32'],
  decimal: ['int16', 'int32', 'int64'],
  float64: ['float32'],
};

/** The table with the columns the stream has more, and those widened that have to be. Throws DataError when it cannot be. */
export function evolved(table: MemoryTable, stream: Stream): MemoryTable {
  const refuse = (why: string): never => {
    throw new DataError(`the target of '${stream.id}' ${why}`, { stream: stream.id, code: codes.targetMismatch });
  };
  const old = table.columns.map((column) => widened(column, stream, refuse));
  const added = stream.columns.filter(({ name }) => !table.columns.some((column) => column.name === name));
  const columns = [...old, ...added];
  const recastRow = (row: Row): Row => row.map((value, i) => recast(value, table.columns[i]!.type, old[i]!.type));
  return { ...table, columns, rows: table.rows.map((row) => withColumns(columns, old, recastRow(row))) };
}

function widened(column: PeerColumn, stream: Stream, refuse: (why: string) => never): PeerColumn {
  const coming = stream.columns.find(({ name }) => name === column.name);
  if (!coming)
    return column.nullable ? column : refuse(`wants a value in column '${column.name}', which the stream lacks`);
  if (coming.type === column.type || wider[coming.type]?.includes(column.type)) return { ...column, ...coming };
  return wider[column.type]?.includes(coming.type)
    ? column
    : refuse(`has column '${column.name}' as ${column.type}, not ${coming.type}`);
}

/** The row by `columns`, out of one by `own`; what it lacks is NULL. */
export const withColumns = (columns: readonly PeerColumn[], own: readonly PeerColumn[], row: Row): Row =>
  columns.map(({ name, type }) => {
    const at = own.findIndex((column) => column.name === name);
    return at < 0 ? null : recast(row[at], own[at]!.type, type);
  });
