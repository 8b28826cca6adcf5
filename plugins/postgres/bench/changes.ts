/**
 * How fast the log becomes batches, without a server:
 *   node --conditions=@sluice/source -r ./plugins/postgres/test/run-typescript.cjs plugins/postgres/bench/changes.ts [changes]
 * 20 % inserts, 60 % updates, 20 % deletes in transactions of 10. Prints changes a second, by shape of the rows.
 * With SLUICE_TEST_POSTGRES_URL also from a server, with its own decoding in it.
 */
import type { Stream } from '@sluice/connector-sdk';
import { connect as dial } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChanges } from '../src/changes/index.js';
import { dropChanges } from '../src/changes/slot.js';
import { Relations } from '../src/changes/relations.js';
import type { Arrival } from '../src/changes/replication-link.js';
import { transactions } from '../src/changes/transactions.js';
import { sourceConfig } from '../src/config.js';
import { type Connection, connect, disconnect } from '../src/connect.js';
import { discover } from '../src/source/discover.js';
import { logicalColumn } from '../src/types.js';
import { type LogCell, log, tuple } from '../test/log-messages.js';

const count = Number(process.argv[2] ?? 1_000_000);
type Columns = readonly (readonly [name: string, native: string, cell: (n: number) => string])[];
const hash = (n: number): string => (BigInt(n) * 0x9e3779b97f4a7c15n).toString(16).padStart(32, '0').slice(-32);
const shapes: Readonly<Record<string, Columns>> = {
  pgbench: [
    ['aid', 'integer', String],
    ['bid', 'integer', (n) => String(n % 10)],
    ['abalance', 'integer', (n) => String(-(n % 5000))],
    ['filler', 'character(84)', () => ' '.repeat(84)],
  ],
  firenibble: Array.from({ length: 16 }, (_, i) => {
    if (i < 4) return [`f${i}`, 'bigint', (n: number) => String(BigInt(n) * 7919n ** BigInt(i + 1))] as const;
    if (i < 8) return [`f${i}`, 'double precision', (n: number) => String(Math.sin(n + i))] as const;
    if (i > 9 && i < 13) return [`f${i}`, 'date', (n: number) => `20${10 + (n % 20)}-0${1 + (n % 9)}-11`] as const;
    return [`f${i}`, 'character varying', hash] as const;
  }),
};

function streamOf(columns: Columns): Stream {
  const [first] = columns;
  return {
    ...{ id: 'public.t', path: ['public', 't'], key: [first![0]], modes: ['changes'], cursors: [] },
    columns: columns.map(([name, native]) => ({ name, native, nullable: true, ...logicalColumn(native) })),
  };
}
/** One lap of the log: enough transactions that no value is seen again soon. */
function lapOf(columns: Columns): Buffer[] {
  const row = (n: number): LogCell[] => columns.map(([, , cell]) => cell(n));
  const key = (n: number): Buffer => tuple('K', [String(n), ...columns.slice(1).map(() => null)]);
  const change = (n: number): Buffer => {
    if (n % 5 === 0) return log.insert(1, row(n));
    return n % 5 === 4 ? log.delete(1, key(n)) : log.update(1, row(n));
  };
  return Array.from({ length: 1000 }, (_, t) => [
    log.begin(t, BigInt(t)),
    ...Array.from({ length: 10 }, (__, i) => change(t * 10 + i)),
    log.commit(BigInt(t), BigInt(t + 1)),
  ]).flat();
}

async function decoded(name: string, columns: Columns): Promise<void> {
  const relation = log.relation(
    1,
    ['public', 't'],
    columns.map(([column], i) => ({ name: column, type: i + 1, identity: i === 0 })),
  );
  const lap = lapOf(columns);
  // Messages of one lap in one piece of memory, as chunks of a socket have them.
  const bytes = Buffer.concat(lap);
  let at = 0;
  const arrivals = lap.map((message): Arrival => ({ kind: 'data', bytes, at, end: (at += message.length) }));
  const abort = new AbortController();
  let sent = 0;
  let head: Arrival | undefined = { kind: 'data', bytes: relation, at: 0, end: relation.length };
  const take = (): Arrival | undefined => {
    const first = head;
    head = undefined;
    if (first) return first;
    return sent < (count / 10) * 12 ? arrivals[sent++ % arrivals.length] : undefined;
  };
  const catalogue = {
    client: {
      query: () =>
        Promise.resolve({ rows: columns.map(([, native], i) => ({ n: String(i + 1), native, delimiter: ',' })) }),
    },
  };
  const reading = transactions({
    log: { take, more },
    relations: new Relations(catalogue as unknown as Connection, { moneyScale: 2 }, [{ stream: streamOf(columns) }]),
    ...{ start: 0n, since: {}, hold: { memory: 1 << 20 }, signal: abort.signal },
    limits: { batchBytes: 1 << 20, groupMillis: 200, idleMillis: 2000 },
    checkpoint: (lsn) => ({ v: 1, lsn: String(lsn) }),
  });
  let ended = 0;
  async function more(ms: number): Promise<void> {
    ended ||= performance.now(); // what is left waits for others to share its batch with
    if (Number.isFinite(ms)) await sleep(ms);
    else abort.abort();
  }
  const started = performance.now();
  let changes = 0;
  for await (const batch of reading) if (batch.kind === 'changes') changes += batch.changes.length;
  report(name, changes, (ended - started) / 1000);
}
const report = (name: string, changes: number, seconds: number): void =>
  void process.stdout.write(
    `${name}: ${changes} changes in ${seconds.toFixed(2)} s, ${Math.round(changes / seconds)} a second, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB\n`,
  );

async function fromServer(address: string): Promise<void> {
  const url = new URL(address);
  const config = sourceConfig.parse({
    ...{ host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) || 'postgres' },
    ...{ username: url.username, password: decodeURIComponent(url.password) },
  });
  const abort = new AbortController();
  const context = {
    signal: abort.signal,
    dial: ({ host, port }: { host: string; port: number }) => Promise.resolve(dial(port, host)),
    log: () => undefined,
  };
  const connection = await connect(config, context);
  const { client } = connection;
  await client.query(
    'DROP TABLE IF EXISTS public.bench_changes; CREATE TABLE public.bench_changes (aid integer PRIMARY KEY, bid integer, abalance integer, filler character(84))',
  );
  const followed = (await discover(connection, ['public.bench_changes'])).map((stream) => ({ stream }));
  await (
    await openChanges(connection, config, context, { pipeline: 'bench', streams: followed })
  )[Symbol.asyncDispose]();
  for (let first = 0; first < count; first += count / 10) {
    const [insert, all] = [count / 50, count / 10];
    await client.query(
      `INSERT INTO public.bench_changes SELECT i, i % 10, 0, '' FROM generate_series(${first + 1}, ${first + insert}) i`,
    );
    for (let round = 0; round < 3; round++)
      await client.query(
        `UPDATE public.bench_changes SET abalance = abalance + 1 WHERE aid BETWEEN ${first + 1} AND ${first + all}`,
      );
    await client.query(`DELETE FROM public.bench_changes WHERE aid BETWEEN ${first + 1} AND ${first + insert}`);
  }
  const changes = await openChanges(connection, config, context, { pipeline: 'bench', streams: followed });
  const started = performance.now();
  let seen = 0;
  for await (const batch of changes) {
    if (batch.kind === 'changes') seen += batch.changes.length;
    if (seen >= count) abort.abort();
  }
  report('from a server, pgbench', seen, (performance.now() - started) / 1000);
  await changes[Symbol.asyncDispose]();
  await dropChanges(connection, 'bench');
  await client.query('DROP TABLE public.bench_changes');
  await disconnect(connection);
}

async function main(): Promise<void> {
  for (let round = 0; round < 2; round++)
    for (const [name, columns] of Object.entries(shapes)) await decoded(name, columns);
  const address = process.env['SLUICE_TEST_POSTGRES_URL'];
  if (address) await fromServer(address);
}
void main();
