/** What the log has of a table's rows: who is who in it, and which columns. */
import { type Stream, streamId } from '@sluice/connector-sdk';
import type { Connection } from '../connect.js';

/** How the rows of a table are told apart in the log, and what of it the log has. */
export interface Identity {
  readonly stream: string;
  /** 'd', 'f', 'i' or 'n', as the catalogue has it; of a partitioned table that of the partition that is worst off. */
  readonly kind: string;
  /** Its columns; every one with 'f', none when there is none. */
  readonly columns: readonly string[];
  readonly partitioned: boolean;
  /** Columns that are generated, and so not in the log before version 18, or never when they are virtual. */
  readonly generated: readonly { readonly name: string; readonly stored: boolean }[];
  /** 'r' and 'p' are tables, ordinary and partitioned. */
  readonly kindOfRelation: string;
  /** Written to the log at all. */
  readonly logged: boolean;
}

const identitySql = `
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence, leaf.*,
  (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'stored', a.attgenerated = 's')), '[]')
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped)::text AS generated
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN unnest($1::text[], $2::text[]) AS w(schema, name) ON w.schema = n.nspname AND w.name = c.relname
CROSS JOIN LATERAL (
  SELECT l.relreplident::text AS identity, coalesce(i.names, '[]') AS columns
  FROM (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf) t
  JOIN pg_class l ON l.oid = t.relid
  LEFT JOIN LATERAL (
    SELECT json_agg(a.attname ORDER BY a.attnum)::text AS names
    FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY(x.indkey)
    WHERE x.indrelid = l.oid AND (l.relreplident = 'd' AND x.indisprimary OR l.relreplident = 'i' AND x.indisreplident)
  ) i ON true
  ORDER BY l.relreplident = 'f', i.names IS NOT NULL, l.relreplident DESC LIMIT 1
) leaf`;

/** What the log has of each table's old rows, for tables that exist. */
export async function identitiesOf({ client }: Connection, streams: readonly Stream[]): Promise<Identity[]> {
  type Row = Record<'schema' | 'name' | 'kind' | 'identity' | 'columns' | 'generated' | 'persistence', string>;
  const { rows } = await client.query<Row>(identitySql, [
    streams.map(({ path }) => path[0]),
    streams.map(({ path }) => path[1]),
  ]);
  return rows.map((row) => ({
    stream: streamId([row.schema, row.name]),
    kind: row.identity,
    columns: JSON.parse(row.columns) as string[],
    partitioned: row.kind === 'p',
    generated: JSON.parse(row.generated) as { name: string; stored: boolean }[],
    kindOfRelation: row.kind,
    logged: row.persistence === 'p',
  }));
}

/** Columns of the stream that the log never has: their values cannot be told from it, and leaving them as they were would be wrong. */
export const unloggedColumns = (stream: Stream, { generated }: Identity, version: number): string[] =>
  generated
    .filter(({ name, stored }) => !(stored && version >= 180_000) && stream.columns.some((c) => c.name === name))
    .map(({ name }) => name);

/** True when updates and deletes of the table are logged with what tells its rows apart. */
export const tellsRows = ({ key }: Stream, { kind, columns }: Identity): boolean =>
  kind === 'f' || (columns.length > 0 && key.every((name) => columns.includes(name)));
