/** A MariaDB server with tools/local's settings, as the tests use it. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { localTool, type Child, type Say } from '../local-tools.js';
import type { Address } from './address.js';
import type { WorkFolder } from './work-folder.js';

export interface MariadbServer {
  readonly address: Address;
  readonly child: Child;
}

/** Connects with values as text, runs `use`, disconnects. */
export const withMariadb = async <T>(address: Address, use: (connection: Connection) => Promise<T>): Promise<T> => {
  const connection = await createConnection({ ...address, timezone: 'Z', typeCast: (field) => field.string() });
  try {
    return await use(connection);
  } finally {
    await connection.end().catch(() => undefined);
  }
};

/** All rows of a query, values as text. */
export const mariadbRows = async (connection: Connection, sql: string): Promise<(string | null)[][]> => {
  const [rows] = await connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return rows as unknown as (string | null)[][];
};

export const startMariadbServer = async (work: WorkFolder, say: Say): Promise<MariadbServer> => {
  const [{ startMariadb }, { freePort }, { binDirectory }] = await Promise.all([
    localTool('mariadb.mjs'),
    localTool('ports.mjs'),
    localTool('paths.mjs'),
  ]);
  const { child, url } = await startMariadb({
    dataDir: join(work.path, 'mariadb'),
    binDir: binDirectory(),
    port: await freePort(),
    password: work.password,
    logFile: join(work.folder('logs'), 'mariadb.log'),
    say,
  });
  const { hostname, port, username, password } = new URL(url);
  const address = { host: hostname, port: Number(port), user: username, password, database: 'bench' };
  await withMariadb({ ...address, database: 'mysql' }, (connection) =>
    connection.query('CREATE DATABASE IF NOT EXISTS bench CHARACTER SET utf8mb4'),
  );
  return { address, child };
};

const dirtyPages = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'";

/** InnoDB's counterpart of CHECKPOINT: waits until no dirty page is left to write, a minute at most. */
export const flushMariadb = (address: Address): Promise<void> =>
  withMariadb(address, async (connection) => {
    const [[, kept] = []] = await mariadbRows(connection, "SHOW GLOBAL VARIABLES LIKE 'innodb_max_dirty_pages_pct'");
    await connection.query('SET GLOBAL innodb_max_dirty_pages_pct = 0');
    try {
      for (let waited = 0; waited < 60_000; waited += 100) {
        const [[, pages] = []] = await mariadbRows(connection, dirtyPages);
        if (Number(pages) === 0) return;
        await sleep(100);
      }
    } finally {
      await connection.query('SET GLOBAL innodb_max_dirty_pages_pct = ?', [Number(kept)]);
    }
  });

const settingNames = [
  'innodb_buffer_pool_size',
  'innodb_log_file_size',
  'innodb_flush_log_at_trx_commit',
  'innodb_doublewrite',
  'sync_binlog',
  'log_bin',
  'binlog_format',
  'max_allowed_packet',
];

export const describeMariadb = (address: Address): Promise<{ version: string; settings: Record<string, string> }> =>
  withMariadb(address, async (connection) => {
    const [[version] = []] = await mariadbRows(connection, 'SELECT VERSION()');
    const names = settingNames.map((name) => `'${name}'`).join(', ');
    const rows = await mariadbRows(connection, `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`);
    return {
      version: version ?? '',
      settings: Object.fromEntries(rows.map(([name, value]) => [name ?? '', value ?? ''])),
    };
  });
