/** The conformance kit's own way to the server: plain statements and text, nothing of the plugin but its reading of type names. */
import type { DestinationPeer, PeerColumn, SourcePeer } from '@sluice/connector-kit';
import type { LogicalType, Row, Value } from '@sluice/connector-sdk';
import { nameProblem } from '../src/quote.js';
import { shortFloat } from '../src/source/cell.js';
import { toColumn } from '../src/types.js';
import type { KitDatabase } from './kit-database.js';

const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
const table = (db: KitDatabase, path: readonly string[]): string =>
  (path.length === 1 ? [db.name, ...path] : path).map(quote).join('.');

function spelled(column: PeerColumn, key: boolean): string {
  const { type, precision, scale, length } = column;
  switch (type) {
    case 'boolean':
      return 'BIT(1)';
    case 'decimal':
      return `DECIMAL(${precision ?? 65}, ${scale ?? 30})`;
    case 'string':
      return length === undefined && !key ? 'LONGTEXT' : `VARCHAR(${Math.min(length ?? 200, 2000)})`;
    case 'bytes':
      return key ? 'VARBINARY(100)' : 'LONGBLOB';
    case 'time':
    case 'duration':
      return `TIME(${scale ?? 6})`;
    case 'timestamp':
      return `DATETIME(${scale ?? 6})`;
    case 'timestamptz':
      return `TIMESTAMP(${scale ?? 6})`;
    default:
      return plain[type];
  }
}
const plain = {
  int16: 'SMALLINT',
  int32: 'INT',
  int64: 'BIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  date: 'DATE',
  uuid: 'CHAR(36)',
  json: 'LONGTEXT',
} as const satisfies Partial<Record<LogicalType, string>>;

/** FLOAT takes no text above its own greatest value, though it would round to it. */
const greatest = 3.4028234663852886e38;
function literal(value: Value, { type }: PeerColumn): string {
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Uint8Array) return value.length === 0 ? `''` : `X'${Buffer.from(value).toString('hex')}'`;
  if (typeof value === 'boolean') return value ? `b'1'` : `b'0'`;
  if (Object.is(value, -0)) return `'-0'`;
  if (typeof value === 'number')
    return String(type === 'float32' ? Math.max(-greatest, Math.min(greatest, value)) : value);
  if (typeof value === 'bigint') return String(value);
  const text = Buffer.from(type === 'timestamptz' ? value.replace('Z', '') : value).toString('hex');
  return text === '' ? `''` : `CONVERT(X'${text}' USING utf8mb4)`;
}

async function make(
  db: KitDatabase,
  path: readonly string[],
  columns: readonly PeerColumn[],
  key: readonly string[],
): Promise<void> {
  const lines = columns.map(
    (column) =>
      `${quote(column.name)} ${spelled(column, key.includes(column.name))} ${column.nullable ? 'NULL' : 'NOT NULL'}`,
  );
  if (key.length > 0) lines.push(`PRIMARY KEY (${key.map(quote).join(', ')})`);
  await db.sql(`DROP TABLE IF EXISTS ${table(db, path)}`);
  await db.sql(
    `CREATE TABLE ${table(db, path)} (${lines.join(', ')}) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  );
}

async function add(
  db: KitDatabase,
  path: readonly string[],
  columns: readonly PeerColumn[],
  rows: readonly Row[],
): Promise<void> {
  const insert = (values: readonly string[]) => db.sql(`INSERT INTO ${table(db, path)} VALUES ${values.join(', ')}`);
  let values: string[] = [];
  let size = 0;
  for (const row of rows) {
    values.push(`(${columns.map((column, i) => literal(row[i], column)).join(', ')})`);
    size += values.at(-1)!.length;
    if (size < 1_000_000) continue;
    await insert(values);
    values = [];
    size = 0;
  }
  if (values.length > 0) await insert(values);
}

const cannotSay = (column: PeerColumn, value: Value): string | undefined => {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'FLOAT and DOUBLE have no NaN and no infinities';
  if (column.type === 'decimal' && /^-?[NI]/.test(String(value))) return 'DECIMAL has no NaN and no infinities';
  if (!/^(date|timestamp)/.test(column.type)) return undefined;
  if (/BC$|infinity$/.test(String(value))) return 'dates have no BC and no infinities';
  if (/^\d{5,}-/.test(String(value))) return 'years end with 9999';
  return undefined;
};

/** Some names the server does not even take in a DROP. */
async function drop(db: KitDatabase, path: readonly string[]): Promise<void> {
  if (path.every((part) => nameProblem(part) === undefined)) await db.sql(`DROP TABLE IF EXISTS ${table(db, path)}`);
}

const limits = (db: KitDatabase, server: ServerName) => ({
  cannotHold: (column: PeerColumn, value: Value): string | undefined =>
    server === 'mariadb' && Object.is(value, -0) ? 'MariaDB stores -0 as 0' : cannotSay(column, value),
  cannotName: (name: string): string | undefined => nameProblem(name),
  cut: () => db.cut(),
  async leftovers(): Promise<readonly string[]> {
    const tables = (await db.tables()).filter((name) => /\._sluice_(new|old|check|stage)/.test(name));
    return [...tables, ...(await db.connections()).map((id) => `connection ${id}`)];
  },
});

export type ServerName = 'mariadb' | 'mysql';

export function sourcePeer(db: KitDatabase, server: ServerName): SourcePeer {
  const shapes = new Map<string, readonly PeerColumn[]>();
  const common = limits(db, server);
  return {
    ...common,
    types: { time: 'duration', uuid: 'string', json: 'string' },
    cannotHold: (column, value) =>
      column.type === 'timestamptz' && /^(19[0-6]|20[4-9]|[3-9])/.test(String(value))
        ? 'TIMESTAMP ends in 2038'
        : common.cannotHold(column, value),
    make: async ({ path, columns, key, rows }) => {
      shapes.set(table(db, path), columns);
      await make(db, path, columns, key);
      await add(db, path, columns, rows);
    },
    add: (path, rows) => add(db, path, shapes.get(table(db, path))!, rows),
    drop: (path) => drop(db, path),
  };
}

function fromText(text: string | null, type: LogicalType): Value {
  if (text === null) return null;
  switch (type) {
    case 'int16':
    case 'int32':
    case 'float64':
      return Number(text);
    case 'float32':
      return Number(shortFloat(text));
    case 'int64':
      return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
    case 'boolean':
      return text === '1';
    case 'bytes':
      return new Uint8Array(Buffer.from(text, 'hex'));
    case 'duration':
    case 'timestamp':
      return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
    default:
      return text;
  }
}

export function destinationPeer(db: KitDatabase, server: ServerName): DestinationPeer {
  return {
    ...limits(db, server),
    types: { boolean: 'int16', time: 'duration', timestamptz: 'timestamp', uuid: 'string', json: 'string' },
    make: async ({ path, columns, key, rows }) => {
      await make(db, path, columns, key);
      await add(db, path, columns, rows);
    },
    drop: (path) => drop(db, path),
    tables: () => db.tables(),
    read: async (path) => {
      const [schema, name] = path.length === 1 ? [db.name, path[0]!] : [path[0]!, path[1]!];
      const columns = await columnsOf(db, schema, name);
      if (columns.length === 0) return undefined;
      const cells = columns.map((column, i) => `${cell(column)} AS c${i}`);
      const rows = await db.sql(`SELECT ${cells.join(', ')} FROM ${table(db, path)}`);
      return { columns, rows: rows.map((row) => columns.map(({ type }, i) => fromText(row[i]!, type))) };
    },
  };
}

const cell = ({ name, type }: PeerColumn): string =>
  type === 'bytes'
    ? `HEX(${quote(name)})`
    : type === 'float32'
      ? `${quote(name)} * 1E0`
      : type === 'boolean'
        ? `${quote(name)} + 0`
        : quote(name);

async function columnsOf(db: KitDatabase, schema: string, name: string): Promise<readonly PeerColumn[]> {
  const rows = await db.sql(
    'SELECT COLUMN_NAME, IS_NULLABLE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION' +
      ` FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ${literal(schema, text)} AND TABLE_NAME = ${literal(name, text)} ORDER BY ORDINAL_POSITION`,
  );
  const number = (value: string | null | undefined): number | undefined => (value == null ? undefined : Number(value));
  return rows.map((row) =>
    toColumn({
      name: row[0]!,
      nullable: row[1] === 'YES',
      native: row[2]!,
      length: number(row[3]),
      precision: number(row[4]),
      scale: number(row[5]),
      fraction: number(row[6]),
    }),
  );
}
const text: PeerColumn = { name: '', type: 'string', nullable: false };
