/** What a read has to know of a table as it stands now: how it is stored, and whether it is still what was discovered. */
import {
  ConfigError,
  DataError,
  LostPositionError,
  type Stream,
  TransientError,
  codes,
  isSluiceError,
} from '@sluice/connector-sdk';
import type { Connection } from '../connect.js';
import { literal, quote } from '../names.js';
import { columnsOf } from './discover.js';
import type { Source } from './session.js';

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
  /** Truncated or rewritten after the snapshot was taken: to that snapshot the table is empty, which it never was. */
  readonly overtaken: boolean;
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
  /** Its file as of the snapshot; `file` is that of now. */
  readonly seen: string;
  readonly rows: string;
  readonly secured: string;
  readonly readable: string;
}

const select = `
SELECT c.oid::text, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, m.amname::text AS method,
  (pg_relation_size(c.oid) / current_setting('block_size')::int)::text AS blocks, pg_table_size(c.oid)::text AS bytes,
  pg_relation_filenode(c.oid)::text AS file, c.relfilenode::text AS seen, c.reltuples::text AS rows, c.relrowsecurity::text AS secured,
  has_table_privilege(c.oid, 'SELECT')::text AS readable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam`;

/** Looks the stream up, and keeps its files as they are until the moment ends. Throws ConfigError when it is gone, DataError when its columns are not those of the request any more. */
export async function storedStream(connection: Connection, stream: Stream): Promise<StoredStream> {
  const found = await connection.client.query<Row>(`${select} WHERE n.nspname = $1 AND c.relname = $2`, [
    ...stream.path,
  ]);
  const row = found.rows[0];
  if (!row) throw new ConfigError(`The table ${stream.id} does not exist any more.`, { code: codes.noSuchStream });
  // What is locked by a query stays so to the end of the transaction, its partitions included.
  if (/[rpm]/.test(row.kind)) await connection.client.query(`SELECT FROM ${quote(...relationOf(row).path)} LIMIT 0`);
  await sameColumns(connection, stream, row.oid);
  const parts =
    row.kind === 'p' ? 'JOIN pg_partition_tree($1::oid) t ON t.relid = c.oid AND t.isleaf' : 'WHERE c.oid = $1';
  const { rows: leaves } = await connection.client.query<Row>(`${select} ${parts} ORDER BY c.oid`, [row.oid]);
  const overtaken = leaves.some(({ file, seen }) => file !== null && file !== seen);
  const byBlocks =
    (row.kind !== 'p' || row.secured === 'false') &&
    leaves.every((leaf) => hasBlocks(connection, leaf) && (row.kind !== 'p' || leaf.readable === 'true'));
  return { relations: byBlocks ? leaves.map(relationOf) : [relationOf(row)], byBlocks, overtaken };
}

/** Enters the moment, or a new one when the table was overtaken. Throws as `storedStream`, and TransientError. */
export async function enterAndStore(
  { moment, connection, context }: Source,
  stream: Stream,
  snapshot?: string,
): Promise<StoredStream> {
  try {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const entered = await moment.enter(snapshot);
      const stored = await storedStream(connection, stream).catch((error: unknown) => {
        if (entered || snapshot !== undefined || !isSluiceError(error, 'config') || error.code !== codes.noSuchStream)
          throw error;
        return undefined; // made after the session's moment, which cannot see it
      });
      if (stored && !stored.overtaken) return stored;
      await moment.leave();
      context.log('warn', 'The table was made or rewritten after the snapshot was taken: it is read as of now.', {
        stream: stream.id,
      });
      snapshot = undefined;
    }
  } catch (error) {
    await moment.recover().catch(() => undefined); // the error in hand says more
    throw error;
  }
  throw new TransientError(`The table ${stream.id} is rewritten again and again.`, { code: codes.lockConflict });
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

/** Which transactions the moment sees, as pg_snapshot. */
export async function seenNow({ connection: { client } }: Pick<Source, 'connection'>): Promise<string> {
  return (await client.query<{ seen: string }>('SELECT pg_current_snapshot()::text AS seen')).rows[0]!.seen;
}

/**
 * A row updated since `began` may have moved from blocks that are still to be read to blocks that were, or the other way: it would be
 * lost, or come twice. Whether any may have been written since is all that can be told, so it is refused. (Invariants 6 and 7)
 */
export async function refuseMoved(
  { connection: { client } }: Source,
  stream: Stream,
  { relations, byBlocks }: StoredStream,
  began: string,
): Promise<void> {
  // Older than any that was open then. Of the others a snapshot does not tell: it names open transactions, not their savepoints,
  // under whose numbers rows are written as well.
  const settled = `pg_snapshot_xmin(${literal(began)}::pg_snapshot)::text::bigint`;
  // A row tells the lower 32 bits of its transaction, which is one of the 2^31 before or after that.
  const near = `(xmin::text::bigint - ${settled} % 4294967296 + 6442450944) % 4294967296 - 2147483648`;
  for (const { path } of byBlocks ? relations : []) {
    const sql = `SELECT EXISTS (SELECT FROM ONLY ${quote(...path)} WHERE xmin::text::bigint > 2 AND ${near} >= 0)::text AS moved`;
    const { rows } = await client.query<{ moved: string }>(sql);
    if (rows[0]!.moved === 'false') continue;
    const message = `Rows of ${stream.id} were written since its load began and broke off: going on could lose some and repeat others.`;
    throw new LostPositionError(message, `snapshot ${began}`, 'a later one', { fix: 'Start the load over.' });
  }
}
