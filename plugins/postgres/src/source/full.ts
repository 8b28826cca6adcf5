/** Mode 'full': a heap in windows of blocks, everything else in one piece; all of one snapshot. */
import { LostPositionError, type Stream, type StreamRequest } from '@sluice/connector-sdk';
import { quote } from '../names.js';
import { Body, type Piece, rowBatches } from './body.js';
import type { FullPlace, State } from './checkpoint.js';
import { type Stated, formOf } from './read.js';
import { type Relation, type StoredStream, enterAndStore, refuseMoved, seenNow } from './relation.js';
import { copyOptions, selectList } from './select.js';
import type { Source } from './session.js';
import { type Part, parsePart } from './split.js';

/** A range of blocks of one relation; without `to` to its end. `whole`: all of the relation, by no blocks. */
interface Window {
  readonly relation: Relation;
  readonly from: number;
  readonly to?: number;
  readonly whole?: boolean;
}

/** Yields the stream's data and, at last, `complete`. */
export async function* readFull(
  source: Source,
  request: StreamRequest,
  state: State | undefined,
): AsyncGenerator<Stated> {
  const { stream } = request;
  const part = parsePart(request.part);
  const place = state && 'at' in state ? state.at : undefined;
  const stored = await enterAndStore(source, stream, part?.snapshot);
  refuseLost(stream, stored, part ?? undefined, place);
  const now = await seenNow(source);
  const began = place?.began ?? part?.began ?? now;
  if (began !== now) await refuseMoved(source, stream, stored, began);
  if (place)
    source.context.log('warn', 'A full load goes on after a break: its rows are not all of one moment.', {
      stream: stream.id,
    });

  const windows = cut(stored, source.config.window_bytes, part, place);
  const load = { request, windows, began };
  yield* request.encoding === undefined ? inRows(source, load) : inBytes(source, load);
  if (source.context.signal.aborted) return;
  await source.moment.recover(); // the table may be altered again, while the other streams are read
  yield { kind: 'complete', stream: stream.id, state: { done: true } }; // Invariant 5
}

interface Load {
  readonly request: StreamRequest;
  readonly windows: readonly Window[];
  /** What the load's first moment saw: rows written since may have moved between windows. */
  readonly began: string;
}

/** The last window has no checkpoint of its own: it becomes durable with `complete`. */
const stateBefore = (next: Window | undefined, began: string): { state: State } | undefined =>
  next && { state: { at: { oid: next.relation.oid, file: next.relation.file, block: next.from, began } } };

const pieceOf = (request: StreamRequest, window: Window): Piece => ({
  stream: request.stream.id,
  columns: request.stream.columns,
  sql: windowSql(request, window),
});

async function* inRows(source: Source, { request, windows, began }: Load): AsyncGenerator<Stated> {
  for (const [index, window] of windows.entries()) {
    let held: Stated | undefined;
    for await (const batch of rowBatches(source, pieceOf(request, window))) {
      if (held) yield held;
      held = batch;
    }
    if (!held || source.context.signal.aborted) return;
    yield { ...held, ...stateBefore(windows[index + 1], began) } as Stated;
    if (source.context.signal.aborted) return;
  }
}

/** While the writer ends and commits a window, the server already prepares the next: it fills the socket and waits. */
async function* inBytes(source: Source, { request, windows, began }: Load): AsyncGenerator<Stated> {
  let current: Body | undefined;
  let ahead: Body | undefined;
  try {
    for (const [index, window] of windows.entries()) {
      const next = windows[index + 1];
      current = ahead ?? new Body(source, pieceOf(request, window));
      ahead = undefined;
      const raw = current.raw(request.encoding!, () => {
        if (!next) return;
        ahead = new Body(source, pieceOf(request, next));
        ahead.begin();
      });
      yield { ...raw, ...stateBefore(next, began) };
      if (source.context.signal.aborted) return;
      if (current.rows === undefined) throw new Error(`the data of ${request.stream.id} was not consumed`);
    }
  } finally {
    await current?.giveUp();
    await ahead?.giveUp();
    if (ahead) await source.moment.recover().catch(() => undefined); // a dead connection is told by the next statement
  }
}

function windowSql(request: StreamRequest, { relation, from, to, whole }: Window): string {
  const form = formOf(request);
  const columns = selectList(request.stream.columns, form);
  const table = whole ? quote(...request.stream.path) : quote(...relation.path);
  const bounds = [
    ...(whole || from === 0 ? [] : [`ctid >= '(${from},0)'`]),
    ...(to === undefined ? [] : [`ctid < '(${to},0)'`]),
  ];
  // ONLY: a table that others inherit from is read without them, as each of them is a stream of its own.
  const rows = `SELECT ${columns} FROM ${whole ? '' : 'ONLY '}${table}`;
  return `COPY (${rows}${bounds.length > 0 ? ` WHERE ${bounds.join(' AND ')}` : ''}) TO STDOUT ${copyOptions(form)}`;
}

function cut(stored: StoredStream, bytes: number, part: Part | undefined, place: FullPlace | undefined): Window[] {
  if (!stored.byBlocks) return [{ relation: stored.relations[0]!, from: 0, whole: true }];
  const begun = place ? stored.relations.findIndex(({ oid }) => oid === place.oid) : 0;
  return stored.relations.slice(begun).flatMap((relation, index) => {
    if (part && part.oid !== relation.oid && part.oid !== undefined) return [];
    const first = Math.max(part?.from ?? 0, place && index === 0 ? place.block : 0);
    const last = part?.to ?? relation.blocks ?? 0;
    const step = Math.max(1, Math.floor(bytes / relation.bytesPerBlock));
    const windows: Window[] = [];
    for (let from = first; from < last; from += step) {
      // The last one is open: rows of this snapshot cannot stand beyond the end, but nothing depends on it.
      const open = from + step >= last && part?.to === undefined;
      windows.push({ relation, from, ...(open ? {} : { to: Math.min(from + step, last) }) });
    }
    return windows;
  });
}

/** Invariant 7: blocks of a table that was rewritten, or of a leaf that is gone, are no place to go on from. */
function refuseLost(stream: Stream, stored: StoredStream, part: Part | undefined, place: FullPlace | undefined): void {
  for (const wanted of [part, place]) {
    if (wanted?.oid === undefined) continue;
    const relation = stored.relations.find(({ oid }) => oid === wanted.oid);
    if (stored.byBlocks && relation?.file === wanted.file) continue;
    const message = `The table ${stream.id} was rewritten or repartitioned since its load began.`;
    throw new LostPositionError(
      message,
      `file ${wanted.file} of relation ${wanted.oid}`,
      `file ${relation?.file ?? 'none'}`,
    );
  }
}
