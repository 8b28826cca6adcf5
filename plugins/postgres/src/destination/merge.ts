/** Modes 'append' and 'upsert': what is staged into the target, inside the commit. */
import { DataError, codes } from '@sluice/connector-sdk';
import type { Client } from 'pg';
import { quote } from '../names.js';
import type { Prepared } from './prepare.js';

/** Runs what waits for the commit. In mode 'replace' nothing does. */
export async function publish(client: Client, prepared: Prepared): Promise<void> {
  if (prepared.shadow) return;
  for (const sql of prepared.pending) await client.query(sql);
  if (prepared.staged === 0) return;
  const upsert = prepared.target.mode === 'upsert';
  const result = await client.query(upsert ? upsertSql(prepared) : appendSql(prepared));
  if (upsert || result.rowCount === prepared.staged) return;
  const message = `${prepared.stream.id}: ${prepared.staged} rows were staged and the target took ${result.rowCount}.`;
  throw new DataError(message, { stream: prepared.stream.id, code: codes.rowsLost }); // Invariant 6
}

const columnList = ({ columns }: Prepared): string => columns.map(({ column }) => quote(column.name)).join(', ');
export const valueList = ({ columns }: Pick<Prepared, 'columns'>): string =>
  columns.map(({ column, cast }) => quote(column.name) + (cast === undefined ? '' : `::${cast}`)).join(', ');

/** OVERRIDING SYSTEM VALUE: a key that the target would count by itself comes from the source here. */
export const insertInto = (prepared: Prepared): string =>
  `INSERT INTO ${quote(...prepared.path)} (${columnList(prepared)}) OVERRIDING SYSTEM VALUE`;

const appendSql = (prepared: Prepared): string =>
  `${insertInto(prepared)} SELECT ${valueList(prepared)} FROM ${prepared.stage}`;

/** Of several rows with one key the last staged wins: a stage is only ever appended to (see `begin`), so its order is that of ctid. */
function upsertSql(prepared: Prepared): string {
  const key = prepared.target.key.map((name) => quote(name)).join(', ');
  const latest = `(SELECT DISTINCT ON (${key}) * FROM ${prepared.stage} ORDER BY ${key}, ctid DESC) AS latest`;
  return `${insertInto(prepared)} SELECT ${valueList(prepared)} FROM ${latest} ${conflictClause(prepared)}`;
}

/** A row whose key is there already takes the place of the old one. */
export function conflictClause({ columns, target }: Prepared): string {
  const others = columns.map(({ column }) => column.name).filter((name) => !target.key.includes(name));
  const assign = others.map((name) => `${quote(name)} = excluded.${quote(name)}`).join(', ');
  const key = target.key.map((name) => quote(name)).join(', ');
  return `ON CONFLICT (${key}) DO ${assign === '' ? 'NOTHING' : `UPDATE SET ${assign}`}`;
}
