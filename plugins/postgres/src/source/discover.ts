/** The catalogue as streams: two statements, whatever the number of tables. */
import { type Column, type Stream, parsePath, streamId } from '@sluice/connector-sdk';
import { ownPrefix } from '@sluice/sql';
import type { Connection } from '../connect.js';
import { logicalColumn, parseNative } from '../types.js';

interface RelationRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly rows: string;
  readonly pages: string;
  readonly key: readonly string[] | null;
}

/** Tables, partitioned tables (not their leaves), views, materialized views and foreign tables that the role may read. */
const relationsSql = `
SELECT c.oid::text, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
  CASE c.relkind WHEN 'p' THEN p.rows ELSE c.reltuples END::text AS rows,
  CASE c.relkind WHEN 'p' THEN p.pages ELSE c.relpages END::text AS pages,
  to_json(k.names)::text AS key
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT sum(greatest(l.reltuples, 0)) AS rows, sum(l.relpages) AS pages
  FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid WHERE c.relkind = 'p' AND t.isleaf
) p ON true
LEFT JOIN LATERAL (
  SELECT (SELECT array_agg(a.attname::text ORDER BY u.position)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, position)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
          WHERE u.position <= i.indnkeyatts) AS names
  FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (
      SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, position)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
      WHERE u.position <= i.indnkeyatts AND NOT a.attnotnull)
  ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1
) k ON true
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT starts_with(c.relname, '${ownPrefix}')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  AND ($1::text[] IS NULL OR (n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[])))`;

interface ColumnRow {
  readonly relation: string;
  readonly name: string;
  readonly native: string;
  readonly nullable: string;
}

/** A domain is read as the type it stands for: its constraints hold already, and its values travel as that type's. */
const columnsSql = `
WITH RECURSIVE domain(oid, base, typmod) AS (
  SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT d.oid, t.typbasetype, CASE WHEN d.typmod >= 0 THEN d.typmod ELSE t.typtypmod END
  FROM domain d JOIN pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
), resolved AS (
  SELECT d.oid, d.base, d.typmod FROM domain d JOIN pg_type t ON t.oid = d.base WHERE t.typtype <> 'd'
)
SELECT a.attrelid::text AS relation, a.attname::text AS name,
  CASE WHEN d.oid IS NULL THEN format_type(a.atttypid, a.atttypmod)
    ELSE format_type(d.base, CASE WHEN d.typmod >= 0 THEN d.typmod ELSE a.atttypmod END) END AS native,
  (NOT a.attnotnull)::text AS nullable
FROM pg_attribute a LEFT JOIN resolved d ON d.oid = a.atttypid
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND (has_table_privilege(a.attrelid, 'SELECT') OR has_column_privilege(a.attrelid, a.attnum, 'SELECT'))
ORDER BY a.attrelid, a.attnum`;

/** The streams, or those of `only` that exist; ordered by id. */
export async function discover({ client }: Connection, only?: readonly string[]): Promise<Stream[]> {
  const paths = only?.map(pathOf).filter((path) => path !== undefined);
  if (paths?.length === 0) return [];
  const relations = await client.query<RelationRow>(relationsSql, [
    paths?.map((path) => path[0]) ?? null,
    paths?.map((path) => path[1]) ?? null,
  ]);
  const columns = await columnsOf(
    { client },
    relations.rows.map((row) => row.oid),
  );
  return relations.rows
    .map((row) => streamOf(row, columns.get(row.oid) ?? []))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The readable columns of relations, by their oid. */
export async function columnsOf(
  { client }: Pick<Connection, 'client'>,
  oids: readonly string[],
): Promise<Map<string, Column[]>> {
  const result = await client.query<ColumnRow>(columnsSql, [oids]);
  const columns = new Map<string, Column[]>();
  for (const { relation, name, native, nullable } of result.rows) {
    const column = { name, native, nullable: nullable === 'true', ...logicalColumn(native) };
    const list = columns.get(relation);
    if (list) list.push(column);
    else columns.set(relation, [column]);
  }
  return columns;
}

function pathOf(id: string): string[] | undefined {
  try {
    const path = parsePath(id);
    return path.length === 2 ? path : undefined;
  } catch {
    return undefined; // not an id of ours: such a stream does not exist
  }
}

const blockSize = 8192;

function streamOf(row: RelationRow, columns: readonly Column[]): Stream {
  const path = [row.schema, row.name];
  const names = new Set(columns.map((column) => column.name));
  const key = (JSON.parse(String(row.key)) as string[] | null) ?? [];
  // Those that every row has come first: rows without a cursor value are read once only.
  const cursors = columns
    .filter(isCursor)
    .toSorted((a, b) => Number(a.nullable) - Number(b.nullable))
    .map((column) => column.name);
  const rows = Number(row.rows);
  return {
    id: streamId(path),
    path,
    system: 'postgres',
    kind: row.kind === 'v' || row.kind === 'm' ? 'view' : 'table',
    columns,
    key: key.every((name) => names.has(name)) ? key : [],
    modes: cursors.length > 0 ? ['full', 'cursor'] : ['full'],
    cursors,
    ...(rows >= 0 && row.kind !== 'v'
      ? { estimate: { rows: Math.round(rows), bytes: Number(row.pages) * blockSize } }
      : {}),
  };
}

const cursorBases = new Set([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'date',
  'timestamp without time zone',
  'timestamp with time zone',
]);
/** Types whose order is that of time or of counting. */
function isCursor({ native }: Column): boolean {
  const parsed = parseNative(native);
  return parsed !== undefined && !parsed.array && cursorBases.has(parsed.base);
}
