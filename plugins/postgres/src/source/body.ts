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

/** A COPY that may be begun ahead of its reader. */
export class Body {
  readonly #source: Source;
  readonly #piece: Piece;
  readonly #copy: CopyOut;
  #begun = false;
  #givenUp: Promise<void> | undefined;

  constructor(source: Source, piece: Piece) {
    this.#source = source;
    this.#piece = piece;
    this.#copy = new CopyOut(piece.sql);
  }

  /** The server's own count; undefined before the body has ended. */
  get rows(): number | undefined {
    return this.#copy.rows;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#source.connection.client.query(this.#copy);
  }

  /** Ends the COPY wherever it is, so that the connection is free. Never throws. */
  giveUp(): Promise<void> {
    return (this.#givenUp ??= this.#end());
  }

  async #end(): Promise<void> {
    if (!this.#begun || this.#copy.ended) return;
    const { config, connection, context } = this.#source;
    this.#copy.discard();
    try {
      await cancelBackend(config, context, connection.pid);
    } catch {
      connection.client.connection.stream.destroy(); // no second connection to be had: cutting the line ends it too
    }
    await this.#copy.drain();
  }

  /** The bytes as they come. Cut short by `return` or abort, the COPY is given up. `whenWhole`: after the last byte. */
  async *chunks(whenWhole?: () => void): AsyncGenerator<Uint8Array> {
    const { moment, context } = this.#source;
    const { signal } = context;
    signal.throwIfAborted();
    const stop = (): void => void this.giveUp();
    signal.addEventListener('abort', stop, { once: true });
    let outcome: 'whole' | 'failed' | 'returned' = 'returned';
    try {
      this.begin();
      for (let chunk = await this.#copy.next(); chunk !== undefined; chunk = await this.#copy.next()) {
        signal.throwIfAborted();
        yield chunk;
        signal.throwIfAborted();
      }
      signal.throwIfAborted();
      outcome = 'whole';
      whenWhole?.();
    } catch (error) {
      outcome = 'failed';
      throw signal.aborted ? signal.reason : readError(error, this.#piece);
    } finally {
      signal.removeEventListener('abort', stop);
      if (outcome !== 'whole') await this.giveUp();
      // A read that failed is over, and holds no lock on; one that was returned may be followed by another of this moment.
      // A dead connection is told by the next statement.
      if (outcome === 'failed') await moment.leave().catch(() => undefined);
      if (outcome === 'returned') await moment.recover().catch(() => undefined);
    }
  }

  /** As a batch of bytes. */
  raw(encoding: Encoding, whenWhole?: () => void): RawData {
    return {
      kind: 'raw',
      stream: this.#piece.stream,
      encoding,
      body: this.chunks(whenWhole),
      rows: () => {
        if (this.rows === undefined) throw new Error('the rows of a body are known when it has ended');
        return this.rows;
      },
    };
  }
}

const batchBytes = 1 << 18;

/** Batches of rows, each made when asked for. On abort it ends after the batch in hand; the caller looks at the signal. */
export async function* rowBatches(source: Source, piece: Piece): AsyncGenerator<RowData> {
  const { signal } = source.context;
  const body = new Body(source, piece);
  const decoder = copyBinary.decoder(piece.columns.map((column) => ({ ...column, native: '' })));
  let rows: Row[] = [];
  let bytes = 0;
  let count = 0;
  try {
    for await (const chunk of body.chunks()) {
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
  if (count + rows.length !== body.rows) throw new Error('the rows decoded and the rows the server counted differ');
  yield { kind: 'rows', stream: piece.stream, rows };
}

function readError(error: unknown, { stream, columns }: Piece): unknown {
  const message = error instanceof Error ? error.message : '';
  const mark = message.indexOf(unsayableMark);
  if (mark < 0) return mapError(error, { stream, columns: columns.map((column) => column.name) });
  const column = message.slice(mark + unsayableMark.length).replace(/"$/, '');
  const what = 'a value that the encoding cannot say (NaN, infinity, BC, or array bounds)';
  return new DataError(`Column ${JSON.stringify(column)} of ${stream} holds ${what}.`, { stream });
}
