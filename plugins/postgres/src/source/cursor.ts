/**
 * Mode 'cursor': rows with a cursor in (low, high]. The mark `high` is fixed first; then the transactions that were open at that moment
 * are outlasted; then the rows are read, in a later snapshot that sees them. Windows end on values of the cursor, so rows that
 * share one are never torn apart, and a window's upper bound is all that a checkpoint needs. Rows whose cursor is NULL or has no
 * place in the order (infinity, NaN) are read once, with the first read, and counted by every later one.
 */
import { LostPositionError, type StreamRequest } from '@sluice/connector-sdk';
import { quote } from '../names.js';
import { Body, rowBatches } from './body.js';
import type { CursorState, State } from './checkpoint.js';
import { type Cursor, cursorOf, range } from './cursor-column.js';
import { highest, safeMark } from './mark.js';
import { type Stated, formOf } from './read.js';
import { type Relation, storedStream } from './relation.js';
import { copyOptions, selectList } from './select.js';
import type { Source } from './session.js';

export async function* readByCursor(
  source: Source,
  request: StreamRequest,
  state: State | undefined,
): AsyncGenerator<Stated> {
  let low = lowOf(request.cursor!, state);
  try {
    await newMoment(source);
    let stored = await storedStream(source.connection, request.stream);
    const cursor = cursorOf(source, request, stored);
    let high = await highest(source, cursor, low);
    if (high !== undefined) {
      const marked = await safeMark(source, cursor, high);
      if (source.context.signal.aborted || marked === 'held') return;
      await newMoment(source); // that sees what was open when the mark was taken
      stored = await storedStream(source.connection, request.stream);
      if (marked !== undefined) high = await highest(source, cursor, low, marked);
    }
    yield* unorderedRows(source, cursor, state === undefined, low);
    const step = await windowRows(source, cursor, stored.relations[0]);
    const top = high?.text ?? null;
    while (top !== null && top !== low && !source.context.signal.aborted) {
      const to: string = (step === undefined ? null : await boundAfter(source, cursor, low, top, step)) ?? top;
      const condition = `${cursor.ordered} AND ${range(cursor, low, to)}`;
      yield* window(source, cursor, condition, { cursor: cursor.name, low: to });
      low = to;
    }
  } finally {
    await source.moment.leave().catch(() => undefined); // a dead connection is told by the next statement
  }
}

async function newMoment({ moment }: Source): Promise<void> {
  await moment.leave();
  await moment.enter();
}

function lowOf(name: string, state: State | undefined): string | null {
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

/** Rows that no window along the cursor would find: read with the first read, and counted with each later one. (Invariant 6) */
async function* unorderedRows(
  source: Source,
  cursor: Cursor,
  isFirst: boolean,
  low: string | null,
): AsyncGenerator<Stated> {
  const { unordered, table, name, request } = cursor;
  if (unordered === undefined) return;
  const { client } = source.connection;
  const found = isFirst
    ? `SELECT EXISTS (SELECT FROM ${table} WHERE ${unordered})::int::text AS rows`
    : `SELECT count(*)::text AS rows FROM ${table} WHERE ${unordered}`;
  const rows = Number((await client.query<{ rows: string }>(found)).rows[0]!.rows);
  if (rows === 0) return;
  if (isFirst) return yield* window(source, cursor, unordered, { cursor: name, low });
  source.context.log('warn', 'Rows without a cursor value are read with the first read only.', {
    stream: request.stream.id,
    column: name,
    rows,
  });
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
