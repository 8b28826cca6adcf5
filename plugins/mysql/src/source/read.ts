/** Mode by mode: what is read, in which windows, and which checkpoint each window ends with. */
import {
  type Batch,
  type Checkpoint,
  type Column,
  ConfigError,
  LostPositionError,
  type Stream,
  type StreamRequest,
  codes,
} from '@sluice/connector-sdk';
import { quoteName, quotePath } from '../quote.js';
import { ZeroDates, expressionOf } from './cell.js';
import { type CursorPlace, type Position, type Progress, toCheckpoint, toPosition } from './checkpoint.js';
import { cursorBounds, cursorColumn, reachMark, warnOfNulls } from './cursor.js';
import { windowKey } from './key.js';
import { readWindow } from './read-window.js';
import type { SourceState } from './source.js';
import { type Windows, windowsOf } from './windows.js';

export async function* read(
  state: SourceState,
  requests: readonly StreamRequest[],
  after?: Checkpoint,
): AsyncGenerator<Batch> {
  for (const request of requests) refuseUnsupported(request);
  const position = startOver(toPosition(after), requests);
  await state.enterSnapshot();
  const lane: Lane = { state, full: new Map(position.full), cursor: new Map(position.cursor) };
  for (const request of requests) {
    if (state.context.signal.aborted) return;
    const done = request.mode === 'full' && isDone(lane.full.get(request.stream.id));
    if (done) continue;
    try {
      const goOn: boolean = request.mode === 'full' ? yield* readFull(lane, request) : yield* readCursor(lane, request);
      if (!goOn) return;
    } finally {
      await state.releaseTables().catch(() => undefined);
    }
  }
}

interface Lane {
  readonly state: SourceState;
  readonly full: Map<string, Progress>;
  readonly cursor: Map<string, CursorPlace>;
}

const isDone = (progress: Progress | undefined): boolean => progress !== undefined && 'done' in progress;

function refuseUnsupported({ mode, part, encoding, stream }: StreamRequest): void {
  const what =
    mode === 'changes'
      ? 'mode "changes"'
      : part !== undefined
        ? 'parts'
        : encoding !== undefined && encoding !== 'copy-text/1' && encoding !== 'csv/1'
          ? `the encoding ${encoding}`
          : undefined;
  if (what !== undefined)
    throw new ConfigError(`${stream.id}: this source does not do ${what}.`, { code: codes.unsupported });
}

/** After a checkpoint in which every requested stream is complete, a full read starts anew; else the finished ones are skipped. */
function startOver(position: Position, requests: readonly StreamRequest[]): Position {
  const full = requests.filter((request) => request.mode === 'full').map((request) => request.stream.id);
  if (!full.every((id) => isDone(position.full.get(id)))) return position;
  return { ...position, full: new Map([...position.full].filter(([id]) => !full.includes(id))) };
}

async function* readFull(lane: Lane, request: StreamRequest): AsyncGenerator<Batch, boolean> {
  const { id } = request.stream;
  const table = yield* freshShape(lane, request);
  const progress = lane.full.get(id);
  if (progress !== undefined)
    lane.state.context.log('warn', 'A full load goes on after a break: its rows are not all of one moment.', {
      stream: id,
    });
  const windows = windowsOf(lane.state.link, {
    table: quotePath(request.stream.path),
    key: windowKey(table.whole),
    size: windowSize(lane.state, table.whole),
    ...(progress !== undefined && 'after' in progress ? { after: progress.after } : {}),
  });
  const goOn = yield* readWindows(lane, { ...request, stream: table.stream }, windows, (end) =>
    lane.full.set(id, { after: end }),
  );
  if (!goOn || lane.state.context.signal.aborted) return false;
  lane.full.set(id, { done: true });
  yield { kind: 'complete', stream: id, checkpoint: toCheckpoint(lane) }; // Invariant 5
  return true;
}

async function* readCursor(lane: Lane, request: StreamRequest): AsyncGenerator<Batch, boolean> {
  const { id } = request.stream;
  const table = yield* freshShape(lane, request);
  const column = cursorColumn(table.whole, request.cursor);
  const clock = await lane.state.newSnapshot(); // an old one would void the lag
  const place = lane.cursor.get(id);
  if (place !== undefined && place.by !== column.name) throw otherCursor(id, place.by, column.name);
  const reached = (high: string | null): unknown => lane.cursor.set(id, { by: column.name, high });
  const low = place?.high ?? undefined;
  const bounds = await cursorBounds(lane.state, table.whole, column, low, clock);
  if (bounds !== undefined) {
    if (!(await reachMark(lane.state, table.whole, bounds))) return !lane.state.context.signal.aborted;
    await lane.state.newSnapshot(); // that sees what was open when the mark was taken
  }
  if (column.nullable && place !== undefined) await warnOfNulls(lane.state, table.whole, column);
  if (column.nullable && place === undefined) {
    const none = single(`${quoteName(column.name)} IS NULL`);
    const goOn = yield* readWindows(lane, { ...request, stream: table.stream }, none, () => reached(null));
    if (!goOn) return false;
  }
  if (bounds === undefined) return true; // Nothing new.
  const windows = bounds.indexed
    ? windowsOf(lane.state.link, {
        table: quotePath(request.stream.path),
        key: [bounds.column],
        size: windowSize(lane.state, table.whole),
        upto: [bounds.high],
        ...(low === undefined ? {} : { after: [low] }),
      })
    : single(bounds.where);
  return yield* readWindows(lane, { ...request, stream: table.stream }, windows, (end) =>
    reached(end?.[0] ?? bounds.high),
  );
}

/** Values of one column say nothing of another: rows would be passed over in silence. (Invariant 7) */
const otherCursor = (id: string, before: string, now: string): LostPositionError => {
  const [asked, there] = [JSON.stringify(before), JSON.stringify(now)];
  return new LostPositionError(`The checkpoint of ${id} is of cursor ${asked}, not of ${there}.`, asked, there);
};

function single(where: string): Windows {
  let asked = false;
  return { next: async () => (asked ? undefined : ((asked = true), { where })) };
}

/** `reached` notes the end of a window in the lane; the last window of a full read has none: `complete` follows it. */
async function* readWindows(
  lane: Lane,
  request: StreamRequest,
  windows: Windows,
  reached: (end: readonly string[]) => void,
): AsyncGenerator<Batch, boolean> {
  const { state } = lane;
  const zero = new ZeroDates(state.config.zero_dates, request.stream.id);
  let rows = 0;
  for (let window = await windows.next(0); window !== undefined; window = await windows.next(rows)) {
    if (state.context.signal.aborted) return false;
    const checkpointed = window.end !== undefined || request.mode === 'cursor';
    if (checkpointed) reached(window.end as readonly string[]);
    const read = yield* readWindow({
      link: state.link,
      stream: request.stream,
      sql: select(request.stream, window.where),
      encoding: request.encoding,
      zero,
      signal: state.context.signal,
      kill: () => state.kill(),
      ...(checkpointed ? { checkpoint: toCheckpoint(lane) } : {}),
    });
    if (read === undefined) return false;
    rows = read;
  }
  if (zero.count > 0) {
    state.context.log('warn', 'Zero dates were read as NULL.', { stream: request.stream.id, values: zero.count });
  }
  return true;
}

/** Columns are told apart by position: their names stay out of the answer, whatever they are. */
function select(stream: Stream, where: string): string {
  const columns = stream.columns.map((column, i) => `${expressionOf(column)} AS c${i}`).join(', ');
  return `SELECT ${columns} FROM ${quotePath(stream.path)} WHERE ${where}`;
}

function windowSize({ config }: SourceState, { estimate }: Stream): number {
  const perRow = estimate === undefined || estimate.rows === 0 ? 0 : estimate.bytes / estimate.rows;
  return Math.max(
    1,
    perRow === 0 ? config.window_rows : Math.min(config.window_rows, Math.floor(config.window_bytes / perRow)),
  );
}

/** The table as it is now. Yields its shape when a column that was asked for is of another type than it was. */
async function* freshShape(
  { state }: Lane,
  { stream }: StreamRequest,
): AsyncGenerator<Batch, { whole: Stream; stream: Stream }> {
  const [whole] = await state.discover([stream.id]);
  if (whole === undefined) {
    throw new ConfigError(`${stream.id} does not exist any more, or may not be read.`, { code: codes.noSuchStream });
  }
  const columns = stream.columns.map((column) => {
    const now = whole.columns.find((other) => other.name === column.name);
    if (now !== undefined) return now;
    throw new ConfigError(`${stream.id} has no column ${JSON.stringify(column.name)} any more.`, {
      code: codes.noSuchStream,
      fix: 'Discover the source again, and take the column out of the pipeline.',
    });
  });
  const shape: Stream = { ...stream, columns };
  if (columns.some((column, i) => differs(column, stream.columns[i]!))) yield { kind: 'schema', stream: shape };
  return { whole, stream: shape };
}

const differs = (a: Column, b: Column): boolean =>
  a.type !== b.type ||
  a.precision !== b.precision ||
  a.scale !== b.scale ||
  a.length !== b.length ||
  a.nullable !== b.nullable;
