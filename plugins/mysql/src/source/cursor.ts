/**
 * The window `(low, high]` of a cursor read. `high` is fixed first; then the transactions that were open at that moment are outlasted; then
 * the rows are read, in a later snapshot that sees them.
 */
import { rest, restFor, zoneStep } from '@sluice/sql';
import { type Column, ConfigError, type Stream, codes } from '@sluice/connector-sdk';
import { quoteName, quotePath, quoteText } from '../quote.js';
import { isCursor } from '../types.js';
import { bound, exactText, literal } from './key.js';
import type { SourceState } from './source.js';
import { outlastWriters } from './writers.js';

export interface Bounds {
  readonly column: Column;
  readonly high: string;
  readonly where: string;
  /** An index begins with the column: the window can be cut into pages along it. */
  readonly indexed: boolean;
  /** Seconds since `high`, for times without a zone: by UTC. */
  readonly age: number | undefined;
}

/** The column to go by. Throws ConfigError when it is none. */
export function cursorColumn(stream: Stream, name: string | undefined): Column {
  const column = stream.columns.find((each) => each.name === name && isCursor(each));
  if (column === undefined) {
    throw new ConfigError(`${stream.id}: ${JSON.stringify(name ?? '')} is not a column that a cursor read can go by.`, {
      code: codes.unsupported,
      fix: `Choose one of: ${stream.cursors.join(', ') || 'none; read the stream in mode full'}.`,
    });
  }
  return column;
}

/** `clock`: when the snapshot was taken. Undefined when there is nothing above `low`. */
export async function cursorBounds(
  state: SourceState,
  stream: Stream,
  column: Column,
  low: string | undefined,
  clock: string,
): Promise<Bounds | undefined> {
  const conditions = [
    ...(low === undefined ? [] : [bound([column], [low], 'above')]),
    ...settled(column, state.config.cursor_lag_seconds, clock),
  ];
  const table = quotePath(stream.path);
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const age =
    column.type === 'timestamp' ? `TIMESTAMPDIFF(MICROSECOND, ${quoteName(column.name)}, ${timeOf(clock)})` : 'NULL';
  const sql = `SELECT ${exactText(column)} AS c, ${age} AS age FROM ${table}${where} ORDER BY ${quoteName(column.name)} DESC LIMIT 1`;
  const [row] = await state.link.query(sql);
  const high = row?.[0];
  if (high == null) return undefined;
  const upto = `${quoteName(column.name)} <= ${literal(column, high)}`;
  const above = low === undefined ? [] : [bound([column], [low], 'above')];
  const indexed = await isIndexed(state, stream, column);
  const seconds = row?.[1] == null ? undefined : Number(row[1]) / 1e6;
  return { column, high, where: [...above, upto].join(' AND '), indexed, age: seconds };
}

const timeOf = (clock: string): string => `CAST(${quoteText(clock)} AS DATETIME(6))`;

/** Waits until the rows up to the mark are all there. False: they are not, and the position must stay; or the signal has aborted. */
export async function reachMark(state: SourceState, stream: Stream, { column, high, age }: Bounds): Promise<boolean> {
  const { config, context } = state;
  await state.releaseTables(); // nobody's DDL waits for this one
  await rest(restFor(config.cursor_lag_seconds, age) * 1000, context.signal);
  if (config.cursor_wait_seconds === 0) return !context.signal.aborted;
  const open = await outlastWriters(state);
  if (open === undefined && isNumber(column)) await rest(config.cursor_lag_seconds * 1000, context.signal);
  if (context.signal.aborted) return false;
  if (open === undefined || open.length === 0) return true;
  const message = 'Transactions that may yet commit rows below the mark stay open: the position is kept as it is.';
  context.log('warn', message, {
    stream: stream.id,
    column: column.name,
    transactions: open.length,
    threads: open.map(({ thread }) => thread).slice(0, 10),
    waited: config.cursor_wait_seconds,
    mark: high,
  });
  return false;
}

/** Without a clock in its values. */
const isNumber = ({ type }: Column): boolean => type !== 'date' && type !== 'timestamp' && type !== 'timestamptz';

/**
 * Conditions that rows young enough to be followed by others do not meet. A day is read when it is over everywhere, lag or none: rows
 * that come later on it would share a cursor that was passed. For a short lag of times without a zone see `restFor`. The
 * session's zone is UTC.
 */
function settled(column: Column, seconds: number, clock: string): readonly string[] {
  const name = quoteName(column.name);
  const limit = `${timeOf(clock)} - INTERVAL ${Math.ceil(seconds * 1e6)} MICROSECOND`;
  if (column.type === 'date') return [`${name} < DATE(${limit} - INTERVAL 12 HOUR)`];
  const byClock = column.type === 'timestamptz' ? seconds > 0 : column.type === 'timestamp' && seconds >= zoneStep;
  return byClock ? [`${name} <= ${limit}`] : [];
}

/** A row that comes without a cursor value after the first read is never new: say so, once per read. (Invariant 6) */
export async function warnOfNulls(state: SourceState, stream: Stream, column: Column): Promise<void> {
  const sql = `SELECT COUNT(*) FROM ${quotePath(stream.path)} WHERE ${quoteName(column.name)} IS NULL`;
  const [row] = await state.link.query(sql);
  const rows = Number(row?.[0] ?? 0);
  if (rows > 0) {
    state.context.log('warn', 'Rows without a cursor value are read with the first read only.', {
      stream: stream.id,
      column: column.name,
      rows,
    });
  }
}

async function isIndexed({ link }: SourceState, { path }: Stream, column: Column): Promise<boolean> {
  const rows = await link.query(
    'SELECT 1 FROM information_schema.STATISTICS WHERE SEQ_IN_INDEX = 1' +
      ` AND TABLE_SCHEMA = ${quoteText(path[0]!)} AND TABLE_NAME = ${quoteText(path[1]!)} AND COLUMN_NAME = ${quoteText(column.name)} LIMIT 1`,
  );
  return rows.length > 0;
}
