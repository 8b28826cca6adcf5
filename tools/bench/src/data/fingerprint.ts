/**
 * Equality of a table before and after, computed by its own server: the number of rows and the sum of a hash of each row's
 * text. A sum, not an exclusive or, which a pair of duplicates would pass.
 */
import { withPostgres } from '../servers/postgres-server.js';
import { mariadbRows, withMariadb } from '../servers/mariadb-server.js';
import type { Address } from '../servers/address.js';

/** The text of a row depends on these. */
const textSettings = `SET extra_float_digits=1; SET datestyle='ISO, MDY'; SET timezone='UTC'; SET intervalstyle='postgres';
  SET bytea_output='hex'`;

/**
 * @param relation quoted and qualified
 * @returns 'count:sum'
 */
export const postgresFingerprint = (address: Address, relation: string): Promise<string> =>
  withPostgres(address, async (client) => {
    await client.query(textSettings);
    const { rows } = await client.query<{ fingerprint: string }>(
      `SELECT count(*) || ':' || coalesce(sum(hashtextextended(t::text,0)), 0) AS fingerprint FROM ${relation} t`,
    );
    return rows[0]?.fingerprint ?? '';
  });

/** As `postgresFingerprint`, comparable with other tables of the same server only. */
export const mariadbFingerprint = (address: Address, table: string, columns: readonly string[]): Promise<string> =>
  withMariadb(address, async (connection) => {
    const fields = columns.map((name) => `IFNULL(${name}, '<null>')`).join(', ');
    const hash = `CAST(CONV(LEFT(MD5(CONCAT_WS('|', ${fields})), 15), 16, 10) AS UNSIGNED)`;
    const [[count, sum] = []] = await mariadbRows(connection, `SELECT COUNT(*), IFNULL(SUM(${hash}), 0) FROM ${table}`);
    return `${count}:${sum}`;
  });

/**
 * What keeps a loaded table from counting as equal to what every other method leaves behind: primary key on `key`, logged.
 * @returns what is wrong, or nothing
 */
export const postgresTableProblem = (address: Address, relation: string, key: string): Promise<string | undefined> =>
  withPostgres(address, async (client) => {
    const { rows } = await client.query<{ key: string | null; logged: boolean }>(
      `SELECT c.relpersistence = 'p' AS logged,
        (SELECT string_agg(a.attname, ',') FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid) AS key
       FROM pg_class c WHERE c.oid = to_regclass($1)`,
      [relation],
    );
    const [found] = rows;
    if (!found) return `there is no table ${relation}`;
    if (!found.logged) return `${relation} is not a logged table`;
    return found.key === key ? undefined : `the primary key of ${relation} is (${found.key ?? ''}), not (${key})`;
  });

/** Columns and types in order, for pairs that must keep types. varchar without a limit is text by another name, and some tools say so. */
export const postgresShape = (address: Address, relation: string): Promise<string> =>
  withPostgres(address, async (client) => {
    const { rows } = await client.query<{ shape: string | null }>(
      `SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS shape
       FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
      [relation],
    );
    return (rows[0]?.shape ?? '').replaceAll(/character varying(?!\()/g, 'text');
  });
