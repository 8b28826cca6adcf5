/**
 * The ways to copy a table from one PostgreSQL to another that Sluice is compared to. Each leaves the table with its primary
 * key behind; those that can build it after the load do, as that is quicker.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Method } from '../measure/rounds.js';
import { timedCommand } from '../measure/timed-command.js';
import { urlOf, type Address } from '../servers/address.js';
import { withPostgres } from '../servers/postgres-server.js';
import { addPostgresKey, createPostgresTable, table } from '../data/firenibble.js';
import { libpqEnvironment, psqlTarget, quoted, type Pair } from './pair.js';

const psql = 'psql -X -q -v ON_ERROR_STOP=1';

const runSql = (address: Address, ...statements: readonly string[]): Promise<void> =>
  withPostgres(address, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

/** The base: the shortest way there is, and what a good administrator would do. */
const psqlBinary = (pair: Pair): Method => ({
  id: 'psql-binary',
  title: 'psql COPY binary \\| psql, then primary key',
  prepare: () => runSql(pair.destination, createPostgresTable),
  run: () =>
    timedCommand({
      script:
        `${psql} ${psqlTarget(pair.source)} -c 'COPY public.${table} TO STDOUT (FORMAT binary)' | ` +
        `${psql} ${psqlTarget(pair.destination)} -c 'COPY public.${table} FROM STDIN (FORMAT binary)' -c '${addPostgresKey}'`,
      env: libpqEnvironment(pair, [pair.source, pair.destination]),
    }),
});

const psqlBinaryKeyFirst = (pair: Pair): Method => ({
  id: 'psql-binary-key-first',
  title: 'psql COPY binary \\| psql, key in place',
  prepare: () => runSql(pair.destination, createPostgresTable, addPostgresKey),
  run: () =>
    timedCommand({
      script:
        `${psql} ${psqlTarget(pair.source)} -c 'COPY public.${table} TO STDOUT (FORMAT binary)' | ` +
        `${psql} ${psqlTarget(pair.destination)} -c 'COPY public.${table} FROM STDIN (FORMAT binary)'`,
      env: libpqEnvironment(pair, [pair.source, pair.destination]),
    }),
});

const pgDump = (pair: Pair): Method => ({
  id: 'pg_dump',
  title: 'pg_dump -a \\| psql, then primary key',
  prepare: () => runSql(pair.destination, createPostgresTable),
  run: () =>
    timedCommand({
      script:
        `pg_dump -a -t public.${table} ${psqlTarget(pair.source)} | ` +
        `${psql} ${psqlTarget(pair.destination)} -o /dev/null -f - -c '${addPostgresKey}'`,
      env: libpqEnvironment(pair, [pair.source, pair.destination]),
    }),
});

/** A libpq address without the password, which comes from the password file. */
const uriWithoutPassword = ({ host, port, user, database }: Address): string =>
  `postgres://${encodeURIComponent(user)}@${host}:${port}/${encodeURIComponent(database)}`;

const pgcopydb = (pair: Pair): Contender => {
  const method = { id: 'pgcopydb', title: 'pgcopydb clone, 2 jobs' };
  if (!pair.tools.find('pgcopydb')) return { ...method, unavailable: 'pgcopydb is not installed' };
  const run: Method['run'] = async () => {
    const scratch = mkdtempSync(join(pair.work.folder('tmp'), 'pgcopydb-'));
    try {
      const ends = `--source ${quoted(uriWithoutPassword(pair.source))} --target ${quoted(uriWithoutPassword(pair.destination))}`;
      const options = `--table-jobs 2 --index-jobs 2 --drop-if-exists --dir ${quoted(join(scratch, 'run'))}`;
      const env = {
        ...libpqEnvironment(pair, [pair.source, pair.destination]),
        TMPDIR: scratch,
        XDG_DATA_HOME: scratch,
      };
      return await timedCommand({ script: `pgcopydb clone ${ends} ${options}`, env, cwd: scratch });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  };
  return { ...method, run };
};

const pgloader = (pair: Pair): Contender => {
  const method = { id: 'pgloader', title: 'pgloader' };
  if (!pair.tools.find('pgloader')) return { ...method, unavailable: 'pgloader is not installed' };
  const commands = `LOAD DATABASE FROM ${urlOf('pgsql', pair.source)} INTO ${urlOf('pgsql', pair.destination)}
 WITH include drop, create tables, create indexes, no foreign keys, reset no sequences,
      workers = 2, concurrency = 1, batch rows = 25000, prefetch rows = 25000
 INCLUDING ONLY TABLE NAMES MATCHING '${table}' IN SCHEMA 'public';\n`;
  return { ...method, run: () => runPgloader(pair, commands) };
};

/** @param commands hold the passwords: they go through a file that only we can read */
export const runPgloader = async (pair: Pair, commands: string): ReturnType<Method['run']> => {
  const file = pair.work.secretFile('pgloader.load', commands);
  const scratch = mkdtempSync(join(pair.work.folder('tmp'), 'pgloader-'));
  const options = `--dynamic-space-size 4096 --root-dir ${quoted(scratch)} --on-error-stop`;
  try {
    return await timedCommand({ script: `pgloader ${options} ${quoted(file)}`, env: pair.tools.env, cwd: scratch });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

/** The first one is the base of all ratios. */
export const postgresPeers = (pair: Pair): readonly Contender[] => [
  psqlBinary(pair),
  psqlBinaryKeyFirst(pair),
  pgDump(pair),
  pgcopydb(pair),
  pgloader(pair),
];
