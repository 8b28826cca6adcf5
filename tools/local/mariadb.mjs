// @ts-check
/** A MariaDB server for tests: row binary log, LOAD DATA LOCAL, utf8mb4, one user with all rights and a password. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { root } from './paths.mjs';
import { startChild } from './child.mjs';
import { tailOf } from './log-files.mjs';
import { mariadbBinary, mariadbEnvironment } from './mariadb-binary.mjs';
import { waitFor } from './waiting.mjs';

/**
 * @typedef {object} MariadbOptions
 * @property {string} dataDir
 * @property {string} binDir of fetched binaries
 * @property {number} port
 * @property {string} password of user `sluice`: letters, digits, `-` and `_`
 * @property {string} logFile
 * @property {import('./say.mjs').Say} say
 * @property {AbortSignal | undefined} [signal] gives up fetching
 */

/** @param {import('./mariadb-binary.mjs').MariadbBinary} binary @param {string} dataDir */
const commonArguments = ({ base, share, plugins }, dataDir) => [
  '--no-defaults', // must come first
  `--basedir=${base}`,
  `--datadir=${dataDir}`,
  `--lc-messages-dir=${share}`,
  `--character-sets-dir=${share}/charsets`,
  `--plugin-dir=${plugins}`,
  ...(process.getuid?.() === 0 ? ['--user=root'] : []),
];

/** The SQL that fills a new data directory: the server's own files, then our user. @param {string} share @param {string} password */
const firstStatements = (share, password) => {
  const prefix = existsSync(join(share, 'mariadb_system_tables.sql')) ? 'mariadb' : 'mysql';
  const files = [
    `${prefix}_system_tables.sql`,
    `${prefix}_performance_tables.sql`,
    `${prefix}_system_tables_data.sql`,
    'maria_add_gis_sp_bootstrap.sql',
    `${prefix}_sys_schema.sql`,
  ];
  const users = ['127.0.0.1', 'localhost'].map(
    (host) =>
      `CREATE USER 'sluice'@'${host}' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO 'sluice'@'${host}' WITH GRANT OPTION;`,
  );
  return [
    'CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;',
    ...files.map((name) => readFileSync(join(share, name), 'utf8')),
    `FLUSH PRIVILEGES;\nDROP USER IF EXISTS 'root'@'localhost';\n${users.join('\n')}\n`,
  ].join('\n');
};

/** @param {import('./mariadb-binary.mjs').MariadbBinary} binary @param {MariadbOptions} options */
const makeDataDirectory = (binary, { dataDir, password }) => {
  if (!/^[\w-]+$/.test(password)) throw new Error('the password of a new MariaDB has characters that are not allowed');
  const next = `${dataDir}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true, mode: 0o700 });
  const args = [
    ...commonArguments(binary, next),
    '--bootstrap',
    '--log-warnings=0',
    '--max-allowed-packet=8M',
    '--enforce-storage-engine=',
  ];
  const made = spawnSync(binary.server, args, {
    env: mariadbEnvironment(binary),
    cwd: next,
    input: firstStatements(binary.share, password),
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`mariadbd --bootstrap failed: ${made.stderr || made.error?.message}`);
  renameSync(next, dataDir);
};

/** @param {import('./mariadb-binary.mjs').MariadbBinary} binary @param {MariadbOptions} options @returns {import('./child.mjs').ChildSpec} */
const serverSpec = (binary, { dataDir, port, logFile }) => ({
  name: 'mariadb',
  command: binary.server,
  args: [
    ...commonArguments(binary, dataDir),
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(dataDir, 's.sock')}`,
    `--pid-file=${join(dataDir, 'mariadb.pid')}`,
    '--server-id=1',
    '--log-bin=bin',
    '--binlog-format=ROW',
    '--binlog-row-image=FULL',
    '--binlog-row-metadata=FULL',
    '--local-infile=1',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_general_ci',
    '--skip-name-resolve',
    '--max-connections=200',
    '--max-allowed-packet=64M',
  ],
  env: mariadbEnvironment(binary),
  cwd: dataDir,
  logFile,
  stopSignal: 'SIGTERM',
  graceMs: 20_000,
});

/**
 * Connects, runs `use`, disconnects. Needs the installed `mysql2` package.
 * @template T
 * @param {string} url @param {(connection: import('mysql2/promise').Connection) => Promise<T>} use
 * @returns {Promise<T>}
 */
export const withMariadb = async (url, use) => {
  const mysql = /** @type {typeof import('mysql2/promise')} */ (
    createRequire(join(root, 'package.json'))('mysql2/promise')
  );
  const connection = await mysql.createConnection(url);
  try {
    return await use(connection);
  } finally {
    await connection.end().catch(() => undefined);
  }
};

/** @param {MariadbOptions} options */
export const startMariadb = async (options) => {
  const binary = await mariadbBinary(options.binDir, options.say, options.signal);
  mkdirSync(dirname(options.dataDir), { recursive: true, mode: 0o755 });
  if (!existsSync(options.dataDir)) makeDataDirectory(binary, options);
  const child = startChild(serverSpec(binary, options));
  const url = `mysql://sluice:${options.password}@127.0.0.1:${options.port}/mysql`;
  const failed = () => (child.exit ? `it ended at once:\n${tailOf(options.logFile)}` : undefined);
  try {
    await waitFor(() => withMariadb(url, async () => true), {
      timeoutMs: 60_000,
      everyMs: 50,
      what: 'MariaDB',
      failed,
    });
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { child, url };
};
