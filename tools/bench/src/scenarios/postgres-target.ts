/** Emptying and checking the firenibble table of a PostgreSQL destination. */
import type { Address } from '../servers/address.js';
import { withPostgres } from '../servers/postgres-server.js';
import { postgresFingerprint, postgresShape, postgresTableProblem } from '../data/fingerprint.js';
import { table } from '../data/firenibble.js';

export const dropPostgresTable = (address: Address): Promise<void> =>
  withPostgres(address, async (client) => void (await client.query(`DROP TABLE IF EXISTS public.${table} CASCADE`)));

/** @param shape of the source's table, where types must stay @returns what is wrong, or nothing */
export const wrongInPostgres = async (
  address: Address,
  expected: { fingerprint: string; shape?: string },
): Promise<string | undefined> => {
  const relation = `public.${table}`;
  const problem = await postgresTableProblem(address, relation, 'f0');
  if (problem !== undefined) return problem;
  const shape = await postgresShape(address, relation);
  if (expected.shape !== undefined && shape !== expected.shape)
    return `columns are (${shape}), not (${expected.shape})`;
  const fingerprint = await postgresFingerprint(address, relation);
  return fingerprint === expected.fingerprint ? undefined : `fingerprint ${fingerprint}, not ${expected.fingerprint}`;
};
