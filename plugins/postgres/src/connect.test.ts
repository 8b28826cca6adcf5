import { plainDial } from '@sluice/connector-kit';
import { ConfigError, type Endpoint, codes, isSluiceError } from '@sluice/connector-sdk';
import { createServer } from 'node:net';
import { certificate } from '../test/certificate.js';
import { fakeServer } from '../test/fake-server.js';
import {
  type TestDatabase,
  discoverOne,
  lane,
  target,
  testContext,
  testDatabase,
  withDestination,
  withSource,
} from '../test/server.js';
import { type SourceConfig, destinationConfig, sourceConfig } from './config.js';
import { openSource } from './source/session.js';
import plugins, { destination, source } from './index.js';

let db: TestDatabase;
beforeAll(async () => void (db = await testDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

const failure = async (config: Partial<SourceConfig>): Promise<Record<string, unknown>> => {
  try {
    await using _ = await openSource({ ...db.source, ...config }, testContext());
  } catch (error) {
    expect(isSluiceError(error)).toBe(true);
    return { ...(error as object), message: (error as Error).message } as Record<string, unknown>;
  }
  throw new Error('it opened');
};

test('the plugin is a source and a destination of one id; every option has a title and a sentence', () => {
  expect(plugins).toEqual([source, destination]);
  expect([source.id, destination.id, source.contract]).toEqual(['postgres', 'postgres', 1]);
  for (const { config } of plugins) {
    const schema = config['~standard'].jsonSchema.input({ target: 'draft-2020-12' }) as {
      properties: Record<string, { title: string; description: string; writeOnly?: boolean }>;
    };
    for (const option of Object.values(schema.properties)) {
      expect(option.title).toMatch(/^[A-Z]/);
      expect(option.description).toMatch(/^[A-Z].*\.$/s);
    }
    expect(schema.properties['password']!.writeOnly).toBe(true);
  }
});

test.each([
  [{ hots: 'x' }, /hots/],
  [{ host: '/var/run/postgresql' }, /socket/i],
  [{ port: 70000 }, /./],
  [{ ssl_mode: 'maybe' }, /./],
])('a configuration with %j is refused', (more, message) => {
  const result = sourceConfig.safeParse({ host: 'h', database: 'd', username: 'u', ...more });
  expect(result.success).toBe(false);
  expect(JSON.stringify(result.error?.issues)).toMatch(message);
  expect(destinationConfig.safeParse({ host: 'h', database: 'd', username: 'u', window_bytes: 1 }).success).toBe(false);
});

describe('opening', () => {
  test('a wrong password, an unknown role and an unknown database are ConfigErrors that lead to their field', async () => {
    const wrong = await failure({ password: 'secret-and-wrong' });
    expect(wrong).toMatchObject({ class: 'config', code: 'authentication', path: ['password'] });
    expect(wrong['message']).not.toContain('secret-and-wrong');
    expect(await failure({ database: 'no_such_db' })).toMatchObject({
      class: 'config',
      code: 'no-such-database',
      path: ['database'],
    });
    expect(await failure({ username: 'nobody_here' })).toMatchObject({ class: 'config', code: 'authentication' });
  });

  test('a host that does not resolve, and a port where nothing listens', async () => {
    expect(await failure({ host: 'no-such-host.invalid' })).toMatchObject({
      class: 'config',
      code: 'unreachable',
      path: ['host'],
    });
    expect(await failure({ port: 1 })).toMatchObject({ class: 'transient', code: 'unreachable' });
  });

  test('a server that does not answer is given up after the timeout', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    expect(await failure({ port, connect_timeout: 0.2, ssl_mode: 'disable' })).toMatchObject({
      class: 'transient',
      code: 'unreachable',
    });
    silent.close();
  });

  test('a role without rights on the database is a permission error', async () => {
    await db.query(
      `CREATE ROLE wpg_noconn_${process.pid} LOGIN PASSWORD 'x'; REVOKE CONNECT ON DATABASE ${db.name} FROM PUBLIC`,
    );
    expect(await failure({ username: `wpg_noconn_${process.pid}`, password: 'x' })).toMatchObject({
      class: 'config',
      code: 'permission',
      path: ['username'],
    });
    await db.query(`GRANT CONNECT ON DATABASE ${db.name} TO PUBLIC; DROP ROLE wpg_noconn_${process.pid}`);
  });

  test('TLS that is asked for and not offered', async () => {
    await using server = await fakeServer({ tls: false });
    expect(await failure({ port: server.port, ssl_mode: 'require' })).toMatchObject({
      class: 'config',
      code: 'tls',
      path: ['ssl_mode'],
    });
  });

  test.each([
    ['disable', false, undefined],
    ['allow', false, undefined],
    ['prefer', false, undefined],
    ['prefer', true, undefined],
    ['require', true, undefined],
  ] as const)('the password never goes out in clear: %s, TLS offered: %s', async (ssl_mode, tls, ssl_root_cert) => {
    await using server = await fakeServer({ tls });
    const error = await failure({
      host: '127.0.0.1',
      port: server.port,
      ssl_mode,
      ssl_root_cert,
      password: 'open-sesame',
    });
    expect(error).toMatchObject({ class: 'config', code: 'tls', path: ['ssl_mode'] });
    expect(server.received()).toContain('application_name');
    expect(server.received()).not.toContain('open-sesame');
  });

  test('a certificate that is not trusted, or is of another host, is refused before anything is sent', async () => {
    await using server = await fakeServer({ tls: true });
    const to = { port: server.port, password: 'open-sesame' };
    for (const config of [
      { host: 'localhost', ssl_mode: 'verify-full' },
      { host: 'localhost', ssl_mode: 'verify-ca' },
      { host: '127.0.0.1', ssl_mode: 'verify-full', ssl_root_cert: certificate },
    ] as const) {
      expect(await failure({ ...to, ...config })).toMatchObject({ class: 'config', code: 'tls', path: ['ssl_mode'] });
    }
    expect(server.received()).not.toContain('open-sesame');
  });

  test('over TLS that is verified a password in clear is what the server asked for', async () => {
    await using server = await fakeServer({ tls: true });
    await failure({
      host: 'localhost',
      port: server.port,
      ssl_mode: 'verify-full',
      ssl_root_cert: certificate,
      password: 'open-sesame',
    });
    expect(server.received()).toContain('open-sesame');
    await using other = await fakeServer({ tls: true });
    await failure({
      host: '127.0.0.1',
      port: other.port,
      ssl_mode: 'verify-ca',
      ssl_root_cert: certificate,
      password: 'open-sesame',
    });
    expect(other.received()).toContain('open-sesame');
  });
});

describe('the way to the server', () => {
  /** Leads every host to this machine, as a name service could. */
  const elsewhere = (port: number) => ({
    ...testContext(),
    dial: (to: Endpoint) => plainDial({ ...to, host: '127.0.0.1', port }),
  });
  const to = { ...sourceConfig.parse({ host: 'db.example', database: 'd', username: 'u' }), password: 'open-sesame' };
  const opened = (config: SourceConfig, port: number): Promise<unknown> =>
    openSource(config, elsewhere(port)).catch((error: unknown) => error);

  test('[R4] a server elsewhere must prove who it is when no mode is set; a server on this machine need not', async () => {
    await using plain = await fakeServer({ tls: false });
    const missing = await opened(to, plain.port);
    expect(missing).toMatchObject({ class: 'config', code: 'tls', path: ['ssl_mode'] });
    expect((missing as ConfigError).message).toMatch(/verify-full \(the default/);
    expect((missing as ConfigError).fix).toMatch(/ssl_mode to prefer/);
    expect(plain.received()).toBe('');

    await using secure = await fakeServer({ tls: true });
    const untrusted = await opened(to, secure.port);
    expect(untrusted).toMatchObject({ class: 'config', code: 'tls' });
    expect((untrusted as ConfigError).fix).toMatch(/ssl_root_cert/);
    const other = await opened({ ...to, ssl_root_cert: certificate }, secure.port);
    expect((other as ConfigError).fix).toMatch(/Give the host by a name/);
    expect(secure.received()).toBe('');

    await withSource({ ...db.source, ssl_mode: undefined }, async () => undefined);
  });

  test('[N1] both directions have no way to a host but the one that they are lent', async () => {
    const dialled: Endpoint[] = [];
    const dial = async (endpoint: Endpoint) => {
      dialled.push(endpoint);
      throw new ConfigError('not there', { code: codes.outboundDenied, path: ['host'] });
    };
    const denied = { code: 'outbound-denied', path: ['host'] };
    await expect(source.open(to, { ...testContext(), dial })).rejects.toMatchObject(denied);
    const target = destinationConfig.parse({ host: 'db.example', database: 'd', username: 'u' });
    await expect(destination.open(target, { ...testContext(), dial })).rejects.toMatchObject(denied);
    expect(dialled).toEqual(Array(2).fill({ host: 'db.example', port: 5432, timeout: 15_000 }));
  });
});

describe('check', () => {
  const role = `wpg_poor_${process.pid}`;
  beforeAll(() =>
    db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; CREATE SCHEMA shut; CREATE TABLE shut.a (x int); CREATE TABLE "hid""den" (x int); CREATE TABLE hidden2 (x int);
      CREATE TABLE seen (x int, y int); GRANT SELECT (x) ON seen TO ${role}; CREATE TABLE secured (x int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY; GRANT SELECT ON secured TO ${role};
      REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE TEMPORARY ON DATABASE ${db.name} FROM PUBLIC`),
  );
  afterAll(() => db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  const poor = () => ({ username: role, password: 'x' });

  test('a source: every finding at once, with its fix; running the fixes ends them', async () => {
    const find = () => withSource({ ...db.source, ...poor() }, (session) => session.check());
    const before = await find();
    expect(before).toEqual([
      expect.objectContaining({
        code: 'schema-usage',
        severity: 'warning',
        fix: `GRANT USAGE ON SCHEMA "shut" TO "${role}"`,
      }),
      expect.objectContaining({
        code: 'select-grant',
        severity: 'warning',
        fix: `GRANT SELECT ON "public"."hid""den", "public"."hidden2", "shut"."a" TO "${role}"`,
      }),
      expect.objectContaining({ code: 'row-security', severity: 'warning', fix: `ALTER ROLE "${role}" BYPASSRLS` }),
      expect.objectContaining({ code: 'no-tls' }),
    ]);
    await withSource({ ...db.source, ...poor() }, async (session) => {
      expect((await session.discover()).map(({ id, columns }) => [id, columns.length])).toEqual([
        ['public.secured', 1],
        ['public.seen', 1],
      ]);
    });
    for (const { code, fix } of before) if (fix?.startsWith('GRANT') || code === 'row-security') await db.query(fix!);
    expect((await find()).map(({ code }) => code)).toEqual(['no-tls']);
  });

  test('a destination: what a load does is tried and leaves nothing behind', async () => {
    const find = (schema = 'public') =>
      withDestination({ ...db.destination, ...poor(), schema }, (session) => session.check());
    expect(await find()).toEqual([
      expect.objectContaining({
        code: 'create-table',
        severity: 'error',
        fix: `GRANT USAGE, CREATE ON SCHEMA "public" TO "${role}"`,
      }),
      expect.objectContaining({
        code: 'temporary-table',
        severity: 'error',
        fix: `GRANT TEMPORARY ON DATABASE "${db.name}" TO "${role}"`,
      }),
      expect.objectContaining({ code: 'no-tls', severity: 'warning' }),
    ]);
    expect((await find('new schema')).map(({ code }) => code)).toEqual(['create-schema', 'temporary-table', 'no-tls']);
    await db.query(
      `GRANT CREATE ON SCHEMA public TO ${role}; GRANT TEMPORARY, CREATE ON DATABASE ${db.name} TO ${role}`,
    );
    expect((await find()).map(({ code }) => code)).toEqual(['no-tls']);
    expect((await find('new schema')).map(({ code }) => code)).toEqual(['no-tls']);
    expect(
      await db.query(
        `SELECT FROM pg_namespace WHERE nspname = 'new schema' UNION ALL SELECT FROM pg_class WHERE starts_with(relname, '_sluice')`,
      ),
    ).toEqual([]);
    await db.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
    expect(await find()).toEqual([
      expect.objectContaining({
        code: 'read-only',
        severity: 'error',
        fix: `ALTER ROLE "${role}" SET default_transaction_read_only = off`,
      }),
    ]);
  });
});

test('settings of the database that change what types are called and what an array holds are not taken over', async () => {
  await using own = await testDatabase();
  await own.query(`ALTER DATABASE ${own.name} SET quote_all_identifiers = on; ALTER DATABASE ${own.name} SET array_nulls = off;
    CREATE TABLE t (a jsonb, b text[]); CREATE TABLE copy (b text[])`);
  const stream = await withSource(own.source, (source) => discoverOne(source, 'public.t'));
  expect(stream.columns.map(({ native }) => native)).toEqual(['jsonb', 'text[]']);
  const [, b] = stream.columns;
  await withDestination(own.destination, async (session) => {
    await session.resume(lane('nulls'));
    await session.prepare({ ...stream, columns: [b!] }, target(['copy'], 'append'));
    await session.write({ kind: 'rows', stream: stream.id, rows: [['["a",null]']] });
    await session.commit({ v: 1 });
  });
  expect(await own.query('SELECT b[2] IS NULL AS none FROM copy')).toEqual([{ none: 't' }]);
});
