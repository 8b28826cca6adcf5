/** Databases of their own in the server that tests are given, and the PostgreSQL plugin as a package of sources. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { JsonObject } from '@sluice/messages';
import { Client } from 'pg';

export interface TestDatabase {
  readonly config: JsonObject;
  readonly secrets: JsonObject;
  query<T extends object>(sql: string): Promise<T[]>;
  drop(): Promise<void>;
}

export async function freshDatabase(): Promise<TestDatabase> {
  const given = process.env['SLUICE_TEST_POSTGRES_URL'];
  if (!given) throw new Error('SLUICE_TEST_POSTGRES_URL is not set: run this through `npm test`');
  const name = `runner_${randomBytes(5).toString('hex')}`;
  const admin = async (sql: string): Promise<void> => {
    const client = new Client({ connectionString: given });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await admin(`CREATE DATABASE ${name}`);
  const url = new URL(given);
  url.pathname = `/${name}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  const { hostname: host, port, username, password } = url;
  return {
    config: {
      host,
      port: Number(port || 5432),
      database: name,
      username: decodeURIComponent(username),
      ssl_mode: 'disable',
    },
    secrets: { password: decodeURIComponent(password) },
    query: async <T extends object>(sql: string) => (await client.query<T>(sql)).rows,
    drop: async () => {
      await client.end();
      await admin(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Writes a plugin package into `folder` that leads to the plugin's sources. */
export function linkPostgresPlugin(folder: string): void {
  const home = join(folder, 'postgres');
  mkdirSync(home, { recursive: true });
  const source = resolve(__dirname, '../../../plugins/postgres/src/index.ts');
  writeFileSync(join(home, 'index.cjs'), `module.exports = require(${JSON.stringify(source)}).default;\n`);
  const sluice = { contract: 1, plugin: './index.cjs' };
  writeFileSync(
    join(home, 'package.json'),
    JSON.stringify({ name: '@sluice/plugin-postgres', version: '1.0.0', sluice }),
  );
}
