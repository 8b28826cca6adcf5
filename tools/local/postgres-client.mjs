// @ts-check
/** Talks to a PostgreSQL server. Needs the installed `pg` package. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './paths.mjs';

/** @typedef {{ host: string, port: number, user: string, password: string, database: string }} PostgresAddress */

/** @param {PostgresAddress} address @returns {string} */
export const postgresUrl = ({ host, port, user, password, database }) =>
  `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;

/** @param {string} url @returns {PostgresAddress} */
export const parsePostgresUrl = (url) => {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username),
  };
};

/**
 * Connects, runs `use`, disconnects. Needs the installed `pg` package.
 * @template T
 * @param {string} url @param {(client: import('pg').Client) => Promise<T>} use
 * @returns {Promise<T>}
 */
export const withPostgres = async (url, use) => {
  const { Client } = /** @type {typeof import('pg')} */ (createRequire(join(root, 'package.json'))('pg'));
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000, application_name: 'sluice-local' });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** @param {string} url of any database of the server @param {string} name */
export const ensureDatabase = (url, name) =>
  withPostgres(url, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (!rowCount) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  });
