/** The publication of a pipeline: which tables the log is decoded for. */
import { ConfigError, LostPositionError, type Stream, TransientError, codes, streamId } from '@sluice/connector-sdk';
import { outlast } from '@sluice/sql';
import type { Connection } from '../connect.js';
import { literal, quote } from '../names.js';
import type { Identity } from './identity.js';

export interface PublishedTables {
  /** A publication that was dropped and made again is another one: it does not go back in the log. */
  readonly oid: string;
  readonly tables: ReadonlySet<string>;
  /** Tables of which only some rows are published. */
  readonly filtered: readonly string[];
  readonly allTables: boolean;
  /** Its options are those that it is made with here. */
  readonly complete: boolean;
  readonly viaRoot: boolean;
  readonly storedGenerated: boolean;
}

/** As pg_publication has it; columns that not every version has are absent. */
interface PublicationRow {
  readonly oid: number;
  readonly puballtables: boolean;
  readonly pubviaroot: boolean;
  readonly pubinsert: boolean;
  readonly pubupdate: boolean;
  readonly pubdelete: boolean;
  readonly pubtruncate: boolean;
  readonly pubgencols?: string;
}
interface PublishedRow {
  readonly schemaname: string;
  readonly tablename: string;
  readonly rowfilter?: string | null;
}

/** The publication as it is; undefined when there is none of this name. */
export async function publicationState({ client }: Connection, name: string): Promise<PublishedTables | undefined> {
  const { rows } = await client.query<{ publication: string; tables: string }>(`
    SELECT to_json(p)::text AS publication,
      (SELECT coalesce(json_agg(t), '[]') FROM pg_publication_tables t WHERE t.pubname = p.pubname)::text AS tables
    FROM pg_publication p WHERE p.pubname = ${literal(name)}`);
  if (!rows[0]) return undefined;
  const made = JSON.parse(rows[0].publication) as PublicationRow;
  const tables = JSON.parse(rows[0].tables) as PublishedRow[];
  const id = ({ schemaname, tablename }: PublishedRow): string => streamId([schemaname, tablename]);
  return {
    oid: String(made.oid),
    tables: new Set(tables.map(id)),
    filtered: tables.filter(({ rowfilter }) => rowfilter != null).map(id),
    allTables: made.puballtables,
    complete: made.pubinsert && made.pubupdate && made.pubdelete && made.pubtruncate,
    viaRoot: made.pubviaroot,
    storedGenerated: made.pubgencols === 's',
  };
}

/** What the publication of a pipeline is made with, beyond its tables. */
export const publicationOptions = ({ version }: Pick<Connection, 'version'>): string =>
  [
    "publish = 'insert, update, delete, truncate'",
    'publish_via_partition_root = true',
    ...(version >= 180_000 ? ['publish_generated_columns = stored'] : []),
  ].join(', ');

/** One that was made by somebody else may say less than all; what it leaves out would be missing without a word. (Invariant 6) */
export function refuseIncomplete(
  connection: Connection,
  name: string,
  found: PublishedTables,
  streams: readonly Stream[],
  identities: readonly Identity[],
): void {
  const ours = identities.filter(({ stream }) => streams.some(({ id }) => id === stream));
  const generated = streams.some((stream) => {
    const columns = ours.find((one) => one.stream === stream.id)?.generated ?? [];
    return columns.some(({ name: column }) => stream.columns.some((one) => one.name === column));
  });
  const partitioned = ours.some((identity) => identity.partitioned);
  const filtered = found.filtered.filter((id) => streams.some((stream) => stream.id === id));
  const why = !found.complete
    ? 'does not publish every kind of change'
    : partitioned && !found.viaRoot
      ? 'publishes partitions, and not the tables they are of'
      : generated && !found.storedGenerated
        ? 'does not publish generated columns'
        : filtered.length > 0
          ? `publishes only some rows of ${filtered.join(', ')}`
          : undefined;
  if (why === undefined) return;
  throw new ConfigError(`The publication ${name} ${why}.`, {
    code: 'postgres.publication-incomplete',
    fix: `ALTER PUBLICATION ${quote(name)} SET (${publicationOptions(connection)})${filtered.length > 0 ? ', and take its row filters away' : ''}`,
  });
}

/** Makes the publication, or gives it exactly these tables. Repeatable; throws what the server refuses. */
export async function ensurePublication(
  connection: Connection,
  name: string,
  streams: readonly Stream[],
): Promise<void> {
  const { client } = connection;
  // ONLY: a table that others inherit from is a stream without them.
  const tables = streams.map(({ path }) => `ONLY ${quote(...path)}`).join(', ');
  const found = await publicationState(connection, name);
  if (!found) {
    const list = streams.length > 0 ? ` FOR TABLE ${tables}` : '';
    await client.query(`CREATE PUBLICATION ${quote(name)}${list} WITH (${publicationOptions(connection)})`);
  } else if (!found.allTables && !sameTables(found, streams)) {
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
