/** What the schema says of captured tables now: all their columns in order, and what the log leaves out. */
import type { Stream, Value } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteText } from '../quote.js';
import { discover } from '../source/discover.js';
import { defaultOf } from './defaults.js';

export interface Layout {
  readonly stream: Stream;
  /** Character sets by column name. */
  readonly charsets: ReadonlyMap<string, string>;
  /** By column name: what an insert that left it out made it, as a full read gives it. */
  readonly defaults: ReadonlyMap<string, Value>;
  /** A rollback does not take its rows back when false. */
  readonly transactional: boolean;
}

/** By stream id; a table that is not there now has none. */
export async function readLayouts(link: Link, ids: readonly string[]): Promise<ReadonlyMap<string, Layout>> {
  const streams = await discover(link, undefined, ids);
  const layouts = new Map<string, Layout>();
  if (streams.length === 0) return layouts;
  const where = streams.map(
    ({ path: [schema, table] }) => `(TABLE_SCHEMA = ${quoteText(schema!)} AND TABLE_NAME = ${quoteText(table!)})`,
  );
  const scope = where.join(' OR ');
  const columns = await link.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME, IS_NULLABLE, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS WHERE ${scope}`,
  );
  const engines = await link.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, e.TRANSACTIONS FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE ${scope}`,
  );
  const keyOf = (schema: string | null | undefined, table: string | null | undefined): string => `${schema}\0${table}`;
  const byTable = new Map<string, (typeof columns)[number][]>();
  for (const row of columns) {
    const key = keyOf(row[0], row[1]);
    byTable.set(key, [...(byTable.get(key) ?? []), row]);
  }
  const transactional = new Map(engines.map(([schema, table, value]) => [keyOf(schema, table), value !== 'NO']));
  for (const stream of streams) {
    const key = keyOf(stream.path[0], stream.path[1]);
    const own = byTable.get(key) ?? [];
    const charsets = new Map<string, string>();
    const defaults = new Map<string, Value>();
    for (const [, , name, charset, nullable, text, extra] of own) {
      const column = stream.columns.find((each) => each.name === name);
      const facts = { nullable: nullable === 'YES', text: text ?? null, extra: extra ?? '' };
      const value = column && defaultOf(column, facts, link.server.flavour);
      if (charset != null) charsets.set(name!, charset);
      if (value !== undefined) defaults.set(name!, value);
    }
    layouts.set(stream.id, { stream, charsets, defaults, transactional: transactional.get(key) ?? true });
  }
  return layouts;
}
