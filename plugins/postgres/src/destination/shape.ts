/** The target as it stands: what the catalogue says of a table. */
import { type Native, parseNative } from '../types.js';
import type { Client } from 'pg';

export interface TargetColumn {
  readonly name: string;
  /** As format_type spells it. */
  readonly native: string;
  readonly type: Native | undefined;
  readonly nullable: boolean;
  /** Has a default, an identity or a generation expression: an INSERT may leave it out. */
  readonly filled: boolean;
  readonly generated: boolean;
}
export interface TargetTable {
  readonly oid: string;
  /** 'r', 'p', or another kind of relation that cannot be a target. */
  readonly kind: string;
  readonly columns: readonly TargetColumn[];
  /** Sets of columns that a valid, immediate, unpartial unique index covers. */
  readonly uniques: readonly (readonly string[])[];
}

/** The relation of that name; undefined when there is none. */
export async function targetTable(
  client: Client,
  [schema, name]: readonly [string, string],
): Promise<TargetTable | undefined> {
  const found = await client.query<{ oid: string; kind: string }>(
    `SELECT c.oid::text, c.relkind::text AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, name],
  );
  const row = found.rows[0];
  return row && { ...row, columns: await columnsOf(client, row.oid), uniques: await uniquesOf(client, row.oid) };
}

async function columnsOf(client: Client, oid: string): Promise<TargetColumn[]> {
  const result = await client.query<{
    name: string;
    native: string;
    nullable: string;
    filled: string;
    generated: string;
  }>(
    `SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS native, (NOT a.attnotnull)::text AS nullable,
       (a.atthasdef OR a.attidentity <> '')::text AS filled, (a.attgenerated <> '')::text AS generated
     FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [oid],
  );
  return result.rows.map(({ name, native, nullable, filled, generated }) => ({
    name,
    native,
    type: parseNative(native),
    nullable: nullable === 'true',
    filled: filled === 'true',
    generated: generated === 'true',
  }));
}

async function uniquesOf(client: Client, oid: string): Promise<string[][]> {
  const result = await client.query<{ names: string }>(
    `SELECT to_json(array(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, position)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum WHERE u.position <= i.indnkeyatts))::text AS names
     FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
       AND i.indpred IS NULL AND i.indexprs IS NULL`,
    [oid],
  );
  return result.rows.map(({ names }) => JSON.parse(names) as string[]);
}

export const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));
