import { Controller, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { connect } from '@nats-io/transport-node';
import { Transport } from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import { DataError } from '@sluice/connector-sdk';
import { notFound, streams, type Answer, type Request } from '@sluice/messages';
import { Jets } from './jetstream.js';
import { connectNats, isOlder, natsOptions, natsServers } from './nats.js';
import { Ops } from './ops.js';
import { RpcClient } from './rpc-client.js';
import { serving } from './run-service.js';
import { Serves } from './serves.js';

const url = process.env['SLUICE_TEST_NATS_URL'];
if (!url) throw new Error('SLUICE_TEST_NATS_URL is not set: run this through `npm test`');

@Controller()
class Handlers {
  @Serves('catalog.pipelines.list')
  async list({ tenantId }: Request<'catalog.pipelines.list'>): Promise<Answer<'catalog.pipelines.list'>> {
    if (tenantId === 'none') throw notFound('no-tenant', 'no such tenant', { fix: 'make one' });
    if (tenantId === 'data') throw new DataError('a value does not fit', { stream: 's' });
    if (tenantId === 'bug') throw new TypeError('password=hunter2');
    return [];
  }
  @Serves('catalog.pipelines.delete')
  async remove(): Promise<null> {
    return null;
  }
}
@Module({ controllers: [Handlers] })
class HandlersModule {}

describe('requests over the bus', () => {
  let app: INestMicroservice;
  let nats: Awaited<ReturnType<typeof connectNats>>;
  beforeAll(async () => {
    nats = await connectNats(url, 'test');
    const module = await Test.createTestingModule({ imports: [HandlersModule] }).compile();
    app = module.createNestMicroservice({
      transport: Transport.NATS,
      options: { ...natsOptions(url, 'h'), queue: 'h' },
      logger: false,
    });
    await serving(app);
  });
  afterAll(async () => {
    await app.close();
    await nats.close();
  });

  test('a value comes back as it is', async () => {
    const rpc = new RpcClient(nats);
    await expect(rpc.call('catalog.pipelines.list', { tenantId: 't' })).resolves.toEqual([]);
    await expect(rpc.call('catalog.pipelines.delete', { tenantId: 't', id: '1', actor: 'a' })).resolves.toBeNull();
  });

  test('a failure keeps its kind, code and fix; an unexpected error keeps its text to itself', async () => {
    const rpc = new RpcClient(nats);
    const failure = (tenantId: string): Promise<unknown> =>
      rpc.call('catalog.pipelines.list', { tenantId }).then(
        () => 'no error',
        (e: { failure: unknown }) => e.failure,
      );
    expect(await failure('none')).toEqual({
      kind: 'not-found',
      code: 'no-tenant',
      message: 'no such tenant',
      fix: 'make one',
    });
    expect(await failure('data')).toEqual({ kind: 'invalid', code: 'value-rejected', message: 'a value does not fit' });
    expect(await failure('bug')).toMatchObject({ kind: 'internal', message: expect.not.stringContaining('hunter2') });
  });

  test('a service that is not there is unavailable at once', async () => {
    const call = new RpcClient(nats).call('scheduler.runs.trigger', { tenantId: 't', id: '1', actor: 'a' });
    await expect(call).rejects.toMatchObject({ failure: { kind: 'unavailable', code: 'no-service' } });
  });

  test('streams are made once, durable, and survive being made again', async () => {
    await Jets.open(nats);
    const jets = await Jets.open(nats);
    const manager = await jets.client.jetstreamManager();
    const { config } = await manager.streams.info(streams.runs.name);
    expect([config.retention, config.storage]).toEqual(['workqueue', 'file']);
  });
});

test.each([
  ['2.10.23', false],
  ['2.10.22', true],
  ['2.9.10', true],
  ['2.12.0-beta.1', false],
  ['3.0.0', false],
])('server %s too old: %s', (version, old) => expect(isOlder(version, [2, 10, 23])).toBe(old));

test('credentials are taken off the URL and decoded', () => {
  expect(natsOptions('nats://a%40b:p%3Aw@h:1,nats://h2:2', 'n')).toMatchObject({
    servers: ['h:1', 'h2:2'],
    user: 'a@b',
    pass: 'p:w',
  });
  expect(natsOptions('nats://tok@h:1', 'n')).toMatchObject({ token: 'tok' });
  expect(natsServers('nats://a:b@h:1, tls://[fd00::5],h3')).toEqual(['h:1', '[fd00::5]:4222', 'h3:4222']);
});

test('[B1] a user hears its own inbox; a token, or a name that is no word, has the common one', () => {
  expect(natsOptions('nats://runner:p@h:1', 'n')).toMatchObject({ inboxPrefix: '_INBOX.runner' });
  for (const url of ['nats://a.b:p@h:1', 'nats://%3E:p@h:1', 'nats://tok@h:1', 'nats://h:1'])
    expect(natsOptions(url, 'n')).not.toHaveProperty('inboxPrefix');
});

test('tls:// asks for TLS, and does without for nobody', async () => {
  expect(natsOptions('tls://h:1', 'n')).toMatchObject({ tls: {} });
  expect(natsOptions('nats://h:1', 'n')).not.toHaveProperty('tls');
  const options = natsOptions(url.replace(/^nats:/, 'tls:'), 'n');
  await expect(connect({ ...options, reconnect: false })).rejects.toThrow(/tls/i);
});

test('[B1] streams that are as they should be are not asked to change: only the catalog may', async () => {
  const nats = await connectNats(url, 'test');
  await Jets.open(nats);
  const asked: string[] = [];
  const watched = new Proxy(nats, {
    get: (target, member) => {
      const value: unknown = Reflect.get(target, member);
      if (member !== 'request') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return (subject: string, ...rest: [Uint8Array]) => (asked.push(subject), target.request(subject, ...rest));
    },
  });
  await Jets.open(watched);
  expect(asked.filter((subject) => /STREAM\.(CREATE|UPDATE)/.test(subject))).toEqual([]);
  expect(asked).toContain('$JS.API.STREAM.INFO.RUNS');
  await nats.close();
});

test('readiness names what fails, and liveness does not depend on it', async () => {
  const ops = new Ops('x');
  ops.check('database', async () => Promise.reject(new Error('refused')));
  ops.check('bus', async () => undefined);
  const http = await ops.listen('127.0.0.1', 0);
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${http.port}${path}`);
    return [response.status, await response.text()];
  };
  expect(await get('/livez')).toEqual([200, 'ok\n']);
  expect(await get('/readyz')).toEqual([503, '{"ready":false,"checks":{"database":"refused","bus":"ok"}}\n']);
  expect((await get('/metrics'))[1]).toContain('sluice_process_resident_memory_bytes');
  expect((await get('/other'))[0]).toBe(404);
  await http.close();
});
