/** One COPY of the source as a body of bytes, or as batches of rows. */
import { type Column, DataError, type Encoding, type RawData, type Row, type RowData } from '@sluice/connector-sdk';
import { copyBinary } from '@sluice/encodings';
import { cancelBackend } from '../connect.js';
import { CopyOut } from '../copy-out.js';
import { mapError } from '../errors.js';
import { unsayableMark } from './select.js';
import type { Source } from './session.js';

/** A COPY about to run: `sql` is the whole statement. */
export interface Piece {
  readonly stream: string;
  readonly columns: readonly Column[];
  readonly sql: string;
}

/** The bytes as they come. `rows()` may be asked once the body has ended. */
export function rawBody(source: Source, piece: Piece, encoding: Encoding): RawData & { readonly done: () => boolean } {
  const copy = new CopyOut(piece.sql);
  return {
    kind: 'raw',
    stream: piece.stream,
    encoding,
    body: chunks(source, piece, copy),
    rows: () => {
      if (copy.rows === undefined) throw new Error('the rows of a body are known when it has ended');
      return copy.rows;
    },
    done: () => copy.rows !== undefined,
  };
}

const batchBytes = 1 << 18;

/** Batches of rows, each made when asked for. On abort it ends after the batch in hand; the caller looks at the signal. */
export async function* rowBatches(source: Source, piece: Piece): AsyncGenerator<RowData> {
  const { signal } = source.context;
  const copy = new CopyOut(piece.sql);
  const decoder = copyBinary.decoder(piece.columns.map((column) => ({ ...column, native: '' })));
  let rows: Row[] = [];
  let bytes = 0;
  let count = 0;
  try {
    for await (const chunk of chunks(source, piece, copy)) {
      for (const row of decoder.push(chunk)) rows.push(row);
      bytes += chunk.length;
      if (bytes < batchBytes || rows.length === 0) continue;
      yield { kind: 'rows', stream: piece.stream, rows };
      count += rows.length;
      rows = [];
      bytes = 0;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  rows.push(...decoder.end());
  if (count + rows.length !== copy.rows) throw new Error('the rows decoded and the rows the server counted differ');
  yield { kind: 'rows', stream: piece.stream, rows };
}

/** Runs the COPY when first asked; cut short by `return` or abort, it is cancelled and the connection is free again. */
async function* chunks(source: Source, piece: Piece, copy: CopyOut): AsyncGenerator<Uint8Array> {
  const { connection, context, moment } = source;
  const { signal } = context;
  signal.throwIfAborted();
  const stop = (): void => void cancel(source, copy);
  signal.addEventListener('abort', stop, { once: true });
  connection.client.query(copy);
  let outcome: 'whole' | 'failed' | 'returned' = 'returned';
  try {
    for (;;) {
      const chunk = await copy.next();
      signal.throwIfAborted();
      if (chunk === undefined) break;
      yield chunk;
      signal.throwIfAborted();
    }
    outcome = 'whole';
  } catch (error) {
    outcome = 'failed';
    throw signal.aborted ? signal.reason : readError(error, piece);
  } finally {
    signal.removeEventListener('abort', stop);
    if (!copy.ended) {
      await cancel(source, copy);
      await copy.drain();
    }
    // A read that failed is over, and holds no lock on; one that was returned may be followed by another of this moment.
    // A dead connection is told by the next statement.
    if (outcome === 'failed') await moment.leave().catch(() => undefined);
    if (outcome === 'returned') await moment.recover().catch(() => undefined);
  }
}

async function cancel({ config, connection }: Source, copy: CopyOut): Promise<void> {
  copy.discard();
  try {
    await cancelBackend(config, connection.pid);
  } catch {
    connection.client.connection.stream.destroy(); // no second connection to be had: cutting the line ends it too
  }
}

function readError(error: unknown, { stream, columns }: Piece): unknown {
  const message = error instanceof Error ? error.message : '';
  const mark = message.indexOf(unsayableMark);
  if (mark < 0) return mapError(error, { stream, columns: columns.map((column) => column.name) });
  const column = message.slice(mark + unsayableMark.length).replace(/"$/, '');
  const what = 'a value that the encoding cannot say (NaN, infinity, BC, or array bounds)';
  return new DataError(`Column ${JSON.stringify(column)} of ${stream} holds ${what}.`, { stream });
}
