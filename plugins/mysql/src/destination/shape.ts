/** The target of a replacement, and the table that is made after it: what `CREATE TABLE ... LIKE` takes over, and what it needs besides. */
import { ConfigError, type Stream, codes } from '@sluice/connector-sdk';
import { currentUser } from '../account.js';
import type { Link } from '../link.js';
import { quoteName, quotePath, quoteText } from '../quote.js';
import { type ColumnSpec, addColumn, modifyColumn } from './ddl.js';
import { bendsOf } from './bends.js';
import { addToShadow, foreignKeysOf, withoutForeignKeys } from './foreign-keys.js';
import { type Existing, fits, inspect, mismatch, refuseRequired, tooNarrow } from './inspect.js';
import { hash } from './names.js';
import { narrower } from './narrower.js';
import { seesTriggers } from './grants.js';

/** SHOW CREATE TABLE without what differs between a table and its shadow. */
async function created(link: Link, path: readonly string[]): Promise<string> {
  const [row] = await link.query(`SHOW CREATE TABLE ${quotePath(path)}`);
  const head = `CREATE TABLE ${quoteName(path[1]!)} (`;
  return (row?.[1] ?? '').replace(head, '').replace(/ AUTO_INCREMENT=\d+/g, '');
}

/** What `LIKE` is to take over: no foreign keys, and for CHECKs of MySQL no names. */
const withoutKeys = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(/,$/, ''))
    .filter((line) => !/^ {2}CONSTRAINT .* FOREIGN KEY /.test(line))
    .map((line) => line.replace(/^ {2}CONSTRAINT `(?:[^`]|``)*` CHECK/, '  CHECK'))
    .join('\n');

export interface TargetShape {
  readonly existing: Existing;
  /** Changes when someone changes the table. */
  readonly print: string;
}

/** Undefined when there is no such table yet. Throws when it cannot be replaced without a loss. */
export async function targetShape(
  link: Link,
  stream: string,
  path: readonly string[],
): Promise<TargetShape | undefined> {
  const existing = await inspect(link, path);
  if (existing === undefined) return undefined;
  await refuseKind(link, stream, path, existing);
  if (!(await seesTriggers(link, path))) {
    throw new ConfigError(
      `The user may not see whether ${path.join('.')} has triggers, which would be lost with the table when it is replaced.`,
      { code: codes.permission, fix: `GRANT TRIGGER ON ${quoteName(path[0]!)}.* TO ${await currentUser(link)}` },
    );
  }
  return { existing, print: hash(await created(link, path)) };
}

async function refuseKind(link: Link, stream: string, path: readonly string[], existing: Existing): Promise<void> {
  const name = path.join('.');
  if (existing.view)
    throw mismatch(stream, `${name} is a view, which no table can take the place of.`, `DROP VIEW ${quotePath(path)}`);
  if (existing.kind !== 'BASE TABLE')
    throw mismatch(
      stream,
      `${name} is of the kind ${existing.kind}, which would be lost with its history when the table is replaced.`,
      'Load it in mode append or upsert, or into another table.',
    );
  if (link.server.flavour === 'singlestore') return;
  const [engine] = await link.query(
    `SELECT t.ENGINE FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE` +
      ` WHERE t.TABLE_SCHEMA = ${quoteText(path[0]!)} AND t.TABLE_NAME = ${quoteText(path[1]!)} AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'`,
  );
  if (engine !== undefined)
    throw mismatch(
      stream,
      `${name} is kept by the engine ${engine[0] ?? '(unknown)'}, which has no transactions: rows and checkpoint could not become durable as one.`,
      `ALTER TABLE ${quotePath(path)} ENGINE = InnoDB`,
    );
}

export interface Made {
  readonly statements: readonly string[];
  readonly columns: readonly ColumnSpec[];
}

export interface MakeRequest {
  readonly link: Link;
  readonly stream: Stream;
  readonly key: readonly string[];
  readonly specs: readonly ColumnSpec[];
  readonly target: readonly string[];
  readonly shadow: readonly string[];
}

/** Makes `shadow` like the target, and wide enough for the stream. */
export async function makeLike(request: MakeRequest, { existing }: TargetShape): Promise<readonly string[]> {
  const { link, stream, specs, target, shadow } = request;
  refuseRequired(stream.id, target, existing, specs);
  const like = `CREATE TABLE ${quotePath(shadow)} LIKE ${quotePath(target)}`;
  await link.run(like);
  await refuseUnlike(request);
  const statements = [like];
  const alter = async (sql: string): Promise<void> => {
    try {
      await link.run(sql);
    } catch (error) {
      if ((error as { fatal?: unknown }).fatal === true) throw error;
      const why = (error as Error).message.slice(0, 300);
      throw mismatch(
        stream.id,
        `${target.join('.')} cannot take the stream when it is replaced: ${why}`,
        sql.replace(quotePath(shadow), quotePath(target)),
      );
    }
    statements.push(sql);
  };
  for (const sql of shaping(request, existing)) await alter(sql);
  for (const key of await foreignKeysOf(link, target))
    await withoutForeignKeys(link, () => alter(addToShadow(key, shadow)));
  await keepCounter(link, target, shadow);
  return statements;
}

async function refuseUnlike({ link, stream, target, shadow }: MakeRequest): Promise<void> {
  // SingleStore writes names of its own making into the text.
  if (link.server.flavour === 'singlestore') return;
  const [wanted, made] = [withoutKeys(await created(link, target)), withoutKeys(await created(link, shadow))];
  if (wanted === made) return;
  const line = wanted.split('\n').find((each) => !made.split('\n').includes(each));
  throw mismatch(
    stream.id,
    `The server does not make a table like ${target.join('.')}${line === undefined ? '' : `; it leaves out: ${line.trim().slice(0, 200)}`}.`,
    'Load this table in mode upsert, or drop what cannot be kept.',
  );
}

/** Columns that are missing or too narrow, in the stream's order, and its key where the target has none. */
function* shaping({ link, stream, key, specs, target, shadow }: MakeRequest, existing: Existing): Generator<string> {
  const byName = new Map(existing.columns.map((column) => [column.name.toLowerCase(), column]));
  let before = '';
  for (const spec of specs) {
    const now = byName.get(spec.column.name.toLowerCase());
    if (now === undefined)
      yield link.server.flavour === 'singlestore' ? addColumn(shadow, spec) : addColumn(shadow, spec, before);
    else if (!now.generated && (!fits(spec.column, now) || narrower(spec, now))) {
      if (!now.plain) throw tooNarrow(stream.id, target, spec, now);
      yield widen(shadow, spec, now);
    }
    before = spec.column.name;
  }
  const ordinary = key.every((name) => byName.get(name.toLowerCase())?.generated !== true);
  if (!existing.hasPrimary && key.length > 0 && ordinary && link.server.flavour !== 'singlestore')
    yield `ALTER TABLE ${quotePath(shadow)} ADD PRIMARY KEY (${key.map(quoteName).join(', ')})`;
}

function widen(path: readonly string[], spec: ColumnSpec, now: Existing['columns'][number]): string {
  const texts = /^(VARCHAR|CHAR|LONGTEXT|ENUM|SET)\b/.test(spec.type) && !/CHARACTER SET/.test(spec.type);
  const collation = texts && now.collation !== undefined ? ` COLLATE ${quoteName(now.collation)}` : '';
  const comment = now.comment === '' ? '' : ` COMMENT '${now.comment.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  return modifyColumn(path, { ...spec, type: `${spec.type}${collation}`, key: !now.nullable }) + comment;
}

/** Numbers that the old table has given away are not given again. */
export async function keepCounter(link: Link, from: readonly string[], to: readonly string[]): Promise<void> {
  if (link.server.flavour === 'singlestore') return;
  const [row] = await link.query(`SHOW CREATE TABLE ${quotePath(from)}`);
  const next = /\n\).* AUTO_INCREMENT=(\d+)/.exec(row?.[1] ?? '')?.[1];
  if (next !== undefined) await link.run(`ALTER TABLE ${quotePath(to)} AUTO_INCREMENT = ${next}`);
}

/** The stream's columns as `path` has them: a value is loaded by the type that takes it. */
export function asMade(specs: readonly ColumnSpec[], made: Existing): readonly ColumnSpec[] {
  const byName = new Map(made.columns.map((column) => [column.name.toLowerCase(), column]));
  return specs.map((spec) => {
    const now = byName.get(spec.column.name.toLowerCase());
    if (now === undefined) return spec;
    if (now.generated) return { ...spec, type: now.native, generated: true };
    const bends = bendsOf(spec.column, now, false);
    return { ...spec, type: now.native, ...(bends && { bends }) };
  });
}
