/** A database and a user of its own for the conformance kit: the user's connections are the plugin's, and no one else's. */
import { randomBytes } from 'node:crypto';
import { Lab, connectionOf } from './lab.js';

export interface KitDatabase {
  readonly name: string;
  readonly config: {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
  };
  create(): Promise<void>;
  sql(text: string): Promise<(string | null)[][]>;
  /** Ids of the plugin's connections. */
  connections(): Promise<readonly string[]>;
  /** Cuts all of them. */
  cut(): Promise<void>;
  /** 'database.table' of all tables in the database. */
  tables(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Its name and configuration are known before it is there: suites are registered before they run. */
export function kitDatabase(url: string): KitDatabase {
  const name = `wmy_kit_${randomBytes(5).toString('hex')}`;
  const password = randomBytes(9).toString('hex');
  const { host, port } = connectionOf(url);
  let lab: Lab;
  const ids = async (): Promise<readonly string[]> =>
    (await lab.sql(`SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '${name}'`)).map((row) => row[0]!);
  return {
    name,
    config: { host, port, username: name, password },
    async create() {
      lab = await Lab.open(url);
      await lab.sql(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
      await lab.sql(`CREATE USER '${name}'@'%' IDENTIFIED BY '${password}'`);
      await lab.sql(`GRANT ALL ON *.* TO '${name}'@'%'`);
    },
    sql: (text) => lab.sql(text),
    connections: ids,
    async cut() {
      for (const id of await ids()) await lab.sql(`KILL ${id}`).catch(() => undefined);
    },
    async tables() {
      const rows = await lab.sql(`SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${name}'`);
      return rows.map((row) => `${name}.${row[0]}`);
    },
    async close() {
      for (const id of await ids()) await lab.sql(`KILL ${id}`).catch(() => undefined);
      await lab.sql(`DROP DATABASE ${name}`);
      await lab.sql(`DROP USER '${name}'@'%'`);
      await lab.close();
    },
  };
}
