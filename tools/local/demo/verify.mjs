// @ts-check
/** Compares a table with its copy: number of rows, and a checksum over every value. */
import { withPostgres } from '../postgres-client.mjs';

/** @typedef {{ schema: string, table: string, rows: string, checksum: string }} TableFacts */

/**
 * Where a table of that name is. @param {import('pg').Client} client @param {string} table
 * @returns {Promise<string | undefined>} its schema
 */
const schemaOf = async (client, table) => {
  const { rows } = await client.query(
    `SELECT table_schema FROM information_schema.tables
      WHERE table_name = $1 AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY table_schema`,
    [table],
  );
  return rows[0]?.table_schema;
};

/**
 * @param {string} url @param {string} table @param {readonly string[]} columns
 * @returns {Promise<TableFacts>}
 */
export const tableFacts = (url, table, columns) =>
  withPostgres(url, async (client) => {
    const schema = await schemaOf(client, table);
    if (!schema) throw new Error(`there is no table ${table} in the destination`);
    const place = `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(table)}`;
    const list = columns.map((name) => client.escapeIdentifier(name)).join(', ');
    await client.query("SET extra_float_digits=1; SET datestyle='ISO, MDY'; SET timezone='UTC'");
    const { rows } = await client.query(
      `SELECT count(*)::text AS rows, coalesce(sum(hashtextextended(ROW(${list})::text, 0)), 0)::text AS checksum FROM ${place}`,
    );
    return { schema, table, ...rows[0] };
  });

/** @param {string} url @param {TableFacts} facts @param {readonly string[]} columns @returns {Promise<string[][]>} a few rows, as text */
export const sampleRows = (url, { schema, table }, columns) =>
  withPostgres(url, async (client) => {
    const list = columns.map((name) => `${client.escapeIdentifier(name)}::text`).join(', ');
    const place = `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(table)}`;
    const query = `SELECT ${list} FROM ${place} WHERE name = ANY ($1) ORDER BY name, country LIMIT 6`;
    const { rows } = await client.query({
      text: query,
      values: [['Zürich', 'Kyoto', 'Reykjavík', 'São Paulo']],
      rowMode: 'array',
    });
    return rows.map((row) => row.map((/** @type {string | null} */ value) => value ?? 'NULL'));
  });

/** @param {readonly string[]} head @param {readonly string[][]} rows @returns {string[]} aligned lines */
export const asTable = (head, rows) => {
  const widths = head.map((name, index) => Math.max(name.length, ...rows.map((row) => (row[index] ?? '').length)));
  const line = (/** @type {readonly string[]} */ cells) =>
    `  ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
};
