/** What a read has to know of a table as it stands now: how it is stored, and whether it is still what was discovered. */
import { ConfigError, DataError, type Stream, codes } from '@sluice/connector-sdk';
import type { Connection } from '../connect.js';
import { columnsOf } from './discover.js';

/** One stored piece: a table, or a leaf of a partitioned one. */
export interface Relation {
  readonly oid: string;
  readonly path: readonly [string, string];
  /** Blocks of its heap, counted after the snapshot was taken; undefined when it has no blocks to go by. */
  readonly blocks: number | undefined;
  /** All its bytes per block of the heap: what is stored out of line is read with the rows. */
  readonly bytesPerBlock: number;
  /** Changes when the table is rewritten: block numbers of another file mean nothing. */
  readonly file: string;
  readonly estimatedRows: number;
}
export interface StoredStream {
  readonly relations: readonly Relation[];
  /** False: read through the parent, in one piece. */
  readonly byBlocks: boolean;
}

interface Row {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly method: string | null;
  readonly blocks: string | null;
  readonly bytes: string | null;
  readonly file: string | null;
  readonly rows: string;
  readonly secured: string;
  readonly readable: string;
}

const select = `
SELECT c.oid::text, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, m.amname::text AS method,
  (pg_relation_size(c.oid) / current_setting('block_size')::int)::text AS blocks, pg_table_size(c.oid)::text AS bytes,
  pg_relation_filenode(c.oid)::text AS file, c.reltuples::text AS rows, c.relrowsecurity::text AS secured,
  has_table_privilege(c.oid, 'SELECT')::text AS readable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam`;

/** Looks the stream up. Throws ConfigError when it is gone, DataError when its columns are not those of the request any more. */
export async function storedStream(connection: Connection, stream: Stream): Promise<StoredStream> {
  const found = await connection.client.query<Row>(`${select} WHERE n.nspname = $1 AND c.relname = $2`, [
    ...stream.path,
  ]);
  const row = found.rows[0];
  if (!row) throw new ConfigError(`The table ${stream.id} does not exist any more.`, { code: codes.noSuchStream });
  await sameColumns(connection, stream, row.oid);
  if (row.kind !== 'p') return { relations: [relationOf(row)], byBlocks: hasBlocks(connection, row) };
  const leaves = await connection.client.query<Row>(
    `${select} JOIN pg_partition_tree($1::oid) t ON t.relid = c.oid AND t.isleaf ORDER BY c.oid`,
    [row.oid],
  );
  const byBlocks =
    row.secured === 'false' && leaves.rows.every((leaf) => hasBlocks(connection, leaf) && leaf.readable === 'true');
  return { relations: byBlocks ? leaves.rows.map(relationOf) : [relationOf(row)], byBlocks };
}

/** TID range scans came with version 14: before it every window would read the whole table. */
const hasBlocks = ({ version }: Connection, { kind, method }: Row): boolean =>
  version >= 140_000 && (kind === 'r' || kind === 'm') && method === 'heap';

function relationOf(row: Row): Relation {
  const blocks = row.blocks === null ? undefined : Number(row.blocks);
  return {
    oid: row.oid,
    path: [row.schema, row.name],
    blocks,
    bytesPerBlock: blocks ? Math.max(8192, Number(row.bytes) / blocks) : 8192,
    file: row.file ?? '',
    estimatedRows: Number(row.rows),
  };
}

/** Bytes of a column that changed its type since would be taken for those of the old one. (Invariant 9) */
async function sameColumns(connection: Connection, stream: Stream, oid: string): Promise<void> {
  const now = new Map((await columnsOf(connection, [oid])).get(oid)?.map((column) => [column.name, column.native]));
  for (const { name, native } of stream.columns) {
    const type = now.get(name);
    if (type === native) continue;
    const what = type === undefined ? 'is gone or may not be read' : `is now ${type}, not ${native}`;
    throw new DataError(`Column ${JSON.stringify(name)} of ${stream.id} ${what}.`, {
      code: 'postgres.stream-changed',
      stream: stream.id,
      fix: 'Discover the stream again, and start over.',
    });
  }
}
