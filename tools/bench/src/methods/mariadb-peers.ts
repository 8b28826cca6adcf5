/** The ways between MariaDB and PostgreSQL that Sluice is compared to. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Method } from '../measure/rounds.js';
import { timedCommand } from '../measure/timed-command.js';
import { urlOf, type Address } from '../servers/address.js';
import { withMariadb } from '../servers/mariadb-server.js';
import type { Duckdb } from '../servers/duckdb.js';
import type { Tools } from '../servers/tools.js';
import type { WorkFolder } from '../servers/work-folder.js';
import { createMariadbTable, table } from '../data/firenibble.js';
import { libpqEnvironment, mariadbClientFile, psqlTarget, quoted, type Pair } from './pair.js';
import { runPgloader } from './postgres-peers.js';

/** Writes the table as COPY text, which is what LOAD DATA reads by default. Kept for the next run of that size. */
export const preparedFile = async (pair: Pair, rows: number): Promise<string> => {
  const file = join(pair.work.folder('data'), `${table}-${rows}.tsv`);
  if (existsSync(file)) return file;
  const script = `psql -X -q ${psqlTarget(pair.source)} -c 'COPY public.${table} TO STDOUT' > ${quoted(`${file}.next`)}`;
  await timedCommand({ script, env: libpqEnvironment(pair, [pair.source]) });
  renameSync(`${file}.next`, file);
  return file;
};

/** @param database holds the table already */
export const loadFile = (tools: Tools, work: WorkFolder, address: Address, file: string): ReturnType<Method['run']> => {
  const load = `LOAD DATA LOCAL INFILE '${file.replaceAll(/['\\]/g, '\\$&')}' INTO TABLE ${table} CHARACTER SET utf8mb4`;
  const client = `mariadb --defaults-extra-file=${quoted(mariadbClientFile(work, address))} --local-infile=1`;
  return timedCommand({ script: `${client} ${quoted(address.database)} -e ${quoted(load)}`, env: tools.env });
};

export const emptyMariadbTable = (address: Address): Promise<void> =>
  withMariadb(address, async (connection) => {
    await connection.query(`DROP TABLE IF EXISTS ${table}`);
    await connection.query(createMariadbTable);
  });

/** The base of PostgreSQL to MariaDB: the file is there already, so that only the load is timed. */
export const loadData = (pair: Pair, file: string): Contender => {
  const method = { id: 'load-data', title: 'LOAD DATA LOCAL from a prepared file' };
  if (!pair.tools.find('mariadb')) return { ...method, unavailable: "MariaDB's client is not installed" };
  return {
    ...method,
    prepare: () => emptyMariadbTable(pair.destination),
    run: () => loadFile(pair.tools, pair.work, pair.destination, file),
  };
};

export const pgloaderFromMariadb = (pair: Pair): Contender => {
  const method = { id: 'pgloader', title: 'pgloader' };
  if (!pair.tools.find('pgloader')) return { ...method, unavailable: 'pgloader is not installed' };
  const commands = `LOAD DATABASE FROM ${urlOf('mysql', pair.source)} INTO ${urlOf('pgsql', pair.destination)}
 WITH include drop, create tables, create indexes, no foreign keys, reset no sequences,
      workers = 2, concurrency = 1, batch rows = 25000, prefetch rows = 25000
 INCLUDING ONLY TABLE NAMES MATCHING '${table}'
 ALTER SCHEMA '${pair.source.database}' RENAME TO 'public';\n`;
  return { ...method, run: () => runPgloader(pair, commands) };
};

/** DuckDB's connections of both ends, in a script that only we can read. */
const duckdbScript = ({ source, destination }: Pair, setUp: string): string => {
  const common = ({ host, port, user, password }: Address): string =>
    `host=${host} port=${port} user=${user} password=${password}`;
  return `${setUp} set threads=2;
attach '${common(source)} database=${source.database}' as m (type mysql, read_only);
attach '${common(destination)} dbname=${destination.database}' as d (type postgres);
create table d.public.${table} as select * from m.${table};
call postgres_execute('d', 'ALTER TABLE public.${table} ADD PRIMARY KEY (f0)');
`;
};

export const duckdbFromMariadb = (pair: Pair, duckdb: Duckdb | string): Contender => {
  const method = { id: 'duckdb', title: 'DuckDB CLI, then primary key' };
  if (typeof duckdb === 'string') return { ...method, unavailable: duckdb };
  const file = pair.work.secretFile('duckdb.sql', duckdbScript(pair, duckdb.setUp));
  return {
    ...method,
    title: `DuckDB CLI ${duckdb.version}, then primary key`,
    run: () =>
      timedCommand({ script: `${duckdb.command} -bail -batch :memory: < ${quoted(file)}`, env: pair.tools.env }),
  };
};
