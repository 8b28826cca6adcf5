import { randomUUID } from 'node:crypto';
import { Jets, connectNats } from '@sluice/service';
import { Leader, type LeaderDeps } from './leader.js';

const url = process.env['SLUICE_TEST_NATS_URL'];
if (!url) throw new Error('SLUICE_TEST_NATS_URL is not set: run this through `npm test`');

const ttl = 2000;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Waits as long as a busy machine may need. */
const until = async (holds: () => boolean): Promise<void> => {
  for (const end = Date.now() + 20 * ttl; !holds() && Date.now() < end;) await wait(20);
};
let nats: Awaited<ReturnType<typeof connectNats>>;
let bucket: Awaited<ReturnType<Jets['bucket']>>;
beforeAll(async () => {
  nats = await connectNats(url, 'test');
  bucket = await (await Jets.open(nats)).bucket(`wcat_${randomUUID()}`, ttl);
});
afterAll(async () => {
  await (await import('@nats-io/jetstream')).jetstreamManager(nats).then((m) => m.streams.delete(`KV_${bucketName()}`));
  await nats.close();
});
/** Not left to a test that fails half way: a contender that goes on would keep the process alive. */
const contenders: Leader[] = [];
afterEach(async () => void (await Promise.all(contenders.splice(0).map((one) => one[Symbol.asyncDispose]()))));
const bucketName = (): string => (bucket as unknown as { bucket: string }).bucket;

function contender(name: string, key: string, log: string[], over: Partial<LeaderDeps> = {}): Leader {
  const leader = new Leader({
    bucket,
    key,
    name,
    ttl,
    gained: () => log.push(`${name} gained`),
    lost: () => log.push(`${name} lost`),
    logger: { info: () => undefined, warn: () => undefined },
    ...over,
  });
  contenders.push(leader);
  return leader;
}

test('one of two leads and goes on leading; the other follows as soon as the first steps down', async () => {
  const log: string[] = [];
  const [a, b] = [contender('a', 'k1', log), contender('b', 'k1', log)];
  a.start();
  await until(() => a.leads);
  b.start();
  await wait(2.5 * ttl);
  expect([a.leads, b.leads, log]).toEqual([true, false, ['a gained']]);
  await a[Symbol.asyncDispose]();
  await until(() => b.leads);
  expect([b.leads, log]).toEqual([true, ['a gained', 'a lost', 'b gained']]);
});

test('a leader that falls silent is followed within its time, and knows that it leads no more', async () => {
  const log: string[] = [];
  let silent = false;
  const gate =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    (...args: A) =>
      silent ? new Promise<R>(() => undefined) : work(...args);
  const a = contender('a', 'k2', log, {
    bucket: {
      create: gate(bucket.create.bind(bucket)),
      update: gate(bucket.update.bind(bucket)),
      delete: gate(bucket.delete.bind(bucket)),
    },
  });
  const b = contender('b', 'k2', log);
  a.start();
  await until(() => a.leads);
  b.start();
  silent = true;
  await until(() => b.leads);
  expect(log).toEqual(['a gained', 'a lost', 'b gained']);
  silent = false;
  await wait(ttl);
  expect([a.leads, b.leads]).toEqual([false, true]);
});
