/** The window `(low, high]` of a cursor read; `high` is fixed in the snapshot that the rows are read from. */
import { type Column, ConfigError, type Stream, codes } from '@sluice/connector-sdk';
import { quoteName, quotePath, quoteText } from '../quote.js';
import { isCursor } from '../types.js';
import { bound, exactText, literal } from './key.js';
import type { SourceState } from './source.js';

export interface Bounds {
  readonly column: Column;
  readonly high: string;
  readonly where: string;
  /** An index begins with the column: the window can be cut into pages along it. */
  readonly indexed: boolean;
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
  const sql = `SELECT ${exactText(column)} AS c FROM ${table}${where} ORDER BY ${quoteName(column.name)} DESC LIMIT 1`;
  const [row] = await state.link.query(sql);
  const high = row?.[0];
  if (high == null) return undefined;
  const upto = `${quoteName(column.name)} <= ${literal(column, high)}`;
  const above = low === undefined ? [] : [bound([column], [low], 'above')];
  return { column, high, where: [...above, upto].join(' AND '), indexed: await isIndexed(state, stream, column) };
}

/**
 * Transactions that are still open may yet commit rows with an earlier time: stay behind them. A day is read when it is over,
 * lag or none: rows that come later on it would share a cursor that was passed. The session's zone is UTC.
 */
function settled(column: Column, seconds: number, clock: string): readonly string[] {
  const name = quoteName(column.name);
  const limit = `CAST(${quoteText(clock)} AS DATETIME(6)) - INTERVAL ${Math.ceil(seconds * 1e6)} MICROSECOND`;
  if (column.type === 'date') return [`${name} < DATE(${limit})`];
  const timed = column.type === 'timestamp' || column.type === 'timestamptz';
  return seconds > 0 && timed ? [`${name} <= ${limit}`] : [];
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
