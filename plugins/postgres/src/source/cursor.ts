/**
 * Mode 'cursor': rows with a cursor in (low, high], high fixed in the snapshot of this read. Windows end on values of the
 * cursor, so rows that share one are never torn apart, and a window's upper bound is all that a checkpoint needs. Rows whose
 * cursor is NULL or has no place in the order (infinity, NaN) are read once, with the first read.
 */
import { LostPositionError, type StreamRequest } from '@sluice/connector-sdk';
import { literal, quote } from '../names.js';
import { parseNative, renderNative } from '../types.js';
import { Body, rowBatches } from './body.js';
import type { CursorState, State } from './checkpoint.js';
import { type Stated, formOf } from './read.js';
import { type Relation, storedStream } from './relation.js';
import { copyOptions, selectList } from './select.js';
import type { Source } from './session.js';

interface Cursor {
  readonly request: StreamRequest;
  readonly table: string;
  readonly name: string;
  readonly column: string;
  /** To cast the text of a bound to. */
  readonly type: string;
  /** A condition: the cursor has a place in the order. */
  readonly ordered: string;
  /** A condition: not younger than the safety lag allows; undefined when the type has no clock, or there is no lag. */
  readonly settled: string | undefined;
}

export async function* readByCursor(
  source: Source,
  request: StreamRequest,
  state: State | undefined,
): AsyncGenerator<Stated> {
  await source.moment.leave(); // each read by cursor sees a moment of its own
  await source.moment.enter();
  try {
    const stored = await storedStream(source.connection, request.stream);
    const cursor = cursorOf(source, request);
    let low = lowOf(cursor, state);
    const high = await highest(source, cursor, low);
    if (state === undefined) low = null;
    if (state === undefined && (await hasUnordered(source, cursor))) {
      yield* window(source, cursor, `(${cursor.ordered}) IS NOT TRUE`, { cursor: cursor.name, low });
    }
    const step = await windowRows(source, cursor, stored.relations[0]);
    while (high !== null && high !== low && !source.context.signal.aborted) {
      const to: string = (step === undefined ? null : await boundAfter(source, cursor, low, high, step)) ?? high;
      const condition = `${cursor.ordered} AND ${range(cursor, low, to)}`;
      yield* window(source, cursor, condition, { cursor: cursor.name, low: to });
      low = to;
    }
  } finally {
    await source.moment.leave().catch(() => undefined); // a dead connection is told by the next statement
  }
}

function cursorOf({ config, connection }: Source, request: StreamRequest): Cursor {
  const name = request.cursor!;
  const native = parseNative(request.stream.columns.find((column) => column.name === name)!.native)!;
  const column = quote(name);
  const finite = /^(date|timestamp)/.test(native.base) ? ` AND isfinite(${column})` : '';
  const top = connection.version >= 140_000 ? `'Infinity'` : `'NaN'`;
  const number = native.base === 'numeric' ? ` AND ${column} < ${top} AND ${column} <> 'NaN'` : '';
  const lag = `make_interval(secs => ${config.cursor_lag_seconds})`;
  const clock: Record<string, string> = {
    'timestamp without time zone': `<= now() AT TIME ZONE 'UTC' - ${lag}`,
    'timestamp with time zone': `<= now() - ${lag}`,
  };
  // A day is read when it is over, lag or none: rows that come later on it would share a cursor that was passed.
  const day = `< (now() AT TIME ZONE 'UTC' - ${lag})::date`;
  const limit = native.base === 'date' ? day : config.cursor_lag_seconds > 0 ? clock[native.base] : undefined;
  return {
    request,
    table: quote(...request.stream.path),
    name,
    column,
    type: renderNative({ ...native, mods: [] }),
    ordered: `${column} IS NOT NULL${finite}${number}`,
    settled: limit === undefined ? undefined : `${column} ${limit}`,
  };
}

function lowOf({ name }: Cursor, state: State | undefined): string | null {
  if (state === undefined) return null;
  const { cursor, low } = state as Partial<CursorState>;
  if (cursor === name && low !== undefined) return low;
  const asked = cursor === undefined ? 'a full load' : `cursor ${JSON.stringify(cursor)}`;
  throw new LostPositionError(
    `The checkpoint is of ${asked}, not of cursor ${JSON.stringify(name)}.`,
    asked,
    `cursor ${JSON.stringify(name)}`,
  );
}

const bound = ({ type }: Cursor, text: string): string => `${literal(text)}::${type}`;
const range = (cursor: Cursor, low: string | null, high: string): string =>
  `${low === null ? '' : `${cursor.column} > ${bound(cursor, low)} AND `}${cursor.column} <= ${bound(cursor, high)}`;

/** Whether there are rows that no window along the cursor would find. */
async function hasUnordered(
  { connection }: Source,
  { request, ordered, name, column, table }: Cursor,
): Promise<boolean> {
  const nullable = request.stream.columns.find((one) => one.name === name)!.nullable;
  if (!nullable && ordered === `${column} IS NOT NULL`) return false;
  const sql = `SELECT EXISTS (SELECT FROM ${table} WHERE (${ordered}) IS NOT TRUE)::text AS found`;
  return (await connection.client.query<{ found: string }>(sql)).rows[0]!.found === 'true';
}

/** The highest cursor of this moment, as exact text; null when there is none above `low`: a position never goes back. */
async function highest({ connection }: Source, cursor: Cursor, low: string | null): Promise<string | null> {
  const above = low === null ? '' : ` AND ${cursor.column} > ${bound(cursor, low)}`;
  const settled = cursor.settled === undefined ? '' : ` AND ${cursor.settled}`;
  const sql = `SELECT max(${cursor.column})::text AS high FROM ${cursor.table} WHERE ${cursor.ordered}${above}${settled}`;
  return (await connection.client.query<{ high: string | null }>(sql)).rows[0]!.high;
}

/** The cursor of the row that is `step` rows after `low`; null when fewer are left. */
async function boundAfter(
  { connection }: Source,
  cursor: Cursor,
  low: string | null,
  high: string,
  step: number,
): Promise<string | null> {
  const sql = `SELECT ${cursor.column}::text AS high FROM ${cursor.table}
    WHERE ${cursor.ordered} AND ${range(cursor, low, high)} ORDER BY ${cursor.column} OFFSET ${step - 1} LIMIT 1`;
  return (await connection.client.query<{ high: string }>(sql)).rows[0]?.high ?? null;
}

/** Rows of a window; undefined when no index leads with the cursor: each window would then read and sort the whole table. */
async function windowRows(
  { connection, config }: Source,
  cursor: Cursor,
  relation?: Relation,
): Promise<number | undefined> {
  const sql = `SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2) AND a.attname = $3 AND i.indisvalid AND i.indpred IS NULL`;
  const found = await connection.client.query(sql, [...cursor.request.stream.path, cursor.name]);
  if (found.rows.length === 0) return undefined;
  const { blocks, bytesPerBlock, estimatedRows } = relation ?? {};
  const width = blocks && estimatedRows && estimatedRows > 0 ? (blocks * bytesPerBlock!) / estimatedRows : 256;
  return Math.max(1, Math.floor(config.window_bytes / width));
}

async function* window(source: Source, cursor: Cursor, condition: string, state: CursorState): AsyncGenerator<Stated> {
  const { stream, encoding } = cursor.request;
  const form = formOf(cursor.request);
  const order = [cursor.column, ...stream.key.filter((name) => name !== cursor.name).map((name) => quote(name))];
  const rows = `SELECT ${selectList(stream.columns, form)} FROM ${cursor.table} WHERE ${condition} ORDER BY ${order.join(', ')}`;
  const piece = { stream: stream.id, columns: stream.columns, sql: `COPY (${rows}) TO STDOUT ${copyOptions(form)}` };
  if (encoding !== undefined) {
    const body = new Body(source, piece);
    yield { ...body.raw(encoding), state };
    if (body.rows === undefined && !source.context.signal.aborted)
      throw new Error(`the data of ${stream.id} was not consumed`);
    return;
  }
  let held: Stated | undefined;
  for await (const batch of rowBatches(source, piece)) {
    if (held) yield held;
    held = batch;
  }
  if (held && !source.context.signal.aborted) yield { ...held, state } as Stated;
}
