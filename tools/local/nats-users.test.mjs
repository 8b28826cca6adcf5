// @ts-check
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { natsUrl, startNats } from './nats.mjs';
import { natsPermissions, natsUsers } from './nats-users.mjs';
import { binDirectory, root } from './paths.mjs';
import { freePort } from './ports.mjs';

const require = createRequire(join(root, 'package.json'));
const { connect } = /** @type {typeof import('@nats-io/transport-node')} */ (require('@nats-io/transport-node'));
const { jetstream, jetstreamManager } = /** @type {typeof import('@nats-io/jetstream')} */ (
  require('@nats-io/jetstream')
);

const directory = mkdtempSync(join(tmpdir(), 'sluice-nats-users-'));
/** @typedef {import('./nats-users.mjs').NatsUser} NatsUser */
/** @type {Record<NatsUser, string>} */
const passwords = /** @type {never} */ (
  Object.fromEntries(natsUsers.map((user) => [user, `${user}-${randomBytes(6).toString('hex')}`]))
);
/** @type {Awaited<ReturnType<typeof startNats>>} */
let server;
/** @type {import('./nats.mjs').NatsOptions} */
let options;
/** @type {import('@nats-io/transport-node').NatsConnection[]} */
const open = [];

before(async () => {
  options = {
    dataDir: join(directory, 'nats'),
    binDir: binDirectory(),
    port: await freePort(),
    passwords,
    logFile: join(directory, 'nats.log'),
    say: () => undefined,
  };
  server = await startNats(options);
});
after(async () => {
  for (const connection of open) await connection.close();
  await server.child.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** @param {NatsUser} user @param {string} [inboxPrefix] */
const as = async (user, inboxPrefix = `_INBOX.${user}`) => {
  const { host } = new URL(server.url);
  const connection = await connect({ servers: host, user, pass: passwords[user], inboxPrefix, reconnect: false });
  open.push(connection);
  return connection;
};

/** What the server says to a publish; undefined when it takes it. @param {NatsUser} user @param {string} subject */
const publishing = async (user, subject) => {
  const connection = await as(user);
  const said = firstRefusal(connection);
  connection.publish(subject, 'x');
  await connection.flush();
  await connection.close();
  return said;
};
/** @param {NatsUser} user @param {string} subject */
const listening = async (user, subject) => {
  const connection = await as(user);
  const said = firstRefusal(connection);
  connection.subscribe(subject, { callback: () => undefined });
  await connection.flush();
  await connection.close();
  return said;
};
/** Ends when the connection does. @param {import('@nats-io/transport-node').NatsConnection} connection */
const firstRefusal = async (connection) => {
  let refusal;
  for await (const status of connection.status())
    if (status.type === 'error')
      refusal ??= /permissions violation/i.test(status.error.message) ? 'refused' : status.error.message;
  return refusal;
};

test('[B1] nobody comes in without a password, nor with that of another', async () => {
  const { host } = new URL(server.url);
  await assert.rejects(connect({ servers: host, reconnect: false }), /authorization/i);
  await assert.rejects(
    connect({ servers: host, user: 'catalog', pass: passwords.runner, reconnect: false }),
    /authorization/i,
  );
});

/** @type {Array<[NatsUser, string, boolean]>} */
const publishes = [
  ['runner', 'catalog.runs.claim', true],
  ['runner', 'catalog.probes.redeem', true],
  ['runner', 'run-events.1.progress', true],
  ['runner', 'catalog.keys.create', false],
  ['runner', 'catalog.keys.verify', false],
  ['runner', 'catalog.endpoints.update', false],
  ['runner', 'catalog.pipelines.delete', false],
  ['runner', 'catalog.runs.create', false],
  ['runner', 'scheduler.runs.trigger', false],
  ['runner', 'runs.start.postgres', false],
  ['runner', 'run-control.1.cancel', false],
  ['runner', '$JS.API.STREAM.DELETE.RUNS', false],
  ['runner', '$JS.API.STREAM.PURGE.RUN_EVENTS', false],
  ['runner', '$JS.API.CONSUMER.MSG.NEXT.RUN_EVENTS.catalog-projection', false],
  ['runner', '$KV.LEASES.leader', false],
  ['runner', '_INBOX.gateway.x.1', false],
  ['gateway', 'catalog.pipelines.create', true],
  ['gateway', 'scheduler.runs.trigger', true],
  ['gateway', 'catalog.runs.claim', false],
  ['gateway', 'catalog.runs.finish', false],
  ['gateway', 'catalog.probes.redeem', false],
  ['gateway', 'runner.probes.check', false],
  ['gateway', 'run-events.1.finished', false],
  ['gateway', '$JS.API.CONSUMER.MSG.NEXT.RUN_EVENTS.catalog-projection', false],
  ['gateway', '$JS.API.CONSUMER.DELETE.RUN_EVENTS.catalog-projection', false],
  ['gateway', '$JS.ACK.RUN_EVENTS.catalog-projection.1.1.1.1.0', false],
  ['scheduler', 'catalog.runs.create', true],
  ['scheduler', 'catalog.keys.create', false],
  ['scheduler', 'catalog.runs.claim', false],
  ['scheduler', 'runs.start.postgres', false],
  ['catalog', 'runs.start.postgres', true],
  ['catalog', 'runner.probes.check', true],
  ['catalog', 'run-events.1.finished', false],
  ['local', 'catalog.keys.create', false],
];
for (const [user, subject, may] of publishes) {
  test(`[B1] ${user} ${may ? 'may' : 'may not'} publish ${subject}`, async () =>
    assert.equal(await publishing(user, subject), may ? undefined : 'refused'));
}

/** @type {Array<[NatsUser, string, boolean]>} */
const subscriptions = [
  ['runner', 'runner.probes.check', true],
  ['runner', 'run-control.1.cancel', true],
  ['runner', 'catalog.probes.redeem', false],
  ['runner', '_INBOX.gateway.>', false],
  ['runner', '_INBOX.>', false],
  ['runner', '>', false],
  ['runner', 'run-events.>', false],
  ['gateway', 'catalog.keys.verify', false],
  ['gateway', '_INBOX.catalog.>', false],
  ['scheduler', 'scheduler.runs.trigger', true],
  ['scheduler', 'runner.>', false],
  ['catalog', 'catalog.runs.claim', true],
  ['catalog', '_INBOX.gateway.>', false],
];
for (const [user, subject, may] of subscriptions) {
  test(`[B1] ${user} ${may ? 'may' : 'may not'} listen to ${subject}`, async () =>
    assert.equal(await listening(user, subject), may ? undefined : 'refused'));
}

test('[B1] an answer reaches who asked, and only after a question', async () => {
  const [catalog, gateway] = await Promise.all([as('catalog'), as('gateway')]);
  catalog.subscribe('catalog.runs.get', { callback: (_, message) => void message.respond('here') });
  await catalog.flush();
  assert.equal((await gateway.request('catalog.runs.get', 'x', { timeout: 2000 })).string(), 'here');
  assert.equal(await publishing('catalog', '_INBOX.gateway.guess.1'), 'refused');
});

test('[B1] a runner takes starts off its queue, and the gateway reads events, with what they may', async () => {
  const [catalog, runner, gateway] = await Promise.all([as('catalog'), as('runner'), as('gateway')]);
  const manager = await jetstreamManager(catalog);
  await manager.streams.add({ name: 'RUNS', subjects: ['runs.start.>'], retention: 'workqueue' });
  await manager.streams.add({ name: 'RUN_EVENTS', subjects: ['run-events.>'] });
  await jetstream(catalog).publish('runs.start.postgres', 'run 1');
  await (await jetstreamManager(runner)).consumers.add('RUNS', { durable_name: 'runners', ack_policy: 'explicit' });
  const start = await (await jetstream(runner).consumers.get('RUNS', 'runners')).next({ expires: 2000 });
  assert.equal(start?.string(), 'run 1');
  assert.equal(await start?.ackAck(), true);
  await jetstream(runner).publish('run-events.1.started', 'begun');
  const events = await jetstream(gateway).consumers.get('RUN_EVENTS', { filter_subjects: ['run-events.1.>'] });
  assert.equal((await events.next({ expires: 2000 }))?.string(), 'begun');
});

test('[B1] the configuration has every user and each only what the table says; its file is private', () => {
  const text = readFileSync(join(options.dataDir, 'nats.conf'), 'utf8');
  for (const user of natsUsers) {
    assert.ok(text.includes(passwords[user]));
    assert.ok(natsUrl(options, user).startsWith(`nats://${user}:${passwords[user]}@127.0.0.1:`));
    assert.ok(!natsPermissions[user].publish.includes('>'));
  }
});
