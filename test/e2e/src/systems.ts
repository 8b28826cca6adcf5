/** The databases of the tests, read with drivers and settings of our own, never through product code. */
import mysql from 'mysql2/promise';
import pg from 'pg';

export interface Database {
  readonly connectorType: 'postgres' | 'mysql';
  readonly config: {
    host: string;
    port: number;
    database: string;
    username: string;
    password: string;
    ssl_mode: string;
  };
  /** Quotes a name. */
  name(identifier: string): string;
  run(sql: string): Promise<void>;
  /** Values as text; NULL is null. */
  rows(sql: string): Promise<(string | null)[][]>;
  drop(): Promise<void>;
}

const setting = (name: string): URL => {
  const url = process.env[name];
  if (!url) throw new Error(`${name} is not set: run this through \`npm test\``);
  return new URL(url);
};
const configOf = (url: URL, database: string): Database['config'] => ({
  host: url.hostname,
  port: Number(url.port),
  database,
  username: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
  ssl_mode: 'disable',
});
let serial = 0;
const fresh = (): string => `e2e_${process.pid}_${Date.now().toString(36)}_${serial++}`;
const asText = { getTypeParser: () => (value: string) => value };

export async function postgres(): Promise<Database> {
  const url = setting('SLUICE_TEST_POSTGRES_URL');
  const database = fresh();
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  const config = configOf(url, database);
  const client = new pg.Client({ ...config, user: config.username });
  client.on('error', () => undefined); // the server ends this session when the database is dropped
  await client.connect();
  await client.query(`SET timezone = 'UTC'; SET extra_float_digits = 1`);
  return {
    connectorType: 'postgres',
    config,
    name: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
    run: async (sql) => void (await client.query(sql)),
    rows: async (sql) => (await client.query<(string | null)[]>({ text: sql, rowMode: 'array', types: asText })).rows,
    async drop() {
      await client.end();
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await admin.end();
    },
  };
}

export async function mariadb(): Promise<Database> {
  const url = setting('SLUICE_TEST_MARIADB_URL');
  const database = fresh();
  const config = configOf(url, database);
  const client = await mysql.createConnection({
    host: config.host,
    port: config.port,
    user: config.username,
    password: config.password,
    timezone: 'Z',
    charset: 'utf8mb4',
    typeCast: (field) => field.string(),
    multipleStatements: true,
  });
  await client.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}; SET time_zone = '+00:00'`);
  return {
    connectorType: 'mysql',
    config,
    name: (identifier) => `\`${identifier.replaceAll('`', '``')}\``,
    run: async (sql) => void (await client.query(sql)),
    rows: async (sql) =>
      (await client.query<mysql.RowDataPacket[]>({ sql, rowsAsArray: true }))[0] as unknown as (string | null)[][],
    async drop() {
      await client.query(`DROP DATABASE ${database}`);
      await client.end();
    },
  };
}
export const systems = { postgres, mysql: mariadb };
