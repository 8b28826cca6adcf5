/** MariaDB to PostgreSQL and back, whole table. */
import { interleave, type Contender } from '../measure/rounds.js';
import { duckdbFromMariadb, loadData, pgloaderFromMariadb, preparedFile } from '../methods/mariadb-peers.js';
import type { Pair } from '../methods/pair.js';
import { sluiceMethod } from '../methods/sluice.js';
import { columnNames, makeMariadbCopy } from '../data/mariadb-copy.js';
import { table } from '../data/firenibble.js';
import { mariadbFingerprint } from '../data/fingerprint.js';
import { describeMariadb, flushMariadb, mariadbRows, withMariadb } from '../servers/mariadb-server.js';
import { findDuckdb } from '../servers/duckdb.js';
import { checkpoint, describePostgres } from '../servers/postgres-server.js';
import type { Address } from '../servers/address.js';
import { postgresPair } from './pg-pg.js';
import { dropPostgresTable, wrongInPostgres } from './postgres-target.js';
import { comparisonOutcome, type Scenario } from './scenario.js';

const common = [
  'The MariaDB copy was loaded from the PostgreSQL table and proved equal to it value by value (canonical text, 64-bit hash sums).',
  'Before each run the destination table is dropped and dirty pages are written back on both servers; after each run row count, hash sum and primary key are checked.',
  'Client CPU of Sluice is that of all its processes; peak memory is that of its largest worker.',
];

export const mysqlPg: Scenario = {
  id: 'mysql-pg',
  title: 'MariaDB to PostgreSQL, full load',
  async run(stand) {
    const { rows, rounds: count } = stand.options;
    const origin = await postgresPair(stand, rows);
    const { address: source } = await makeMariadbCopy(origin, (await stand.mariadb()).address, rows, stand.say);
    const pair: Pair = { ...origin, source };
    const sluice = sluiceMethod(stand.platform, {
      id: 'sluice',
      title: '**Sluice**',
      source: { connectorType: 'mysql', address: pair.source },
      destination: { connectorType: 'postgres', address: pair.destination },
      streams: [`${pair.source.database}.${table}`],
    });
    const duckdb = await findDuckdb(stand.work, stand.tools, stand.options.installPeers, stand.say);
    const contenders = stand.chosen([pgloaderFromMariadb(pair), duckdbFromMariadb(pair, duckdb), sluice]);
    const rounds = await interleave({
      contenders,
      rounds: count,
      reset: async () => {
        await dropPostgresTable(pair.destination);
        await Promise.all([flushMariadb(pair.source), checkpoint(pair.destination)]);
      },
      check: () => wrongInPostgres(pair.destination, { fingerprint: origin.fingerprint }),
      say: stand.say,
      signal: stand.signal,
    });
    const servers = {
      source: await describeMariadb(pair.source),
      destination: await describePostgres(pair.destination),
    };
    return comparisonOutcome({ contenders, rounds, rows, base: 'pgloader' }, servers, common);
  },
};

const wrongInMariadb = async (address: Address, fingerprint: string): Promise<string | undefined> => {
  const found = await withMariadb(address, (connection) =>
    mariadbRows(
      connection,
      `SELECT t.engine, (SELECT GROUP_CONCAT(k.column_name) FROM information_schema.key_column_usage k
         WHERE k.table_schema = t.table_schema AND k.table_name = t.table_name AND k.constraint_name = 'PRIMARY')
       FROM information_schema.tables t WHERE t.table_schema = '${address.database}' AND t.table_name = '${table}'`,
    ),
  );
  const [[engine, key] = []] = found;
  if (engine !== 'InnoDB' || key !== 'f0') return `engine ${engine ?? '(no table)'}, primary key (${key ?? ''})`;
  const own = await mariadbFingerprint(address, table, columnNames);
  return own === fingerprint ? undefined : `fingerprint ${own}, not ${fingerprint}`;
};

export const pgMariadb: Scenario = {
  id: 'pg-mariadb',
  title: 'PostgreSQL to MariaDB, full load',
  async run(stand) {
    const { rows, rounds: count } = stand.options;
    const origin = await postgresPair(stand, rows);
    const server = (await stand.mariadb()).address;
    const { fingerprint } = await makeMariadbCopy(origin, server, rows, stand.say);
    const pair: Pair = { ...origin, destination: server };
    const file = await preparedFile(origin, rows);
    const sluice = sluiceMethod(stand.platform, {
      id: 'sluice',
      title: '**Sluice**',
      source: { connectorType: 'postgres', address: pair.source },
      destination: { connectorType: 'mysql', address: pair.destination },
      streams: [`public.${table}`],
    });
    const contenders: readonly Contender[] = stand.chosen([loadData(pair, file), sluice]);
    const rounds = await interleave({
      contenders,
      rounds: count,
      reset: async () => {
        await withMariadb(pair.destination, (connection) => connection.query(`DROP TABLE IF EXISTS ${table}`));
        await Promise.all([checkpoint(pair.source), flushMariadb(pair.destination)]);
      },
      check: () => wrongInMariadb(pair.destination, fingerprint),
      say: stand.say,
      signal: stand.signal,
    });
    const servers = {
      source: await describePostgres(pair.source),
      destination: await describeMariadb(pair.destination),
    };
    return comparisonOutcome({ contenders, rounds, rows, base: 'load-data' }, servers, [
      ...common,
      'LOAD DATA reads a file that was written before the clock started; Sluice reads the source within its time. Both have the primary key in place, as InnoDB stores rows by it.',
    ]);
  },
};
