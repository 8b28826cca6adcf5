/** Transactions, as a server would send them, and what batches they become. No server. */
import type { Batch, Change, Checkpoint, Stream } from '@sluice/connector-sdk';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { log, tuple } from '../../test/log-messages.js';
import type { Connection } from '../connect.js';
import type { BatchLimits } from './batches.js';
import { HeldTransactions } from './held-transactions.js';
import { lsnText } from './lsn.js';
import { Relations } from './relations.js';
import type { Arrival } from './replication-link.js';
import { transactions } from './transactions.js';
import { type Since, visibility } from './visible.js';

const integer = { name: 'id', type: 23, identity: true };
const table: Stream = {
  id: 'public.t',
  path: ['public', 't'],
  system: 'postgres',
  columns: [{ name: 'id', type: 'int32', nullable: false, native: 'integer' }],
  key: ['id'],
  modes: ['full', 'changes'],
  cursors: [],
};
/** A catalogue that knows integer and text. */
const catalogue = {
  client: {
    query: (_: string, [types]: [string[]]) =>
      Promise.resolve({
        rows: types.map((type, i) => ({
          n: String(i + 1),
          native: type === '23' ? 'integer' : 'text',
          delimiter: ',',
        })),
      }),
  },
} as unknown as Connection;

const arrivals = (messages: readonly (Buffer | Arrival)[]): Arrival[] =>
  messages.map((one) => (Buffer.isBuffer(one) ? { kind: 'data', bytes: one, at: 0, end: one.length } : one));
const alive = (lsn: bigint, asked = false): Arrival => ({ kind: 'keepalive', lsn, asked });

interface Options extends Partial<BatchLimits> {
  readonly since?: Record<string, Since>;
  readonly start?: bigint;
  readonly memory?: number;
  readonly folder?: string;
  /** Kept empty-handed for so long before the log is found to have ended. */
  readonly linger?: number;
}
/** What the messages become; the log ends with them. */
async function read(messages: readonly (Buffer | Arrival)[], options: Options = {}): Promise<Batch[]> {
  const { since = {}, start = 0n, memory = 1 << 20, folder, linger = 0, ...limits } = options;
  const queue = arrivals(messages);
  const abort = new AbortController();
  const started = Date.now();
  const batches: Batch[] = [];
  const reading = transactions({
    log: {
      take: () => queue.shift(),
      more: async (ms) => {
        if (Date.now() - started >= linger) abort.abort();
        else await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 5)));
      },
    },
    relations: new Relations(catalogue, { moneyScale: 2 }, [{ stream: table }]),
    start,
    since,
    limits: { batchBytes: 1 << 20, groupMillis: 0, idleMillis: 0, ...limits },
    hold: { memory, ...(folder !== undefined && { folder }) },
    signal: abort.signal,
    checkpoint: (lsn): Checkpoint => ({ v: 1, lsn: lsnText(lsn) }),
  });
  for await (const batch of reading) batches.push(batch);
  return batches;
}
const ids = (changes: readonly Change[]): unknown[] =>
  changes.map((change) => ('after' in change ? change.after[0] : change.op));
const told = (batches: readonly Batch[]): unknown[] =>
  batches.map((batch) => [
    ...(batch.kind === 'changes' ? ids(batch.changes) : [batch.kind]),
    'checkpoint' in batch && batch.checkpoint ? `@${String(batch.checkpoint['lsn'])}` : '',
  ]);

const relation = log.relation(1, ['public', 't'], [integer]);
const insert = (id: number, xid?: number): Buffer => log.insert(1, [String(id)], xid);
const transaction = (xid: number, end: bigint, ...rows: Buffer[]): Buffer[] => [
  log.begin(xid, end - 1n),
  ...rows,
  log.commit(end - 1n, end),
];

test('a checkpoint stands at the end of each transaction', async () => {
  const messages = [...transaction(1, 16n, relation, insert(1), insert(2)), ...transaction(2, 32n, insert(3))];
  expect(told(await read(messages))).toEqual([
    [1, 2, '@0/10'],
    [3, '@0/20'],
  ]);
});

test('small transactions share a batch; one that is still open is not in it', async () => {
  const messages = [
    ...transaction(1, 16n, relation, insert(1)),
    ...transaction(2, 32n, insert(2)),
    log.begin(3, 47n),
    insert(3),
  ];
  expect(told(await read(messages, { groupMillis: 30, linger: 60 }))).toEqual([[1, 2, '@0/20']]);
});

test('a large transaction takes many batches and one checkpoint; what ended before it is not kept waiting', async () => {
  const rows = Array.from({ length: 10 }, (_, i) => insert(10 + i));
  const messages = [...transaction(1, 16n, relation, insert(1)), ...transaction(2, 32n, ...rows)];
  const batchBytes = 4 * (insert(10).length + 64);
  expect(told(await read(messages, { batchBytes, groupMillis: 1000, linger: 20 }))).toEqual([
    [1, '@0/10'],
    [10, 11, 12, 13, ''],
    [14, 15, 16, 17, ''],
  ]);
  expect(told(await read(messages, { batchBytes, groupMillis: 5, linger: 40 })).slice(3)).toEqual([[18, 19, '@0/20']]);
});

test('a batch is bounded in bytes, however many transactions there are', async () => {
  const messages = [
    relation,
    ...Array.from({ length: 100 }, (_, i) => transaction(i, BigInt(i + 1) * 16n, insert(i + 100))).flat(),
  ];
  const batches = await read(messages, { batchBytes: 10 * (insert(100).length + 64), groupMillis: 60_000 });
  expect(batches.map((batch) => (batch.kind === 'changes' ? batch.changes.length : 0)).slice(0, 9)).toEqual(
    Array(9).fill(10),
  );
});

test('positions move on between transactions and never inside of one', async () => {
  const busy = [
    ...transaction(1, 16n),
    alive(24n),
    log.begin(2, 31n),
    relation,
    alive(28n, true),
    insert(1),
    alive(30n),
    log.commit(31n, 32n),
    alive(64n),
  ];
  expect(told(await read(busy))).toEqual([
    ['idle', '@0/10'],
    ['idle', '@0/18'],
    [1, '@0/20'],
    ['idle', '@0/40'],
  ]);
});

test('positions move seldom, but at once when the server waits for them', async () => {
  const messages = [alive(16n), alive(32n), alive(48n, true), alive(64n)];
  expect(told(await read(messages, { idleMillis: 10_000 }))).toEqual([['idle', '@0/30']]);
  expect(
    told(await read([...transaction(1, 16n, relation, insert(1)), alive(48n, true)], { groupMillis: 10_000 })),
  ).toEqual([[1, '@0/10']]);
});

test('a transaction whose changes are of no concern moves the position only', async () => {
  const other = log.relation(2, ['public', 'other'], [integer]);
  expect(told(await read([...transaction(1, 16n, other, log.insert(2, ['1']))]))).toEqual([['idle', '@0/10']]);
});

test('transactions that are durable already are passed over', async () => {
  const messages = [...transaction(1, 16n, relation, insert(1)), ...transaction(2, 32n, insert(2))];
  expect(told(await read(messages, { start: 16n }))).toEqual([[2, '@0/20']]);
});

test('transactions that the snapshot saw are passed over, for its stream only, and never behind its end', async () => {
  const messages = [10, 11, 12, 13].flatMap((xid, i) =>
    transaction(xid, BigInt(i + 1) * 16n, ...(i === 0 ? [relation] : []), insert(xid)),
  );
  const since = (snapshot: string, lsn: string) => ({ 'public.t': { snapshot, lsn } });
  expect(
    ids(
      (await read(messages, { since: since('11:13:11', '1/0') })).flatMap((b) =>
        b.kind === 'changes' ? b.changes : [],
      ),
    ),
  ).toEqual([11, 13]);
  expect(told(await read(messages, { since: since('20:20:', '0/20') }))).toEqual([
    ['idle', '@0/10'],
    ['idle', '@0/20'],
    [12, '@0/30'],
    [13, '@0/40'],
  ]);
  expect(told(await read(messages, { since: { 'public.u': { snapshot: '20:20:', lsn: '1/0' } } }))).toHaveLength(4);
});

test.each<[string, readonly number[], readonly number[]]>([
  ['100:105:101,103', [99, 100, 102, 104], [101, 103, 105, 200]],
  ['4294967290:4294967300:4294967295', [4294967290, 4294967294, 0, 3], [4294967295, 4, 100]],
  ['8589934592:8589934592:', [4294967295, 4294967000], [0, 1, 50]],
])('a snapshot %s saw %j and not %j, across the wraps of ids', (snapshot, seen, unseen) => {
  const saw = visibility(snapshot);
  expect(seen.map(saw)).toEqual(seen.map(() => true));
  expect(unseen.map(saw)).toEqual(unseen.map(() => false));
});
test.each(['', '1:2', '1:2:3,', 'a:b:c', '1:2:3;4'])('%j is no snapshot', (text) => {
  expect(() => visibility(text)).toThrow(RangeError);
});

/** Two transactions, streamed in turns; `xid` 7 has savepoints 8 and 9, of which 9 is rolled back. */
const streamed = [
  log.streamStart(7),
  log.relation(1, ['public', 't'], [integer], 'd', 7),
  insert(70, 7),
  insert(80, 8),
  log.streamStop(),
  log.streamStart(20),
  insert(200, 20),
  log.streamStop(),
  ...transaction(3, 16n, relation, insert(3)),
  log.streamStart(7, false),
  log.origin(1n, 'o'),
  insert(90, 9),
  insert(81, 8),
  log.streamStop(),
  log.streamAbort(7, 9),
  log.streamAbort(20, 20),
  log.streamStart(7, false),
  log.update(1, ['71'], tuple('K', ['70']), 7),
  log.streamStop(),
  log.streamCommit(7, 31n, 32n),
];
test('a streamed transaction is kept back until it commits; what was rolled back in it is not there', async () => {
  expect(told(await read(streamed))).toEqual([
    [3, '@0/10'],
    [70, 80, 81, 71, '@0/20'],
  ]);
  expect(told(await read(streamed.slice(0, -1)))).toEqual([[3, '@0/10']]);
});

test('keepalives between blocks move the position while transactions are kept back', async () => {
  const messages = [...streamed.slice(0, 5), alive(8n), ...streamed.slice(5)];
  expect(told(await read(messages))[0]).toEqual(['idle', '@0/8']);
});

test('what is kept back goes to temporary files beyond a bound, and is the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-held-'));
  try {
    expect(told(await read(streamed, { memory: 20, folder }))).toEqual(told(await read(streamed)));
    const rows = Array.from({ length: 20_000 }, (_, i) => insert(i, i % 3 === 0 ? 6 : 5));
    const messages = [
      log.streamStart(5),
      log.relation(1, ['public', 't'], [integer], 'd', 5),
      ...rows,
      log.streamStop(),
      log.streamAbort(5, 6),
      log.streamCommit(5, 15n, 16n),
    ];
    const batches = await read(messages, { memory: 1000, folder, batchBytes: 100_000 });
    const expected = Array.from({ length: 20_000 }, (_, i) => i).filter((i) => i % 3 !== 0);
    expect(batches.flatMap((batch) => (batch.kind === 'changes' ? ids(batch.changes) : []))).toEqual(expected);
    expect(batches.filter((batch) => 'checkpoint' in batch)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('memory of what is kept back stays within its bound', async () => {
  await using held = new HeldTransactions({ memory: 100_000 });
  const message = insert(1, 5);
  const frame = { bytes: message, at: 0, end: message.length };
  for (const xid of [1, 2, 3]) held.begin(xid);
  for (let i = 0; i < 30_000; i++) await held.add((i % 3) + 1, frame);
  expect(held.spilled).toBeGreaterThan(30_000 * (message.length + 4) - 100_001);
  let count = 0;
  for await (const one of held.replay(2)) count += Number(one.bytes.subarray(one.at, one.end).equals(message));
  expect([count, held.count]).toEqual([10_000, 2]);
});

test('a block of a transaction that was never begun is refused', async () => {
  await expect(read([log.streamCommit(5, 1n, 2n)])).rejects.toMatchObject({ code: 'postgres.malformed-message' });
});

test('a change with another number of values than its table has columns is refused, not shifted', async () => {
  const messages = transaction(1, 16n, relation, log.insert(1, ['1', '2']));
  await expect(read(messages)).rejects.toMatchObject({ class: 'data', stream: 'public.t' });
});
