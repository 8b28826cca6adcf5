/** A thousand small tables: what each table costs, whatever is in it. */
import { interleave, type Method } from '../measure/rounds.js';
import { timedCommand } from '../measure/timed-command.js';
import { libpqEnvironment, psqlTarget, type Pair } from '../methods/pair.js';
import { sluiceMethod } from '../methods/sluice.js';
import type { Address } from '../servers/address.js';
import { checkpoint, describePostgres, ensureDatabase, withPostgres } from '../servers/postgres-server.js';
import { comparisonOutcome, type Scenario } from './scenario.js';

const tables = 1000;
const rowsEach = 100;
const names = Array.from({ length: tables }, (_, index) => `t${String(index + 1).padStart(4, '0')}`);

/** In batches: a transaction over all of them would need more locks than a server has by default. */
const inBatches = (address: Address, statement: (name: string) => string): Promise<void> =>
  withPostgres(address, async (client) => {
    for (let at = 0; at < names.length; at += 50)
      await client.query(
        names
          .slice(at, at + 50)
          .map(statement)
          .join(';'),
      );
  });

const create = (name: string): string =>
  `CREATE TABLE public.${name} (id bigint PRIMARY KEY, name text NOT NULL, amount numeric(12,2), at timestamptz);
   INSERT INTO public.${name} SELECT g, md5('${name}'||g), g * 1.25, timestamptz '2024-01-01 00:00:00Z' + g * interval '1 hour'
   FROM generate_series(1, ${rowsEach}) g`;

/** Rows, hash sum and primary keys of all tables, as one text. */
const fingerprint = (address: Address): Promise<string> =>
  withPostgres(address, async (client) => {
    await client.query("SET datestyle='ISO, MDY'; SET timezone='UTC'");
    const parts = names.map(
      (name) => `SELECT count(*) AS n, sum(hashtextextended('${name}' || t::text, 0)) AS h FROM public.${name} t`,
    );
    const { rows } = await client.query<{ fingerprint: string }>(
      `SELECT sum(n) || ':' || sum(h) || ':' || (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         WHERE i.indisprimary AND c.relname ~ '^t[0-9]{4}$') AS fingerprint FROM (${parts.join(' UNION ALL ')}) all_tables`,
    );
    return rows[0]?.fingerprint ?? '';
  });

const pgDump = (pair: Pair): Method => ({
  id: 'pg_dump',
  title: 'pg_dump \\| psql',
  run: () =>
    timedCommand({
      script: `pg_dump ${psqlTarget(pair.source)} | psql -X -q -v ON_ERROR_STOP=1 ${psqlTarget(pair.destination)} -o /dev/null`,
      env: libpqEnvironment(pair, [pair.source, pair.destination]),
    }),
});

export const manyTables: Scenario = {
  id: 'many-tables',
  title: `PostgreSQL to PostgreSQL, ${tables.toLocaleString('en')} tables of ${rowsEach} rows`,
  async run(stand) {
    const source = await ensureDatabase((await stand.postgresSource()).address, 'many');
    const destination = await ensureDatabase((await stand.postgresDestination()).address, 'many');
    const pair: Pair = { source, destination, tools: stand.tools, work: stand.work };
    stand.say(`making ${tables} tables`);
    await inBatches(source, (name) => `DROP TABLE IF EXISTS public.${name}; ${create(name)}`);
    await withPostgres(source, (client) => client.query('VACUUM ANALYZE'));
    const expected = await fingerprint(source);
    const contenders = stand.chosen([
      pgDump(pair),
      sluiceMethod(stand.platform, {
        id: 'sluice',
        title: '**Sluice**',
        source: { connectorType: 'postgres', address: source },
        destination: { connectorType: 'postgres', address: destination },
        streams: names.map((name) => `public.${name}`),
      }),
    ]);
    const rounds = await interleave({
      contenders,
      rounds: stand.options.rounds,
      reset: async () => {
        await inBatches(destination, (name) => `DROP TABLE IF EXISTS public.${name} CASCADE`);
        await Promise.all([checkpoint(source), checkpoint(destination)]);
      },
      check: async () => {
        const found = await fingerprint(destination);
        return found === expected ? undefined : `fingerprint ${found}, not ${expected}`;
      },
      say: stand.say,
      signal: stand.signal,
    });
    const comparison = { contenders, rounds, rows: tables * rowsEach, base: 'pg_dump' };
    const outcome = comparisonOutcome(comparison, { source: await describePostgres(source) }, [
      'Row count, hash sum and number of primary keys of all tables are checked after each run.',
    ]);
    return { ...outcome, figures: { ...outcome.figures, 'median s': outcome.figures['sluice median s'] ?? null } };
  },
};
