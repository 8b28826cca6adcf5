/** The tables of the log: each described by it before its first change, and again whenever that differs. */
import { type Column, DataError, type Stream } from '@sluice/connector-sdk';
import type { Connection } from '../connect.js';
import { logicalColumn } from '../types.js';
import { type TextSettings, cellReader } from './cell-text.js';
import type { Cell, Shape } from './change-rows.js';
import type { Relation } from './pgoutput-messages.js';

/** A stream whose changes are read. */
export interface Followed {
  readonly stream: Stream;
  /**
   * What becomes of columns of the table that `stream` does not have: 'follow' takes them in with a `schema` batch, 'ignore' leaves them out,
   * as they were not selected.
   */
  readonly added?: 'follow' | 'ignore';
}

/** Types by id and modifier, as format_type spells them, domains as what they stand for. */
const typesSql = `
WITH RECURSIVE step(n, oid, typmod) AS (
  SELECT n, oid, typmod FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY w(oid, typmod, n)
  UNION ALL
  SELECT s.n, t.typbasetype, CASE WHEN s.typmod >= 0 THEN s.typmod ELSE t.typtypmod END
  FROM step s JOIN pg_type t ON t.oid = s.oid AND t.typtype = 'd'
)
SELECT s.n::text AS n, CASE WHEN t.oid IS NULL THEN '' ELSE format_type(s.oid, s.typmod) END AS native, coalesce(e.typdelim, ',')::text AS delimiter
FROM step s LEFT JOIN pg_type t ON t.oid = s.oid LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' WHERE t.typtype IS DISTINCT FROM 'd'`;

/** A type as format_type spells it ('' when it is gone), and what stands between the elements of its arrays' text. */
type Spelled = { readonly native: string; readonly delimiter: string };

/** Of these columns those that the role may read; with the right to the table, those that were dropped since, too. */
const readableSql = `
SELECT w.name FROM unnest($2::text[]) w(name) JOIN pg_class c ON c.oid = $1::oid
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND a.attnum > 0
WHERE has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT')`;

export class Relations {
  readonly #connection: Connection;
  readonly #settings: Omit<TextSettings, 'delimiter'>;
  readonly #followed = new Map<string, Followed>();
  /** The shape that was announced last, by stream. */
  readonly #announced = new Map<string, Stream>();
  readonly #shapes = new Map<number, Shape>();
  readonly #pathOf = new Map<number, string>();
  /** Spellings by 'id:modifier', and what the log itself says of types that are not built in. */
  readonly #natives = new Map<string, Spelled>();
  readonly #names = new Map<number, string>();

  constructor(connection: Connection, settings: Omit<TextSettings, 'delimiter'>, followed: readonly Followed[]) {
    this.#connection = connection;
    this.#settings = settings;
    for (const one of followed) {
      this.#followed.set(pathKey(one.stream.path), one);
      this.#announced.set(one.stream.id, one.stream);
    }
  }

  /** Of a relation that was described; undefined when it is none of the streams. */
  shape(id: number): Shape | undefined {
    return this.#shapes.get(id);
  }

  nameType(id: number, schema: string, name: string): void {
    this.#names.set(id, schema === '' ? name : `${schema}.${name}`);
  }

  /** Takes a description; answers the stream when its shape is another than was announced. */
  async describe(relation: Relation): Promise<Stream | undefined> {
    const key = pathKey([relation.schema === '' ? 'pg_catalog' : relation.schema, relation.name]);
    const known = this.#pathOf.get(relation.id);
    if (known !== undefined && known !== key) throw renamed(this.#followed.get(known)!.stream, relation);
    const followed = this.#followed.get(key);
    if (!followed) return undefined; // of a table that the pipeline had before, or does not have yet
    this.#pathOf.set(relation.id, key);
    const before = this.#announced.get(followed.stream.id)!;
    const now = await this.#columns(relation, before);
    const added = now.filter(({ name }) => !before.columns.some((column) => column.name === name));
    const open = followed.added === 'ignore' ? [] : await this.#readable(relation.id, added);
    const stream = reshaped(before, now, open);
    this.#shapes.set(relation.id, this.#shapeOf(stream, relation));
    if (sameShape(before, stream)) return undefined;
    this.#announced.set(stream.id, stream);
    return stream;
  }

  /** Its columns; those that did not change are the very ones that were announced. */
  async #columns(relation: Relation, before: Stream): Promise<Column[]> {
    await this.#learn(relation);
    return relation.columns.map(({ name, type, modifier }) => {
      const native = this.#natives.get(`${type}:${modifier}`)!.native || this.#names.get(type) || 'unknown';
      const old = before.columns.find((column) => column.name === name);
      if (old?.native === native) return old;
      return { name, native, nullable: old?.nullable ?? true, ...logicalColumn(native) };
    });
  }

  /** Those that the role may read: the log has the others as well, and they are not offered. */
  async #readable(relation: number, columns: readonly Column[]): Promise<readonly Column[]> {
    if (columns.length === 0) return columns;
    const { rows } = await this.#connection.client.query<{ name: string }>(readableSql, [
      String(relation),
      columns.map(({ name }) => name),
    ]);
    return columns.filter(({ name }) => rows.some((row) => row.name === name));
  }

  async #learn({ columns }: Relation): Promise<void> {
    const wanted = columns.filter(({ type, modifier }) => !this.#natives.has(`${type}:${modifier}`));
    if (wanted.length === 0) return;
    const { rows } = await this.#connection.client.query<{ n: string } & Spelled>(typesSql, [
      wanted.map(({ type }) => String(type)),
      wanted.map(({ modifier }) => String(modifier)),
    ]);
    for (const { n, native, delimiter } of rows) {
      const { type, modifier } = wanted[Number(n) - 1]!;
      this.#natives.set(`${type}:${modifier}`, { native, delimiter });
    }
  }

  #shapeOf(stream: Stream, relation: Relation): Shape {
    const cells = relation.columns.map(({ name, identity, type, modifier }): Cell | undefined => {
      const to = stream.columns.findIndex((column) => column.name === name);
      if (to < 0) return undefined;
      const settings = { ...this.#settings, delimiter: this.#natives.get(`${type}:${modifier}`)!.delimiter };
      return { to, name, identity, read: cellReader(stream.id, stream.columns[to]!, settings) };
    });
    const identity = new Set(relation.columns.filter((column) => column.identity).map(({ name }) => name));
    return { stream, cells, keyed: stream.key.every((name) => identity.has(name)) };
  }
}

/** JSON keeps every two paths apart. */
const pathKey = (path: readonly string[]): string => JSON.stringify(path);

/** The columns in the order they were announced in; new ones behind them. */
function reshaped(before: Stream, now: readonly Column[], added: readonly Column[]): Stream {
  const kept = before.columns.flatMap(({ name }) => now.find((column) => column.name === name) ?? []);
  const columns = [...kept, ...added];
  const names = new Set(columns.map(({ name }) => name));
  const key = before.key.every((name) => names.has(name)) ? before.key : [];
  return { ...before, columns, key, cursors: before.cursors.filter((name) => names.has(name)) };
}

const sameShape = (a: Stream, b: Stream): boolean =>
  a.columns.length === b.columns.length && a.columns.every((column, index) => column === b.columns[index]);

function renamed({ id, path }: Stream, { schema, name }: Relation): DataError {
  return new DataError(`The table ${id} was renamed, to ${JSON.stringify(name)} in schema ${JSON.stringify(schema)}.`, {
    stream: id,
    code: 'postgres.stream-changed',
    fix: `Rename it back to ${path.join('.')}, or take the new name into the pipeline, with a new full load.`,
  });
}
