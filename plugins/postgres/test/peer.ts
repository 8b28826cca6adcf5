/** The kit's own way to PostgreSQL: plain statements and text, nothing of the plugin but its reading of type names. */
import type { DestinationPeer, PeerColumn, SourcePeer } from '@sluice/connector-kit';
import type { LogicalType, Row, Value } from '@sluice/connector-sdk';
import { logicalColumn } from '../src/types.js';
import type { TestDatabase } from './server.js';

const quote = (...path: readonly string[]): string => path.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
const inSchema = (path: readonly string[]): string => quote(...(path.length === 1 ? ['public', ...path] : path));

const spelled: Readonly<Record<LogicalType, string>> = {
  boolean: 'boolean',
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'double precision',
  decimal: 'numeric',
  string: 'text',
  bytes: 'bytea',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamp with time zone',
  duration: 'interval',
  uuid: 'uuid',
  json: 'json',
};
/** As format_type would spell the column of this kind. */
export function nativeOf({ type, precision, scale, length }: PeerColumn): string {
  if (type === 'decimal' && precision !== undefined) return `numeric(${precision},${scale ?? 0})`;
  if (type === 'string' && length !== undefined) return `character varying(${length})`;
  if (type === 'time' || type === 'timestamp') return `${type} without time zone`;
  return spelled[type];
}

function toText(value: Value, { type }: PeerColumn): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  if (Object.is(value, -0)) return '-0';
  return type === 'timestamptz' ? String(value).replace('Z', '+00') : String(value);
}

function fromText(text: string | null, type: LogicalType): Value {
  if (text === null) return null;
  switch (type) {
    case 'boolean':
      return text === 't';
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return Number(text);
    case 'int64':
      return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
    case 'bytes':
      return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
    case 'timestamptz':
      return text.replace('+00', 'Z');
    default:
      return text;
  }
}

async function make(
  db: TestDatabase,
  path: readonly string[],
  columns: readonly PeerColumn[],
  key: readonly string[],
): Promise<void> {
  const table = inSchema(path);
  const lines = columns.map(
    (column) => `${quote(column.name)} ${nativeOf(column)}${column.nullable ? '' : ' NOT NULL'}`,
  );
  if (key.length > 0) lines.push(`PRIMARY KEY (${key.map((name) => quote(name)).join(', ')})`);
  if (path.length > 1) await db.query(`CREATE SCHEMA IF NOT EXISTS ${quote(path[0]!)}`);
  await drop(db, path);
  await db.query(`CREATE TABLE ${table} (${lines.join(', ')})`);
}

async function add(
  db: TestDatabase,
  path: readonly string[],
  columns: readonly PeerColumn[],
  rows: readonly Row[],
): Promise<void> {
  const values = columns.map((column, i) => `(r->>${i})::${nativeOf(column)}`);
  const texts = rows.map((row) => columns.map((column, i) => toText(row[i], column)));
  await db.query(`INSERT INTO ${inSchema(path)} SELECT ${values.join(', ')} FROM json_array_elements($1::json) r`, [
    JSON.stringify(texts),
  ]);
}

/** The case has ended, but its session may still hold the moment it read in, and with it a lock on the table. */
async function drop(db: TestDatabase, path: readonly string[]): Promise<void> {
  const sql = `DROP TABLE IF EXISTS ${inSchema(path)}`;
  await db.query("SET lock_timeout = '200ms'");
  await db.query(sql).catch(async () => {
    await cut(db);
    await db.query(sql);
  });
  await db.query('SET lock_timeout = 0');
}

async function cut(db: TestDatabase): Promise<void> {
  await db.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = current_database()`,
  );
}

const limits = (db: TestDatabase) => ({
  types: { duration: null }, // an interval may have months, so it is a string
  cannotHold: (column: PeerColumn, value: Value): string | undefined => {
    if (typeof value === 'string' && value.includes('\0')) return 'PostgreSQL text has no zero byte';
    if (column.type === 'decimal' && column.precision !== undefined && /Infinity/.test(String(value)))
      return 'numeric with a precision has no infinity';
    return undefined;
  },
  cannotName: (name: string): string | undefined =>
    Buffer.byteLength(name) > 63 ? 'names have at most 63 bytes' : undefined,
  cut: () => cut(db),
  async leftovers(): Promise<readonly string[]> {
    const found = await db.query(
      `SELECT 'connection ' || pid AS x FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = current_database()
       UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
       UNION ALL SELECT 'table ' || relname FROM pg_class WHERE starts_with(relname, '_sluice')`,
    );
    return found.map((row) => String(row['x']));
  },
});

export function sourcePeer(db: TestDatabase): SourcePeer {
  const shapes = new Map<string, readonly PeerColumn[]>();
  return {
    ...limits(db),
    make: async ({ path, columns, key, rows }) => {
      shapes.set(inSchema(path), columns);
      await make(db, path, columns, key);
      await add(db, path, columns, rows);
    },
    add: (path, rows) => add(db, path, shapes.get(inSchema(path))!, rows),
    drop: (path) => drop(db, path),
  };
}

export function destinationPeer(db: TestDatabase): DestinationPeer {
  return {
    ...limits(db),
    types: {},
    make: async ({ path, columns, key, rows }) => {
      await make(db, path, columns, key);
      await add(db, path, columns, rows);
    },
    drop: (path) => drop(db, path),
    tables: async () => {
      const found =
        await db.query(`SELECT n.nspname || '.' || relname AS x FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'`);
      return found.map((row) => String(row['x']));
    },
    read: async (path) => {
      const exists = await db.query('SELECT to_regclass($1)::oid AS oid', [inSchema(path)]);
      if (exists[0]!['oid'] === null) return undefined;
      const found = await db.query(
        `SELECT attname AS name, format_type(atttypid, atttypmod) AS native, NOT attnotnull AS nullable FROM pg_attribute
         WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
        [exists[0]!['oid']],
      );
      const columns = found.map(({ name, native, nullable }): PeerColumn => {
        const logical = native === 'interval' ? { type: 'duration' as const } : logicalColumn(String(native));
        return { name: String(name), nullable: nullable === 't', ...logical };
      });
      const rows = await db.query(`SELECT * FROM ${inSchema(path)}`);
      return {
        columns,
        rows: rows.map((row) => columns.map(({ name, type }) => fromText(row[name] as string | null, type))),
      };
    },
  };
}
