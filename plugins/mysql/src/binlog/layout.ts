/** What the schema says of captured tables now: all their columns in order, and what the log leaves out. */
import type { Stream } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteText } from '../quote.js';
import { discover } from '../source/discover.js';

export interface Layout {
  readonly stream: Stream;
  /** Character sets by column name. */
  readonly charsets: ReadonlyMap<string, string>;
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
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE CHARACTER_SET_NAME IS NOT NULL AND (${scope})`,
  );
  const engines = await link.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, e.TRANSACTIONS FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE ${scope}`,
  );
  const keyOf = (schema: string | null | undefined, table: string | null | undefined): string => `${schema}\0${table}`;
  for (const stream of streams) {
    const key = keyOf(stream.path[0], stream.path[1]);
    const own = columns.filter(([schema, table]) => keyOf(schema, table) === key);
    layouts.set(stream.id, {
      stream,
      charsets: new Map(own.map(([, , name, charset]) => [name!, charset!])),
      transactional: engines.find(([schema, table]) => keyOf(schema, table) === key)?.[2] !== 'NO',
    });
  }
  return layouts;
}
