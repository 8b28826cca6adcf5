/** PostgreSQL to PostgreSQL, whole table: bytes and rows, against what administrators use. */
import { interleave, type Contender } from '../measure/rounds.js';
import type { Pair } from '../methods/pair.js';
import { postgresPeers } from '../methods/postgres-peers.js';
import { sluiceMethod } from '../methods/sluice.js';
import { heapBytes, makeFirenibble, table } from '../data/firenibble.js';
import { postgresShape } from '../data/fingerprint.js';
import { checkpoint, describePostgres, ensureDatabase } from '../servers/postgres-server.js';
import type { Stand } from '../stand.js';
import { dropPostgresTable, wrongInPostgres } from './postgres-target.js';
import { comparisonOutcome, type Outcome, type Scenario } from './scenario.js';

/** Both ends, the source filled. */
export const postgresPair = async (stand: Stand, rows: number): Promise<Pair & { fingerprint: string }> => {
  const [{ address: from }, { address: to }] = [await stand.postgresSource(), await stand.postgresDestination()];
  const source = await ensureDatabase(from, `firenibble_${rows}`);
  const destination = await ensureDatabase(to, 'bench');
  const fingerprint = await makeFirenibble(source, rows, stand.say);
  return { source, destination, tools: stand.tools, work: stand.work, fingerprint };
};

export const sluicePostgres = (stand: Stand, pair: Pair, encoding: 'auto' | 'rows' = 'auto'): Contender =>
  sluiceMethod(stand.platform, {
    id: encoding === 'rows' ? 'sluice-rows' : 'sluice',
    title: encoding === 'rows' ? '**Sluice**, row path' : '**Sluice**',
    source: { connectorType: 'postgres', address: pair.source },
    destination: { connectorType: 'postgres', address: pair.destination },
    streams: [`public.${table}`],
    options: { encoding },
  });

const notes = [
  'Source and destination: two clusters of one version and the same settings, on the same machine as every client.',
  'Before each run the destination table is dropped and both clusters are checkpointed; after each run row count, hash sum, column types and primary key are checked.',
  'Every method leaves the table with its primary key; it is part of the time. Creating the empty table is not part of the time of the psql and pg_dump lines.',
  'Client CPU of Sluice is that of all its processes (gateway, catalog, scheduler, runner, workers, nats-server, catalog database); peak memory is that of its largest worker. Those of a peer are of all its processes and of its largest.',
  "Time is from process start, for Sluice from sending the trigger, to the end of the process, for Sluice to the client's knowing that the run has succeeded.",
];

const compare = async (
  stand: Stand,
  contendersOf: (pair: Pair) => readonly Contender[],
  base: string,
  moreNotes: readonly string[] = [],
): Promise<Outcome> => {
  const pair = await postgresPair(stand, stand.options.rows);
  const shape = await postgresShape(pair.source, `public.${table}`);
  const contenders = stand.chosen(contendersOf(pair));
  const rounds = await interleave({
    contenders,
    rounds: stand.options.rounds,
    reset: async () => {
      await dropPostgresTable(pair.destination);
      await Promise.all([checkpoint(pair.source), checkpoint(pair.destination)]);
    },
    check: () => wrongInPostgres(pair.destination, { fingerprint: pair.fingerprint, shape }),
    say: stand.say,
    signal: stand.signal,
  });
  const bytes = await heapBytes(pair.source);
  const servers = {
    source: await describePostgres(pair.source),
    destination: await describePostgres(pair.destination),
  };
  const size = `${stand.options.rows.toLocaleString('en')} rows, ${(bytes / 1e6).toFixed(0)} MB in the source's heap.`;
  return comparisonOutcome({ contenders, rounds, rows: stand.options.rows, base }, servers, [
    size,
    ...notes,
    ...moreNotes,
  ]);
};

export const pgPg: Scenario = {
  id: 'pg-pg',
  title: 'PostgreSQL to PostgreSQL, full load',
  run: (stand) =>
    compare(stand, (pair) => [...postgresPeers(pair), sluicePostgres(stand, pair)], 'psql-binary', [
      'pgcopydb also vacuums and analyzes the table, and copies the whole database; it has nothing else in it.',
    ]),
};

export const rows: Scenario = {
  id: 'rows',
  title: 'PostgreSQL to PostgreSQL, row path (byte pass-through off)',
  run: (stand) =>
    compare(
      stand,
      (pair) => [
        ...postgresPeers(pair).filter(({ id }) => id === 'psql-binary'),
        sluicePostgres(stand, pair),
        sluicePostgres(stand, pair, 'rows'),
      ],
      'psql-binary',
    ),
};
