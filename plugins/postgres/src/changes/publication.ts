/** The publication of a pipeline: which tables the log is decoded for. */
import { LostPositionError, type Stream, TransientError, codes, streamId } from '@sluice/connector-sdk';
import { outlast } from '@sluice/sql';
import type { Connection } from '../connect.js';
import { literal, quote } from '../names.js';

export interface PublishedTables {
  /** A publication that was dropped and made again is another one: it does not go back in the log. */
  readonly oid: string;
  readonly tables: ReadonlySet<string>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** The publication as it is; undefined when there is none of this name. */
export async function publicationState({ client }: Connection, name: string): Promise<PublishedTables | undefined> {
  const { rows } = await client.query<{ publication: string; tables: string }>(`
    SELECT to_json(p)::text AS publication, (SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname)), '[]')
      FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE r.prpubid = p.oid)::text AS tables
    FROM pg_publication p WHERE p.pubname = ${literal(name)}`);
  if (!rows[0]) return undefined;
  const options = JSON.parse(rows[0].publication) as Record<string, unknown>;
  const paths = JSON.parse(rows[0].tables) as [string, string][];
  return { oid: String(options['oid']), tables: new Set(paths.map((path) => streamId(path))), options };
}

/** Makes the publication, or gives it exactly these tables. Repeatable; throws what the server refuses. */
export async function ensurePublication(
  connection: Connection,
  name: string,
  streams: readonly Stream[],
): Promise<void> {
  const { client, version } = connection;
  // ONLY: a table that others inherit from is a stream without them.
  const tables = streams.map(({ path }) => `ONLY ${quote(...path)}`).join(', ');
  const found = await publicationState(connection, name);
  if (!found) {
    const options = [
      `publish_via_partition_root = true`,
      ...(version >= 180_000 ? ['publish_generated_columns = stored'] : []),
    ];
    const list = streams.length > 0 ? ` FOR TABLE ${tables}` : '';
    await client.query(`CREATE PUBLICATION ${quote(name)}${list} WITH (${options.join(', ')})`);
  } else if (!sameTables(found, streams)) {
    await client.query(`ALTER PUBLICATION ${quote(name)} SET TABLE ${tables}`);
  }
}
const writersSql = `
SELECT DISTINCT l.virtualtransaction AS id FROM pg_locks l
JOIN unnest($1::text[], $2::text[]) w(schema, name) ON true
JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.relation = c.oid OR l.relation IN (SELECT relid FROM pg_partition_tree(c.oid)))
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`;

/**
 * Waits for the transactions that may have written these tables before they were published: what they wrote is not in the log, and
 * a copy that is begun later has it.
 */
export async function outlastUnlogged(
  { client }: Connection,
  streams: readonly Stream[],
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const paths = [streams.map(({ path }) => path[0]), streams.map(({ path }) => path[1])];
  const writers = async () => (await client.query<{ id: string }>(writersSql, paths)).rows;
  const left = streams.length === 0 ? [] : ((await outlast(writers, seconds, signal)) ?? []);
  if (left.length === 0) return;
  const message = `${left.length} transactions that write tables stay open: what they wrote before the tables were published is not in the log.`;
  throw new TransientError(message, { code: codes.lockConflict, fix: 'End them; pg_stat_activity lists them.' });
}

const sameTables = ({ tables }: PublishedTables, streams: readonly Stream[]): boolean =>
  tables.size === streams.length && streams.every(({ id }) => tables.has(id));

/** Invariant 7: of a table that is not published the log has nothing to go on with. */
export function refuseUnpublished(found: PublishedTables | undefined, name: string, streams: readonly Stream[]): void {
  const missing = streams.filter(({ id }) => !found?.tables.has(id)).map(({ id }) => id);
  if (found && missing.length === 0) return;
  const message = found
    ? `The publication ${name} does not have these tables any more: ${missing.join(', ')}. Their changes were not kept.`
    : `The publication ${name} is gone: changes were not kept.`;
  throw new LostPositionError(message, missing.join(', ') || name, found ? [...found.tables].join(', ') : 'none');
}

/** Tables whose updates and deletes the server would refuse to everyone, once they were published. */
export interface Identity {
  readonly stream: string;
  /** 'd', 'f', 'i' or 'n', as the catalogue has it; of a partitioned table that of the partition that is worst off. */
  readonly kind: string;
  /** Its columns; every one with 'f', none when there is none. */
  readonly columns: readonly string[];
  readonly partitioned: boolean;
  /** Columns that are generated, and so not in the log before version 18, or never when they are virtual. */
  readonly generated: readonly { readonly name: string; readonly stored: boolean }[];
  readonly kindOfRelation: string;
}

const identitySql = `
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, leaf.*,
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
  type Row = Record<'schema' | 'name' | 'kind' | 'identity' | 'columns' | 'generated', string>;
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
