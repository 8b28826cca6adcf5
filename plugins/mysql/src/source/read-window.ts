/** The rows of one query as batches: raw bytes, or arrays of rows. */
import type { Batch, Checkpoint, Encoding, Row, Stream } from '@sluice/connector-sdk';
import { toSluiceError } from '../errors.js';
import type { Link } from '../link.js';
import type { ZeroDates } from './cell.js';
import { RowStream, type Sink } from './row-stream.js';
import { byteSink, rowSink } from './sinks.js';

export interface WindowRead {
  readonly link: Link;
  readonly stream: Stream;
  readonly sql: string;
  readonly encoding: Encoding | undefined;
  readonly zero: ZeroDates;
  readonly signal: AbortSignal;
  /** Ends the running statement of `link` from another connection. */
  readonly kill: () => Promise<void>;
  /** Goes with the last batch of the window. */
  readonly checkpoint?: Checkpoint;
}

/** Yields the window's batches and returns how many rows they held; undefined when the signal cut it short. */
export async function* readWindow(read: WindowRead): AsyncGenerator<Batch, number | undefined> {
  const counted = { rows: 0 };
  const whole =
    read.encoding === undefined ? yield* rowBatches(read, counted) : yield* rawBatch(read, read.encoding, counted);
  return whole ? counted.rows : undefined;
}

async function* rawBatch(
  read: WindowRead,
  encoding: Encoding,
  counted: { rows: number },
): AsyncGenerator<Batch, boolean> {
  let whole = false;
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* pieces(read, byteSink(encoding, read.stream.columns, read.zero, counted), true);
    whole = true;
  }
  const running = body();
  try {
    yield {
      kind: 'raw',
      stream: read.stream.id,
      encoding,
      body: running,
      rows: () => counted.rows,
      ...(read.checkpoint === undefined ? {} : { checkpoint: read.checkpoint }),
    };
  } finally {
    await running.return(undefined);
  }
  return whole;
}

async function* rowBatches(read: WindowRead, counted: { rows: number }): AsyncGenerator<Batch, boolean> {
  let held: readonly Row[] | undefined;
  const { id } = read.stream;
  for await (const rows of pieces(read, rowSink(read.stream.columns, read.zero, counted), false)) {
    if (held !== undefined) yield { kind: 'rows', stream: id, rows: held };
    if (read.signal.aborted) return false;
    held = rows;
  }
  if (read.signal.aborted) return false;
  if (held !== undefined) {
    const end = read.checkpoint === undefined ? {} : { checkpoint: read.checkpoint };
    yield { kind: 'rows', stream: id, rows: held, ...end };
  }
  return true;
}

/** `torn`: an abort throws its reason, because the end of a raw body says that it is whole. Else it just ends. */
async function* pieces<T>(read: WindowRead, sink: Sink<T>, torn: boolean): AsyncGenerator<T> {
  if (read.signal.aborted) {
    if (torn) throw read.signal.reason;
    return;
  }
  const stream = new RowStream(read.link, read.sql, sink, read.kill);
  const aborted = onAbort(read.signal);
  try {
    for (;;) {
      const result = await Promise.race([stream.next(), aborted.promise]);
      if (read.signal.aborted) {
        if (torn) throw read.signal.reason;
        return;
      }
      if (result === undefined || result.done === true) return;
      yield result.value;
    }
  } catch (error) {
    throw read.signal.aborted ? error : toSluiceError(error, read.stream.id);
  } finally {
    aborted.forget();
    await stream.stop();
  }
}

function onAbort(signal: AbortSignal): { promise: Promise<undefined>; forget: () => void } {
  let listener: () => void = () => undefined;
  const promise = new Promise<undefined>((resolve) => (listener = () => resolve(undefined)));
  signal.addEventListener('abort', listener, { once: true });
  return { promise, forget: () => signal.removeEventListener('abort', listener) };
}
