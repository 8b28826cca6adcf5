/**
 * The firenibble table of the trade's comparisons, each value a hash of the row number: the same on every server, at every
 * size, without a download.
 */
import { withPostgres } from '../servers/postgres-server.js';
import type { Address } from '../servers/address.js';
import type { Say } from '../local-tools.js';
import { postgresFingerprint } from './fingerprint.js';

export const table = 'firenibble_h';

/** Columns and what they are to the cross-engine check. */
export const columns = [
  ['f0', 'integer'],
  ['f1', 'integer'],
  ['f2', 'integer'],
  ['f3', 'integer'],
  ['f4', 'float'],
  ['f5', 'float'],
  ['f6', 'float'],
  ['f7', 'float'],
  ['f8', 'text'],
  ['f9', 'text'],
  ['f10', 'date'],
  ['f11', 'date'],
  ['f12', 'date'],
  ['f13', 'text'],
  ['f14', 'text'],
  ['f15', 'text'],
] as const;

const hash = (seed: number, mask: string): string => `(hashint8extended(g,${seed}) & ${mask})`;
const fraction = (seed: number): string => `${hash(seed, '9007199254740991')} / 9007199254740992::float8`;
const day = (seed: number): string => `date '1970-01-01' + ${hash(seed, '1048575')}::int % 20000`;

/** Without its key, which is made after the load, or before it, as a method has it. */
export const createPostgresTable = `CREATE TABLE public.${table} (f0 BIGINT NOT NULL, f1 BIGINT, f2 BIGINT, f3 INTEGER,
  f4 DOUBLE PRECISION, f5 DOUBLE PRECISION, f6 DOUBLE PRECISION, f7 DOUBLE PRECISION, f8 VARCHAR, f9 VARCHAR,
  f10 DATE, f11 DATE, f12 DATE, f13 VARCHAR, f14 VARCHAR, f15 VARCHAR)`;
export const addPostgresKey = `ALTER TABLE public.${table} ADD PRIMARY KEY (f0)`;

export const createMariadbTable = `CREATE TABLE ${table} (f0 BIGINT NOT NULL PRIMARY KEY, f1 BIGINT, f2 BIGINT, f3 INT,
  f4 DOUBLE, f5 DOUBLE, f6 DOUBLE, f7 DOUBLE, f8 VARCHAR(64), f9 VARCHAR(64),
  f10 DATE, f11 DATE, f12 DATE, f13 VARCHAR(64), f14 VARCHAR(64), f15 VARCHAR(64)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`;

const insertRows = (rows: number): string => `INSERT INTO public.${table}
  SELECT g, hashint8extended(g,1), hashint8extended(g,2), ${hash(3, '2147483647')}::int,
    ${fraction(4)}, ${fraction(5)} * 1e6, ${fraction(6)} * 1e-6, ${fraction(7)}, md5('8:'||g), md5('9:'||g),
    ${day(10)}, ${day(11)}, ${day(12)}, md5('13:'||g), md5('14:'||g), md5('15:'||g)
  FROM generate_series(1::bigint, ${rows}::bigint) g`;

/** Fingerprints that are known from elsewhere: a generator that drifts is caught before anything is measured. */
const known = new Map([[2_000_000, '2000000:-5862582435355417022487']]);

/**
 * Fills the table unless a complete one of that size is there.
 * @returns its fingerprint
 */
export const makeFirenibble = async (address: Address, rows: number, say: Say): Promise<string> => {
  const complete = `complete: ${rows} rows`;
  await withPostgres(address, async (client) => {
    const found = await client.query<{ note: string | null }>(
      `SELECT obj_description(to_regclass('public.${table}')) AS note`,
    );
    if (found.rows[0]?.note === complete) return;
    say(`making ${table}, ${rows.toLocaleString('en')} rows`);
    await client.query(`DROP TABLE IF EXISTS public.${table}`);
    await client.query(createPostgresTable);
    await client.query(insertRows(rows));
    await client.query(addPostgresKey);
    await client.query(`VACUUM (FREEZE, ANALYZE) public.${table}`);
    await client.query(`COMMENT ON TABLE public.${table} IS '${complete}'`);
    await client.query('CHECKPOINT');
  });
  const fingerprint = await postgresFingerprint(address, `public.${table}`);
  const expected = known.get(rows);
  if (expected !== undefined && fingerprint !== expected) {
    throw new Error(`${table} of ${rows} rows has fingerprint ${fingerprint}, not ${expected}`);
  }
  return fingerprint;
};

/** Bytes of the table's heap and of its rows in COPY binary, per row, for the report. */
export const heapBytes = (address: Address): Promise<number> =>
  withPostgres(address, async (client) => {
    const { rows } = await client.query<{ bytes: string }>(`SELECT pg_table_size('public.${table}') AS bytes`);
    return Number(rows[0]?.bytes);
  });
