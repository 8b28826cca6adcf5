/** Changes: staged in their order in a temporary table, and brought into the target inside the commit. (Invariant 8) */
import { type Change, DataError, type Row, type Value, codes } from '@sluice/connector-sdk';
import { type Encoder, escapeField, textEncoder } from '@sluice/encodings';
import { ownPrefix } from '@sluice/sql';
import type { Client } from 'pg';
import { literal, quote } from '../names.js';
import { renderNative } from '../types.js';
import { type Operation, collapse } from './collapse.js';
import { type Loader, writer } from './load.js';
import { conflictClause, insertInto, valueList } from './merge.js';
import type { Prepared, PreparedColumn } from './prepare.js';

/** What of a stream's changes waits for the commit. */
export interface StagedChanges {
  readonly table: string;
  /** Groups so far; the operations of a group may be done in any order. */
  groups: number;
  /** Whether an update left columns out: then the groups are done one by one. */
  partial: boolean;
  /** The last group that said truncate; 0 when none did. */
  truncated: number;
}

const group = quote(`${ownPrefix}group`);
const op = quote(`${ownPrefix}op`);
const given = quote(`${ownPrefix}given`);
const old = (index: number): string => quote(`${ownPrefix}old_${index}`);
const keyColumns = ({ columns, target }: Prepared): PreparedColumn[] =>
  target.key.map((name) => columns.find(({ column }) => column.name === name)!);

let tables = 0;

/** Stages the changes of one stream. Answers bytes. */
export async function stageChanges(
  client: Client,
  loader: Loader,
  prepared: Prepared,
  changes: readonly Change[],
): Promise<number> {
  if (prepared.target.mode !== 'upsert') {
    const message = `Changes of ${prepared.stream.id} need mode 'upsert', not '${prepared.target.mode}'.`;
    throw new DataError(message, { stream: prepared.stream.id, code: codes.unsupported });
  }
  await loader.finish(); // a COPY of rows still open would hold every other statement up
  const staged = (prepared.changes ??= await makeTable(client, prepared));
  const key = prepared.target.key.map((name) => prepared.columns.findIndex(({ column }) => column.name === name));
  const encoder = changeEncoder(prepared);
  const rows: Row[] = [];
  for (const one of collapse(changes, key)) {
    staged.groups++;
    if (one === 'truncate') staged.truncated = staged.groups;
    else {
      staged.partial ||= one.some((operation) => operation.op === 'p');
      for (const operation of one) rows.push(fields(operation, staged.groups, prepared));
    }
  }
  const names = [
    group,
    op,
    given,
    ...key.map((_, index) => old(index)),
    ...prepared.columns.map(({ column }) => quote(column.name)),
  ];
  return await loader.text(
    `COPY ${staged.table} (${names.join(', ')}) FROM STDIN (FORMAT text)`,
    encoder.rows(rows),
    rows.length,
    prepared,
  );
}

async function makeTable(client: Client, prepared: Prepared): Promise<StagedChanges> {
  const table = `pg_temp.${quote(`${ownPrefix}changes_${(tables += 1)}`)}`;
  const own = [`${group} bigint`, `${op} "char"`, `${given} text[]`];
  const olds = keyColumns(prepared).map(({ type }, index) => `${old(index)} ${renderNative(type)}`);
  const data = prepared.columns.map(({ column, type }) => `${quote(column.name)} ${renderNative(type)}`);
  await client.query(
    `CREATE TEMPORARY TABLE ${table} (${[...own, ...olds, ...data].join(', ')}) ON COMMIT DELETE ROWS`,
  );
  return { table, groups: 0, partial: false, truncated: 0 };
}

/** Statements that give the table of staged changes the shape of `prepared`. */
export const reshapeChanges = ({ table }: StagedChanges, { columns }: Pick<Prepared, 'columns'>): string[] =>
  columns.flatMap(({ column, type }) => {
    const name = quote(column.name);
    const spelled = renderNative(type);
    return [
      `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${name} ${spelled}`,
      `ALTER TABLE ${table} ALTER COLUMN ${name} TYPE ${spelled}`,
    ];
  });

function changeEncoder(prepared: Prepared): Encoder {
  const asText = (value: NonNullable<Value>): string => escapeField(String(value));
  return textEncoder([asText, asText, asText, ...keyColumns(prepared).map(writer), ...prepared.columns.map(writer)]);
}

function fields({ op: kind, row, old: before }: Operation, at: number, { columns, target }: Prepared): Row {
  const names =
    kind === 'p' ? columns.filter((_, i) => row[i] !== undefined).map(({ column }) => column.name) : undefined;
  const list = names && `{${names.map((name) => `"${name.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
  // Of a row that goes only the key counts; its other values may be anything.
  const data = kind === 'd' ? columns.map(({ column }, i) => (target.key.includes(column.name) ? row[i] : null)) : row;
  return [at, kind, list ?? null, ...before, ...data];
}

/** Brings what is staged into the target. */
export async function publishChanges(client: Client, prepared: Prepared): Promise<void> {
  const staged = prepared.changes;
  if (!staged || staged.groups === 0) return;
  if (staged.truncated > 0) await client.query(`DELETE FROM ${quote(...prepared.path)}`);
  const key = keyList(prepared);
  if (!staged.partial) {
    const last = `SELECT DISTINCT ON (${key}) * FROM ${staged.table} WHERE ${group} > ${staged.truncated} ORDER BY ${key}, ${group} DESC`;
    await apply(client, prepared, last, false);
  } else {
    for (let at = staged.truncated + 1; at <= staged.groups; at++) {
      await apply(client, prepared, `SELECT * FROM ${staged.table} WHERE ${group} = ${at}`, true);
    }
  }
  Object.assign(staged, { groups: 0, partial: false, truncated: 0 });
}

const keyList = ({ target }: Prepared): string => target.key.map((name) => quote(name)).join(', ');

async function apply(client: Client, prepared: Prepared, changes: string, partial: boolean): Promise<void> {
  const table = quote(...prepared.path);
  const same = (side: (index: number, name: string) => string): string =>
    keyColumns(prepared)
      .map(
        ({ column, cast }, index) =>
          `t.${quote(column.name)} = c.${side(index, quote(column.name))}${cast ? `::${cast}` : ''}`,
      )
      .join(' AND ');
  await client.query(`DELETE FROM ${table} t USING (${changes}) c WHERE c.${op} = 'd' AND ${same((_, name) => name)}`);
  if (partial)
    await update(
      client,
      prepared,
      changes,
      same((index) => old(index)),
    );
  await client.query(
    `${insertInto(prepared)} SELECT ${valueList(prepared)} FROM (${changes}) c WHERE c.${op} = 'u' ${conflictClause(prepared)}`,
  );
}

/** An update that leaves columns out needs its row: one that the target does not have is not made up. */
async function update(client: Client, prepared: Prepared, changes: string, same: string): Promise<void> {
  const assign = prepared.columns.map(({ column, cast }) => {
    const name = quote(column.name);
    return `${name} = CASE WHEN ${literal(column.name)} = ANY(c.${given}) THEN c.${name}${cast ? `::${cast}` : ''} ELSE t.${name} END`;
  });
  const sql = `UPDATE ${quote(...prepared.path)} t SET ${assign.join(', ')} FROM (${changes}) c WHERE c.${op} = 'p' AND ${same}`;
  const wanted = await client.query<{ n: string }>(`SELECT count(*) AS n FROM (${changes}) c WHERE c.${op} = 'p'`);
  const done = await client.query(sql);
  if (done.rowCount === Number(wanted.rows[0]!.n)) return;
  const message = `${prepared.stream.id}: an update with unchanged columns names a row that the target does not have.`;
  throw new DataError(message, { stream: prepared.stream.id, code: codes.rowsLost }); // Invariant 6
}
