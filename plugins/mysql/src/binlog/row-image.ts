/** Row events to changes: images of rows, whole or in part, as rows of the stream. */
import { type Change, DataError, type Row, type Value } from '@sluice/connector-sdk';
import { Bytes, MalformedEvent } from './bytes.js';
import { type CellContext, type CellReader, type LoggedColumn, cellReader } from './cell-readers.js';
import { cellSkipper } from './cell-sizes.js';
import type { RowsEvent } from './events.js';
import { applyJsonDiffs } from './json-diff.js';
import { bit } from './table-map.js';
import { wire } from './wire-types.js';

/** One column of the log's table: where it goes in the stream's row, -1 for nowhere. */
export interface ImageColumn extends LoggedColumn {
  readonly place: number;
}
export interface RowImagesOptions {
  readonly stream: string;
  /** In the order of the log's table. */
  readonly columns: readonly ImageColumn[];
  /** Columns of the stream's rows. */
  readonly width: number;
  readonly context: CellContext;
}

/** The columns that one image has. */
interface Present {
  readonly bits: Buffer;
  readonly columns: readonly number[];
}

/** Reads the row events of one table as long as its columns stay as they are. */
export class RowImages {
  readonly #readers: readonly CellReader[];
  readonly #places: readonly number[];
  /** Positions of JSON columns in MySQL's own form, which alone may come as differences. */
  readonly #json: readonly number[];
  /**
   * Of the stream's columns, for those that an insert left to their default, which MINIMAL images leave out. Without it such an
   * insert is a DataError.
   */
  defaults: Row | undefined;
  #before: Present | undefined;
  #after: Present | undefined;

  constructor(private readonly options: RowImagesOptions) {
    const { columns, context } = options;
    this.#places = columns.map(({ place }) => place);
    this.#readers = columns.map((column) => (column.place < 0 ? skipping(column) : cellReader(column, context)));
    this.#json = columns.flatMap((column, i) => (column.wire.type === wire.json ? [i] : []));
  }

  /** An insert that leaves columns to defaults which are not known yet. */
  lacksDefaults({ op, after }: RowsEvent): boolean {
    if (op !== 'insert' || this.defaults !== undefined || after === undefined) return false;
    return this.#places.some((place, i) => place >= 0 && !bit(after, i));
  }

  /** Adds the event's changes to `into`, in order, and answers how many there were. */
  read(event: RowsEvent, into: Change[]): number {
    if (event.columns !== this.#places.length)
      throw new MalformedEvent('a row has another number of columns than its table');
    const body = new Bytes(event.rows);
    const from = into.length;
    this.#before = event.before && this.#present(event.before, this.#before);
    this.#after = event.after && this.#present(event.after, this.#after);
    while (body.left > 0) into.push(this.#change(event, body));
    return into.length - from;
  }

  #change(event: RowsEvent, body: Bytes): Change {
    const { stream } = this.options;
    const [before, after] = [this.#before, this.#after];
    if (before === undefined) return { op: 'insert', stream, after: this.#withDefaults(this.#image(body, after!)) };
    const start = body.at;
    const old = this.#image(body, before);
    if (after === undefined) return { op: 'delete', stream, before: old };
    const row = event.partial
      ? this.#partial(body, after, this.#rawJson(new Bytes(body.buffer, start, body.at), before))
      : this.#image(body, after);
    // What the image after leaves out has not changed: where the image before has it, it is known.
    for (let i = 0; i < row.length; i++) if (row[i] === undefined) row[i] = old[i];
    return { op: 'update', stream, before: old, after: row };
  }

  #present(bits: Buffer, last: Present | undefined): Present {
    if (last?.bits.equals(bits) === true) return last;
    return { bits: Buffer.from(bits), columns: this.#places.flatMap((_, i) => (bit(bits, i) ? [i] : [])) };
  }

  #image(body: Bytes, { columns }: Present): Value[] {
    const row = new Array<Value>(this.options.width).fill(undefined);
    const nulls = body.claim((columns.length + 7) >> 3);
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!;
      const isNull = (body.buffer[nulls + (i >> 3)]! >> (i & 7)) & 1;
      const value = isNull ? null : this.#readers[column]!(body);
      const place = this.#places[column]!;
      if (place >= 0) row[place] = value;
    }
    return row;
  }

  #withDefaults(row: Value[]): Row {
    const { defaults } = this;
    const { stream } = this.options;
    for (let i = 0; i < row.length; i++) {
      if (row[i] !== undefined) continue;
      const value = defaults?.[i];
      if (value === undefined)
        throw new DataError(
          `${stream}: the binary log leaves out a value of an inserted row, and its default is not known.`,
          {
            stream,
            code: 'mysql.row-image',
            fix: 'SET GLOBAL binlog_row_image = FULL, then read the table anew.',
          },
        );
      row[i] = value;
    }
    return row;
  }

  /** The JSON values of the image before, as they stand in the log. */
  #rawJson(body: Bytes, { columns }: Present): ReadonlyMap<number, Buffer> {
    const found = new Map<number, Buffer>();
    const nulls = body.claim((columns.length + 7) >> 3);
    for (const [i, column] of columns.entries()) {
      if ((body.buffer[nulls + (i >> 3)]! >> (i & 7)) & 1) continue;
      const start = body.at;
      cellSkipper(this.options.columns[column]!.wire)(body);
      if (this.#json.includes(column)) found.set(column, body.buffer.subarray(start + 4, body.at));
    }
    return found;
  }

  /** An image after in which each JSON column may be a list of differences. */
  #partial(body: Bytes, { columns }: Present, before: ReadonlyMap<number, Buffer>): Value[] {
    const withDiffs = (body.packed() & 1) !== 0;
    const marks = withDiffs ? body.take((this.#json.length + 7) >> 3) : undefined;
    const row = new Array<Value>(this.options.width).fill(undefined);
    const nulls = body.claim((columns.length + 7) >> 3);
    for (const [i, column] of columns.entries()) {
      const place = this.#places[column]!;
      const isNull = (body.buffer[nulls + (i >> 3)]! >> (i & 7)) & 1;
      const json = this.#json.indexOf(column);
      const isDiff = !isNull && marks !== undefined && json >= 0 && bit(marks, json);
      const value = isNull ? null : isDiff ? this.#diff(body, column, before) : this.#readers[column]!(body);
      if (place >= 0) row[place] = value;
    }
    return row;
  }

  #diff(body: Bytes, column: number, before: ReadonlyMap<number, Buffer>): Value {
    const diffs = body.take(body.u32());
    const { place } = this.options.columns[column]!;
    if (place < 0) return undefined;
    const old = before.get(column);
    if (old !== undefined) return applyJsonDiffs(old, diffs);
    const { stream } = this.options;
    throw new DataError(`${stream}: the binary log holds what changed in a JSON value, and not the value before.`, {
      stream,
      code: 'mysql.row-image',
      fix: `SET GLOBAL binlog_row_value_options = '' or binlog_row_image = FULL, then read the table anew.`,
    });
  }
}

function skipping(column: LoggedColumn): CellReader {
  const skip = cellSkipper(column.wire);
  return (body) => void skip(body);
}
