/** Foreign keys of a table: those it has, those that point at it, and the rows that break them. */
import { DataError, codes } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName, quotePath, quoteText } from '../quote.js';
import { hash } from './names.js';

export interface ForeignKey {
  readonly name: string;
  /** The table that has it. */
  readonly table: readonly string[];
  readonly columns: readonly string[];
  readonly referenced: readonly string[];
  readonly referencedColumns: readonly string[];
  /** ' ON DELETE CASCADE ON UPDATE SET NULL'; RESTRICT and NO ACTION, which are one in InnoDB, are left out. */
  readonly rules: string;
}

/** The catalogue answers quickly only about a table that is named: one that only refers to it is looked for in all of them. */
async function find(link: Link, where: string): Promise<readonly ForeignKey[]> {
  if (link.server.flavour === 'singlestore') return []; // It has none.
  const rows = await link.query(
    'SELECT CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME' +
      ` FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL AND ${where}` +
      ' ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION',
  );
  const keys = new Map<string, ForeignKey & { columns: string[]; referencedColumns: string[] }>();
  for (const [name, schema, table, column, toSchema, toTable, toColumn] of rows) {
    const id = JSON.stringify([schema, table, name]);
    const key = keys.get(id) ?? {
      name: name!,
      table: [schema!, table!],
      columns: [],
      referenced: [toSchema!, toTable!],
      referencedColumns: [],
      rules: '',
    };
    key.columns.push(column!);
    key.referencedColumns.push(toColumn!);
    keys.set(id, key);
  }
  return [...keys.values()];
}

const samePath = (a: readonly string[], b: readonly string[]): boolean => a.every((part, i) => part === b[i]);

/** What `path` itself has. */
export async function foreignKeysOf(link: Link, path: readonly string[]): Promise<readonly ForeignKey[]> {
  const [schema, table] = path.map(quoteText);
  const keys = await find(link, `TABLE_SCHEMA = ${schema} AND TABLE_NAME = ${table}`);
  if (keys.length === 0) return keys;
  const rows = await link.query(
    'SELECT CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS' +
      ` WHERE CONSTRAINT_SCHEMA = ${schema} AND TABLE_NAME = ${table}`,
  );
  const rules = new Map(
    rows.map(([name, ...actions]) => [name, rule('DELETE', actions[0]) + rule('UPDATE', actions[1])]),
  );
  return keys.map((key) => ({ ...key, rules: rules.get(key.name) ?? '' }));
}

const rule = (event: string, action: string | null | undefined): string =>
  action != null && ['CASCADE', 'SET NULL', 'SET DEFAULT'].includes(action) ? ` ON ${event} ${action}` : '';

/** What other tables have on `path`, as far as the user may see them; without their rules. */
export async function referencesTo(link: Link, path: readonly string[]): Promise<readonly ForeignKey[]> {
  const [schema, table] = path.map(quoteText);
  const keys = await find(link, `REFERENCED_TABLE_SCHEMA = ${schema} AND REFERENCED_TABLE_NAME = ${table}`);
  return keys.filter((key) => !samePath(key.table, path));
}

const list = (names: readonly string[]): string => names.map(quoteName).join(', ');
const definition = (key: ForeignKey, name: string, referenced: readonly string[]): string =>
  `CONSTRAINT ${quoteName(name)} FOREIGN KEY (${list(key.columns)}) REFERENCES ${quotePath(referenced)} (${list(key.referencedColumns)})${key.rules}`;

/**
 * The key of a target as its shadow has it: names are unique in a database, so it waits under another. InnoDB itself renames
 * 'table_ibfk_1' with its table. One that points at its own table points at the shadow, and goes with it.
 */
export function addToShadow(key: ForeignKey, shadow: readonly string[]): string {
  const given = `${key.table[1]}_ibfk_`;
  const name = key.name.startsWith(given)
    ? `${shadow[1]}_ibfk_${key.name.slice(given.length)}`
    : `_sluice_fk_${hash(...shadow, key.name).slice(0, 32)}`;
  const referenced = samePath(key.referenced, key.table) ? shadow : key.referenced;
  return `ALTER TABLE ${quotePath(shadow)} ADD ${definition(key, name, referenced)}`;
}

const meaning = (key: ForeignKey): string =>
  JSON.stringify([key.columns, key.referenced, key.referencedColumns, key.rules]);

/** Gives the keys of the new target the names of the old one's. The rows were held to them all the time: nothing is read again. */
export async function nameForeignKeys(
  link: Link,
  path: readonly string[],
  wanted: readonly ForeignKey[],
): Promise<void> {
  const now = [...(await foreignKeysOf(link, path))];
  for (const key of wanted) {
    const like = now.filter((each) => meaning(each) === meaning(key));
    const found = like.find((each) => each.name === key.name) ?? like[0];
    if (found !== undefined) now.splice(now.indexOf(found), 1);
    if (found?.name === key.name) continue;
    const drop = found === undefined ? '' : `DROP FOREIGN KEY ${quoteName(found.name)}, `;
    const sql = `ALTER TABLE ${quotePath(path)} ${drop}ADD ${definition(key, key.name, key.referenced)}`;
    await withoutForeignKeys(link, () => link.run(sql));
  }
}

/** What runs here is not held to foreign keys, and cascades nothing: `refuseOrphans` makes good for it. */
export async function withoutForeignKeys<T>(link: Link, work: () => Promise<T>): Promise<T> {
  await link.run('SET SESSION foreign_key_checks = 0');
  try {
    return await work();
  } finally {
    if (!link.lost) await link.run('SET SESSION foreign_key_checks = 1');
  }
}

/**
 * Throws DataError when rows of `child` point at rows that `parent` lacks. Both sides stay locked until the transaction ends, so that
 * what was found stays true.
 */
export async function refuseOrphans(
  link: Link,
  stream: string,
  key: ForeignKey,
  child: readonly string[],
  parent: readonly string[],
): Promise<void> {
  const on = key.columns.map((name, i) => `p.${quoteName(key.referencedColumns[i]!)} = c.${quoteName(name)}`);
  const given = key.columns.map((name) => `c.${quoteName(name)} IS NOT NULL`);
  const found = await link.query(
    `SELECT 1 FROM ${quotePath(child)} AS c LEFT JOIN ${quotePath(parent)} AS p ON ${on.join(' AND ')}` +
      ` WHERE ${given.join(' AND ')} AND p.${quoteName(key.referencedColumns[0]!)} IS NULL LIMIT 1 LOCK IN SHARE MODE`,
  );
  if (found.length === 0) return;
  throw new DataError(
    `${stream}: rows of ${key.table.join('.')} would point at rows that ${key.referenced.join('.')} does not have (foreign key ${JSON.stringify(key.name)}).`,
    { stream, code: codes.targetMismatch, fix: `Load ${key.referenced.join('.')} first, or drop the foreign key.` },
  );
}
