/**
 * Which columns a row event of a captured table has: those of the table at that place of the log, never those of another time.
 * Where the log names them (`binlog_row_metadata=FULL`) it is believed; else the schema of now is, but only for places with no
 * DDL on the table between them and now.
 */
import { type Column, DataError, type Row, type Stream, streamId } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { ZeroDates } from '../source/cell.js';
import type { CellContext } from './cell-readers.js';
import type { Charsets } from './charsets.js';
import type { TableMap, WireColumn } from './events.js';
import { type Layout, readLayouts } from './layout.js';
import { type Place, comparePlaces, currentPosition } from './position.js';
import { type ImageColumn, RowImages } from './row-image.js';
import { columnOfLog, fits, membersOf } from './wire-fit.js';
import { wire } from './wire-types.js';

/** A stream to follow, with the columns that the pipeline selected. */
export interface CapturedStream {
  readonly stream: Stream;
  /** Columns of its table that the pipeline left out; any other that turns up is a new one, and is read. */
  readonly excluded?: readonly string[];
}

export interface HistoryOptions {
  readonly streams: readonly CapturedStream[];
  readonly charsets: Charsets;
  readonly zeroDates: 'reject' | 'null';
  /** A connection for a few statements; disposed of by the callee. */
  connect(): Promise<Link>;
  /** The last DDL on each captured table behind `from` and up to `to`. */
  scan(from: Place, to: Place): Promise<ReadonlyMap<string, Place>>;
}

interface Table {
  readonly captured: CapturedStream;
  /** As the rows that are read now have it. */
  shape: Stream;
  layout: Layout | undefined;
  /** The end of the log after `layout` was read. */
  readAt: Place | undefined;
  /** Rows before this place have other columns than `layout`, or may. */
  unsure: Place | undefined;
  scanned: boolean;
  readonly zero: ZeroDates;
}

export interface Resolved {
  readonly id: string;
  readonly stream: Stream;
  /** The shape is another than that of the rows before: it is to be told first. */
  readonly changed: boolean;
  readonly images: RowImages;
  readonly transactional: boolean;
}

export class SchemaHistory {
  readonly #tables = new Map<string, Table>();
  constructor(private readonly options: HistoryOptions) {
    for (const captured of options.streams) {
      this.#tables.set(captured.stream.id, {
        captured,
        shape: captured.stream,
        layout: undefined,
        readAt: undefined,
        unsure: undefined,
        scanned: false,
        zero: new ZeroDates(options.zeroDates, captured.stream.id),
      });
    }
  }

  has(id: string): boolean {
    return this.#tables.has(id);
  }
  get zeroDates(): readonly ZeroDates[] {
    return [...this.#tables.values()].map(({ zero }) => zero);
  }

  /** Reads the schema of all captured tables. Once, before the first event. */
  async load(): Promise<void> {
    await this.#read([...this.#tables.keys()]);
  }

  async #read(ids: readonly string[]): Promise<void> {
    await using link = await this.options.connect();
    const layouts = await readLayouts(link, ids);
    const readAt = await currentPosition(link);
    for (const id of ids) {
      const table = this.#tables.get(id)!;
      const layout = layouts.get(id);
      Object.assign(table, { layout, readAt, unsure: undefined, scanned: false });
    }
  }

  /** DDL on the table at `place`: what was known of it holds no longer. */
  async invalidate(id: string, place: Place): Promise<void> {
    const table = this.#tables.get(id);
    if (table === undefined) return;
    // The schema that was read later than this DDL has it in already.
    if (table.readAt === undefined || comparePlaces(table.readAt, place) < 0) await this.#read([id]);
  }

  /** `place` is where the event stands. Undefined for a table that nobody captures. */
  async resolve(map: TableMap, place: Place): Promise<Resolved | undefined> {
    const id = streamId([map.schema, map.table]);
    const table = this.#tables.get(id);
    if (table === undefined) return undefined;
    const { charsets, connect } = this.options;
    const logCharsets = map.columns.flatMap(({ collation }) => charsets.ofCollation(collation ?? 0) ?? []);
    await charsets.prepare([...logCharsets, ...(table.layout?.charsets.values() ?? [])], connect);
    const logged = (await this.#logged(table, map, place)).map((column, i) => ({ ...column, wire: map.columns[i]! }));
    const shape = shapeOf(
      table,
      map,
      logged.map(({ column }) => column),
    );
    const changed = !sameShape(table.shape, shape);
    table.shape = shape;
    const places = new Map(shape.columns.map(({ name }, i) => [name, i]));
    const columns = logged.map((each): ImageColumn => ({ ...each, place: places.get(each.column.name) ?? -1 }));
    const context: CellContext = { charsets: this.options.charsets, zero: table.zero, stream: id };
    const images = new RowImages({ stream: id, columns, width: shape.columns.length, context });
    return { id, stream: shape, changed, images, transactional: table.layout?.transactional ?? true };
  }

  /** Of the shape's columns at `place`; empty where the schema may have been another one. */
  async defaults(id: string, place: Place): Promise<Row> {
    const table = this.#tables.get(id)!;
    await this.#makeSure(table, place);
    if (table.unsure !== undefined && comparePlaces(place, table.unsure) < 0) return [];
    return table.shape.columns.map(({ name }) => table.layout?.defaults.get(name));
  }

  async #logged(table: Table, map: TableMap, place: Place): Promise<readonly Omit<ImageColumn, 'wire' | 'place'>[]> {
    if (!map.named) return this.#byPosition(table, map, place);
    const known = this.#byName(table, map);
    if (known !== undefined) return known;
    await this.#read([table.captured.stream.id]);
    return this.#byName(table, map) ?? this.#fromLog(table, map);
  }

  /** Undefined when a column is not, or not so, in the schema that was read. */
  #byName(table: Table, map: TableMap): Omit<ImageColumn, 'wire' | 'place'>[] | undefined {
    const byName = new Map(table.layout?.stream.columns.map((column) => [column.name, column]));
    const found: Omit<ImageColumn, 'wire' | 'place'>[] = [];
    for (const logged of map.columns) {
      const column = byName.get(logged.name!);
      if (column === undefined || !fits(column, logged)) return undefined;
      found.push(this.#describe(table, column, logged));
    }
    return found;
  }

  /** The table has changed since: columns that are no more what they were are what the log says. */
  #fromLog(table: Table, map: TableMap): Omit<ImageColumn, 'wire' | 'place'>[] {
    const byName = new Map(table.layout?.stream.columns.map((column) => [column.name, column]));
    const before = new Map(table.shape.columns.map((column) => [column.name, column]));
    return map.columns.map((logged) => {
      const known = [byName.get(logged.name!), before.get(logged.name!)].find(
        (column) => column && fits(column, logged),
      );
      if (known !== undefined) return this.#describe(table, known, logged);
      const charset = this.#charset(table, logged.name!, logged);
      const column = columnOfLog(logged, this.#members(logged, charset), charset === 'binary');
      if (column === undefined)
        throw this.#irreconcilable(table, `column ${JSON.stringify(logged.name)} is of an unknown type`);
      return { column, charset, members: this.#members(logged, charset) };
    });
  }

  async #byPosition(table: Table, map: TableMap, place: Place): Promise<Omit<ImageColumn, 'wire' | 'place'>[]> {
    await this.#makeSure(table, place);
    const columns = table.layout?.stream.columns ?? [];
    if (table.unsure !== undefined && comparePlaces(place, table.unsure) < 0)
      throw this.#irreconcilable(table, 'its columns were changed after the rows that are to be read');
    if (columns.length !== map.columns.length)
      throw this.#irreconcilable(table, `the log has ${map.columns.length} columns, the table ${columns.length}`);
    return columns.map((column, i) => {
      const logged = map.columns[i]!;
      if (!fits(column, logged)) throw this.#irreconcilable(table, `column ${i + 1} is of another type in the log`);
      return this.#describe(table, column, logged);
    });
  }

  /** Looks for DDL between a place of the past and the moment when the schema was read. */
  async #makeSure(table: Table, place: Place): Promise<void> {
    if (table.readAt === undefined) await this.#read([table.captured.stream.id]);
    if (table.scanned || comparePlaces(place, table.readAt!) >= 0) return;
    const latest = [...this.#tables.values()]
      .flatMap(({ readAt }) => readAt ?? [])
      .toSorted(comparePlaces)
      .at(-1)!;
    const touched = await this.options.scan(place, latest);
    for (const [id, each] of this.#tables) {
      if (each.readAt === undefined) continue;
      const last = touched.get(id);
      // DDL behind the reading is met again in the stream.
      each.unsure = last;
      each.scanned = true;
    }
  }

  #describe(table: Table, column: Column, logged: WireColumn): Omit<ImageColumn, 'wire' | 'place'> {
    const isMembered = logged.type === wire.enum || logged.type === wire.set;
    return {
      column,
      charset: this.#charset(table, column.name, logged),
      members: isMembered ? membersOf(column.native) : undefined,
    };
  }
  #charset(table: Table, name: string, { collation }: WireColumn): string | undefined {
    const logged = collation === undefined ? undefined : this.options.charsets.ofCollation(collation);
    return logged ?? table.layout?.charsets.get(name);
  }
  #members({ members }: WireColumn, charset: string | undefined): readonly string[] | undefined {
    const decode = this.options.charsets.decoder(charset ?? '');
    const texts = members?.map((member) => decode?.(member, 0, member.length));
    return texts?.every((text) => text !== undefined) === true ? texts : undefined;
  }

  #irreconcilable({ captured: { stream } }: Table, why: string): DataError {
    return new DataError(
      `${stream.id}: the binary log does not name the columns of its rows, and they cannot be told with certainty: ${why}.`,
      {
        stream: stream.id,
        code: 'mysql.columns-unknown',
        fix: 'SET GLOBAL binlog_row_metadata = FULL, so that this does not happen again, and read the table anew.',
      },
    );
  }
}

/** The pipeline's columns that are there, in its order, then those that are new. */
function shapeOf(table: Table, map: TableMap, logged: readonly Column[]): Stream {
  const { stream, excluded = [] } = table.captured;
  const byName = new Map(logged.map((column) => [column.name, column]));
  const before = new Set(table.shape.columns.map(({ name }) => name));
  const kept = table.shape.columns.flatMap(({ name }) => byName.get(name) ?? []);
  // Without names a column that the log has and the pipeline lacks is new only when the schema was changed.
  const fresh = logged.filter(({ name }) => !before.has(name) && !excluded.includes(name));
  const columns = [...kept, ...fresh];
  const has = (name: string): boolean => columns.some((column) => column.name === name);
  const fromLog = map.key?.map((i) => logged[i]?.name ?? '');
  const key = stream.key.every(has) ? stream.key : fromLog?.every(has) === true ? fromLog : [];
  return { ...table.shape, columns, key };
}

const sameShape = (a: Stream, b: Stream): boolean =>
  JSON.stringify([a.columns.map(facts), a.key]) === JSON.stringify([b.columns.map(facts), b.key]);
const facts = ({ name, type, native, nullable }: Column): readonly unknown[] => [name, type, native, nullable];
