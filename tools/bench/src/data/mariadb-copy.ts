/** The firenibble table in MariaDB, loaded from PostgreSQL and proved equal to it once. */
import type { Say } from '../local-tools.js';
import { libpqEnvironment, psqlTarget, type Pair } from '../methods/pair.js';
import { emptyMariadbTable, loadFile, preparedFile } from '../methods/mariadb-peers.js';
import type { Address } from '../servers/address.js';
import { mariadbRows, withMariadb } from '../servers/mariadb-server.js';
import { crossCheck } from './cross-check.js';
import { columns, table } from './firenibble.js';
import { mariadbFingerprint } from './fingerprint.js';

export const columnNames = columns.map(([name]) => name);

/** @param pair its source is the filled PostgreSQL @returns what the copy's own server makes of its rows */
export const makeMariadbCopy = async (
  pair: Pair,
  server: Address,
  rows: number,
  say: Say,
): Promise<{ address: Address; fingerprint: string }> => {
  const address = { ...server, database: `firenibble_${rows}` };
  await withMariadb({ ...server, database: 'mysql' }, (connection) =>
    connection.query(`CREATE DATABASE IF NOT EXISTS ${address.database} CHARACTER SET utf8mb4`),
  );
  const [[comment] = []] = await withMariadb(address, (connection) =>
    mariadbRows(
      connection,
      `SELECT table_comment FROM information_schema.tables WHERE table_schema = '${address.database}' AND table_name = '${table}'`,
    ),
  );
  if (comment !== 'complete') await load(pair, address, rows, say);
  return { address, fingerprint: await mariadbFingerprint(address, table, columnNames) };
};

const load = async (pair: Pair, address: Address, rows: number, say: Say): Promise<void> => {
  say(`copying ${table} to MariaDB and comparing every value`);
  await emptyMariadbTable(address);
  await loadFile(pair.tools, pair.work, address, await preparedFile(pair, rows));
  const target = psqlTarget(pair.source)
    .split(' ')
    .map((word) => word.replaceAll("'", ''));
  const psql = { file: 'psql', args: ['-X', '-q', ...target], env: libpqEnvironment(pair, [pair.source]) };
  const wrong = await crossCheck(psql, address);
  if (wrong !== undefined) throw new Error(`the copy in MariaDB is not equal to the original: ${wrong}`);
  await withMariadb(address, (connection) => connection.query(`ALTER TABLE ${table} COMMENT = 'complete'`));
};
