import { type Stream, parsePath, streamId } from '@sluice/connector-sdk';
import type { Cells, Link } from '../link.js';
import { nameProblem, quoteText } from '../quote.js';
import { type ColumnFacts, isCursor, toColumn } from '../types.js';

const systemSchemas = ['information_schema', 'mysql', 'performance_schema', 'sys'];
const readable = `TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')`;

/** Checkpoints and shadow tables of a destination are no data of anyone's. */
const ours = '_sluice_';

/** Names keyed by `streamId`, in Maps: names are data, `__proto__` is one of them. */
export async function discover(
  link: Link,
  database: string | undefined,
  only?: readonly string[],
): Promise<readonly Stream[]> {
  const paths = only?.map(tryPath).filter((path) => path !== undefined);
  if (paths?.length === 0 || (database !== undefined && nameProblem(database) !== undefined)) return [];
  const where = scope(database, paths);
  const tables = await link.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES WHERE ${readable} AND ${where}`,
  );
  const columns = await columnsOf(link, where);
  const keys = await keysOf(link, where);
  // information_schema compares names without regard to case; ids do not.
  const wanted = only === undefined ? undefined : new Set(only);
  const streams = tables
    .map((table) => toStream(table, columns, keys))
    .filter(({ id, path, columns: own }) => own.length > 0 && !path[1]!.startsWith(ours) && wanted?.has(id) !== false);
  return streams.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function tryPath(id: string): readonly string[] | undefined {
  try {
    const path = parsePath(id);
    return path.length === 2 && path.every((part) => nameProblem(part) === undefined) ? path : undefined;
  } catch {
    return undefined; // Not an id of ours: the stream does not exist.
  }
}

function scope(database: string | undefined, paths: readonly (readonly string[])[] | undefined): string {
  const schemas =
    database === undefined
      ? `TABLE_SCHEMA NOT IN (${systemSchemas.map(quoteText).join(', ')})`
      : `TABLE_SCHEMA = ${quoteText(database)}`;
  if (paths === undefined) return schemas;
  const each = paths.map(
    ([schema, table]) => `(TABLE_SCHEMA = ${quoteText(schema!)} AND TABLE_NAME = ${quoteText(table!)})`,
  );
  return `${schemas} AND (${each.join(' OR ')})`;
}

const idOf = (row: Cells): string => streamId([row[0]!, row[1]!]);
const number = (cell: string | null | undefined): number | undefined => (cell == null ? undefined : Number(cell));

async function columnsOf(link: Link, where: string): Promise<Map<string, ColumnFacts[]>> {
  const json = await jsonColumns(link, where);
  const rows = await link.query(
    'SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, IS_NULLABLE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION,' +
      ` NUMERIC_SCALE, DATETIME_PRECISION FROM information_schema.COLUMNS WHERE ${where} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`,
  );
  const found = new Map<string, ColumnFacts[]>();
  for (const row of rows) {
    const id = idOf(row);
    const isJson = json.has(`${id}\0${row[2]}`);
    push(found, id, {
      name: row[2]!,
      nullable: row[3] === 'YES',
      native: isJson ? 'json' : row[4]!,
      length: number(row[5]),
      precision: number(row[6]),
      scale: number(row[7]),
      fraction: number(row[8]),
    });
  }
  return found;
}

/** MariaDB spells JSON as longtext with a check; only the check tells. */
async function jsonColumns(link: Link, where: string): Promise<ReadonlySet<string>> {
  if (link.server.flavour !== 'mariadb') return new Set();
  const scoped = where.replaceAll('TABLE_SCHEMA', 'CONSTRAINT_SCHEMA');
  const rows = await link.query(
    `SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE ${scoped}` +
      ` AND CHECK_CLAUSE = CONCAT('json_valid(\`', REPLACE(CONSTRAINT_NAME, '\`', '\`\`'), '\`)')`,
  );
  return new Set(rows.map((row) => `${idOf(row)}\0${row[2]}`));
}

interface Key {
  readonly index: string;
  readonly columns: string[];
  nullable: boolean;
}

/** The primary key, else the shortest unique index without NULLs. */
async function keysOf(link: Link, where: string): Promise<Map<string, readonly string[]>> {
  const rows = await link.query(
    'SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE FROM information_schema.STATISTICS' +
      ` WHERE NON_UNIQUE = 0 AND ${where} ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`,
  );
  const found = new Map<string, Key[]>();
  for (const row of rows) {
    let key = found.get(idOf(row))?.at(-1);
    if (key?.index !== row[2]) {
      key = { index: row[2]!, columns: [], nullable: false };
      push(found, idOf(row), key);
    }
    key!.columns.push(row[3] ?? '');
    // An index over an expression has no column name; it is no key of ours.
    key!.nullable ||= row[4] === 'YES' || row[3] === null;
  }
  return new Map([...found].map(([id, keys]) => [id, best(keys)]));
}

function best(keys: readonly Key[]): readonly string[] {
  const primary = keys.find((key) => key.index === 'PRIMARY');
  const unique = keys.filter((key) => !key.nullable).toSorted((a, b) => a.columns.length - b.columns.length);
  return primary?.columns ?? unique[0]?.columns ?? [];
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function toStream(table: Cells, columns: Map<string, ColumnFacts[]>, keys: Map<string, readonly string[]>): Stream {
  const id = idOf(table);
  const all = (columns.get(id) ?? []).map(toColumn);
  // Those that every row has come first: rows without a cursor value are read once only.
  const cursors = all
    .filter(isCursor)
    .toSorted((a, b) => Number(a.nullable) - Number(b.nullable))
    .map((column) => column.name);
  const rows = number(table[3]);
  return {
    id,
    path: [table[0]!, table[1]!],
    system: 'mysql',
    kind: table[2] === 'VIEW' ? 'view' : 'table',
    columns: all,
    key: keys.get(id) ?? [],
    modes: cursors.length > 0 ? ['full', 'cursor'] : ['full'],
    cursors,
    ...(rows === undefined ? {} : { estimate: { rows, bytes: number(table[4]) ?? 0 } }),
  };
}
