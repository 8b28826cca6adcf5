/** Compares the firenibble table of a PostgreSQL with that of a MariaDB, value by value through the canonical text. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { createConnection as createCallbackConnection } from 'mysql2';
import type { Address } from '../servers/address.js';
import { canonicalSum, difference, type Canonical, type TextRow } from './canonical.js';
import { parseCopyLine } from './copy-text.js';
import { columns, table } from './firenibble.js';

type Sum = ReturnType<Canonical['result']>;
const kinds = columns.map(([, kind]) => kind);
const names = columns.map(([name]) => name).join(', ');

/** @param psql path, arguments and environment that reach the database */
const postgresSum = async (psql: { file: string; args: readonly string[]; env: NodeJS.ProcessEnv }): Promise<Sum> => {
  const copy = `COPY (SELECT ${names} FROM public.${table}) TO STDOUT`;
  const env = { ...psql.env, PGOPTIONS: '-c extra_float_digits=1 -c datestyle=ISO' };
  const child = spawn(psql.file, [...psql.args, '-c', copy], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const sum = canonicalSum(kinds);
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) sum.add(parseCopyLine(line));
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`psql ended with exit code ${code}`);
  return sum.result();
};

const mariadbSum = async (address: Address): Promise<Sum> => {
  const connection = createCallbackConnection({ ...address, timezone: 'Z', typeCast: (field) => field.string() });
  const sum = canonicalSum(kinds);
  try {
    const rows = connection
      .query({ sql: `SELECT ${names} FROM ${table}`, rowsAsArray: true })
      .stream({ highWaterMark: 500 });
    for await (const row of rows) sum.add(row as TextRow);
  } finally {
    connection.end();
  }
  return sum.result();
};

/** @returns what differs, or nothing */
export const crossCheck = async (
  psql: Parameters<typeof postgresSum>[0],
  mariadb: Address,
): Promise<string | undefined> => difference(await postgresSum(psql), await mariadbSum(mariadb));
