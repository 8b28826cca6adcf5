// @ts-check
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startPlatform } from './platform.mjs';
import { withPostgres, postgresUrl } from './postgres-client.mjs';
import { binDirectory } from './paths.mjs';
import { startServers } from './servers.mjs';
import { startMark } from './process-identity.mjs';
import './testing/end-with-signal.mjs';
import { waitFor } from './waiting.mjs';

const standIn = fileURLToPath(new URL('./testing/stand-in-app.cjs', import.meta.url));

/** @type {string} */ let appsDir;
before(() => {
  appsDir = mkdtempSync(join(tmpdir(), 'sluice-local-test-apps-'));
  for (const name of ['catalog', 'scheduler', 'runner', 'gateway']) {
    mkdirSync(join(appsDir, name, 'dist'), { recursive: true });
    copyFileSync(standIn, join(appsDir, name, 'dist/main.js'));
  }
});
/** @type {string[]} */ const directories = [];
after(() => {
  for (const path of [appsDir, ...directories]) rmSync(path, { recursive: true, force: true });
});
const freshDirectory = (mode = 0o755) => {
  const path = mkdtempSync(join(tmpdir(), 'sluice-local-test-'));
  chmodSync(path, mode);
  directories.push(path);
  return path;
};
/** @type {string[]} */ let lines = [];
const options = (/** @type {string} */ dataDir) => ({
  dataDir,
  port: 0,
  appsDir,
  binDir: binDirectory(),
  say: (/** @type {string} */ line) => void lines.push(line),
});
const mode = (/** @type {string} */ file) => (statSync(file).mode & 0o777).toString(8);

test('starts everything, finds its data again, keeps its secrets private', async () => {
  const dataDir = freshDirectory();
  const first = await startPlatform(options(dataDir));
  await withPostgres(postgresUrl(first.postgres), (client) => client.query('CREATE TABLE kept AS SELECT 42 AS answer'));
  const local = JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8'));
  assert.deepEqual(Object.keys(local), ['url', 'tenantId', 'token', 'apiKey', 'postgres']);
  assert.deepEqual([local.tenantId, local.apiKey, local.postgres.database], ['t-1', 'k-1', 'sluice']);
  assert.equal((await fetch(`${first.url}/readyz`)).status, 200);
  for (const name of ['local.json', 'secrets.json', 'nats/nats.conf', 'logs/catalog.log'])
    assert.equal(mode(join(dataDir, name)), '600', name);

  const { jwtSecret } = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8'));
  const [head = '', claims = '', signature] = local.token.split('.');
  assert.equal(createHmac('sha256', jwtSecret).update(`${head}.${claims}`).digest('base64url'), signature);
  const { iss, aud, sub, tenant_id, permissions, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  assert.deepEqual([iss, aud, sub, tenant_id, exp - iat], ['sluice', 'sluice', 'local-admin', 't-1', 30 * 86_400]);
  assert.deepEqual(permissions, ['data:ingestion:read', 'data:ingestion:manage', 'admin']);

  const pids = Object.values(first.processes).map(({ pid }) => pid ?? -1);
  await first.stop();
  assert.deepEqual(
    pids.filter((pid) => startMark(pid)),
    [],
    'nothing is left running',
  );
  assert.equal(readFileSync(join(dataDir, 'stopped'), 'utf8'), 'gateway runner scheduler catalog ');

  const second = await startPlatform(options(dataDir));
  try {
    const { rows } = await withPostgres(postgresUrl(second.postgres), (client) =>
      client.query('SELECT answer FROM kept'),
    );
    assert.deepEqual(rows, [{ answer: 42 }]);
    assert.equal(second.postgres.port, first.postgres.port);
    await assert.rejects(startPlatform(options(dataDir)), /already runs on .*process \d+.*SLUICE_DATA_DIR/);
    const runner = second.processes.runner;
    const old = runner?.pid ?? -1;
    process.kill(old, 'SIGKILL');
    const next = await waitFor(() => (runner?.pid && runner.pid !== old ? runner.pid : undefined), {
      timeoutMs: 60_000,
      what: 'a new runner',
    });
    assert.notEqual(next, old);
    assert.ok(lines.some((line) => /runner ended \(signal SIGKILL\); starting it again in 0.5 s/.test(line)));
  } finally {
    await second.stop();
  }
});

test('gives each app the secrets it needs and no others, never as arguments', async () => {
  const dataDir = freshDirectory();
  const platform = await startPlatform(options(dataDir));
  await platform.stop();
  const secrets = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8'));
  const seen = (/** @type {string} */ app) => readFileSync(join(dataDir, `${app}.env.json`), 'utf8');
  for (const app of ['catalog', 'scheduler', 'runner', 'gateway']) {
    const { env, argv } = JSON.parse(seen(app));
    assert.match(env.SLUICE_NATS_URL, new RegExp(`^nats://${app}:.+@127\\.0\\.0\\.1:\\d+$`));
    for (const [user, password] of Object.entries(secrets.natsPasswords))
      assert.equal(seen(app).includes(password), user === app);
    assert.equal(env.SLUICE_KEYRING === secrets.keyring, app === 'catalog');
    assert.equal(env.SLUICE_JWT_SECRET === secrets.jwtSecret, app === 'gateway');
    assert.equal(seen(app).includes(secrets.postgresPassword), app === 'catalog');
    for (const secret of Object.values({ ...secrets, ...secrets.natsPasswords }))
      assert.ok(!argv.join(' ').includes(secret));
  }
});

test('a taken port is a clear error and leaves nothing running', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const dataDir = freshDirectory();
  try {
    await assert.rejects(
      startPlatform({ ...options(dataDir), port }),
      new RegExp(`Port ${port} is taken.*SLUICE_PORT=${port + 1} npm start`),
    );
    assert.ok(!existsSync(join(dataDir, 'running.json')));
  } finally {
    server.close();
  }
});

test('an app that cannot start is reported with the end of its log', async () => {
  const dataDir = freshDirectory();
  const broken = freshDirectory();
  cpSync(appsDir, broken, { recursive: true });
  writeFileSync(join(broken, 'catalog/dist/main.js'), 'throw new Error("no such table")');
  await assert.rejects(
    startPlatform({ ...options(dataDir), appsDir: broken }),
    /catalog .*exit code 1[^]*no such table/,
  );
  assert.ok(!existsSync(join(dataDir, 'running.json')));
});

test('a start after kill -9 of the owner ends what was left running', async () => {
  const dataDir = freshDirectory();
  const script = `import { startPlatform } from ${JSON.stringify(new URL('./platform.mjs', import.meta.url).href)};
    const p = await startPlatform({ ...${JSON.stringify({ ...options(dataDir), say: undefined })}, say: () => {} });
    console.log(JSON.stringify(Object.values(p.processes).map((x) => x.pid)));`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await once(owner.stdout, 'data');
  const orphans = JSON.parse(String(text));
  assert.equal(orphans.length, 6);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  assert.ok(
    orphans.some((/** @type {number} */ pid) => startMark(pid)),
    'orphans to begin with',
  );
  lines = [];
  const next = await startPlatform(options(dataDir));
  try {
    assert.deepEqual(
      orphans.filter((/** @type {number} */ pid) => startMark(pid)),
      [],
    );
    assert.ok(lines.some((line) => line.startsWith('ending what an earlier start left running')));
  } finally {
    await next.stop();
  }
});

test('gives up while starting', async () => {
  const dataDir = freshDirectory();
  const controller = new AbortController();
  const starting = startPlatform({ ...options(dataDir), signal: controller.signal });
  setTimeout(() => controller.abort(), 400);
  await assert.rejects(starting);
  assert.ok(!existsSync(join(dataDir, 'running.json')));
});

test(
  'as root, in a folder that the database user cannot enter, the database lives outside',
  { skip: process.getuid?.() === 0 ? false : 'only root runs PostgreSQL as another user' },
  async () => {
    const dataDir = freshDirectory(0o700);
    lines = [];
    for (const round of [1, 2]) {
      const platform = await startPlatform(options(dataDir));
      const note = readFileSync(join(dataDir, 'postgres.location'), 'utf8').trim();
      directories.push(dirname(note));
      assert.match(note, /^\/var\/tmp\/sluice-[0-9a-f]{12}\/postgres$/);
      assert.ok(existsSync(join(note, 'PG_VERSION')));
      assert.ok(lines.some((line) => line.includes(`cannot enter ${dataDir}: the database lives in ${note}`)));
      const made = await withPostgres(postgresUrl(platform.postgres), (client) =>
        client.query('CREATE TABLE IF NOT EXISTS kept AS SELECT 1'),
      );
      assert.equal(made.rowCount, round === 1 ? 1 : null);
      await platform.stop();
    }
  },
);

test('an external PostgreSQL and NATS are used and not started', async () => {
  const servers = await startServers(['postgres', 'nats'], { say: () => {}, fsync: false });
  const dataDir = freshDirectory();
  const catalogUrl = servers.env.SLUICE_TEST_POSTGRES_URL ?? '';
  const natsUrl = servers.env.SLUICE_TEST_NATS_URL ?? '';
  const forRunner = natsUrl.replace('127.0.0.1', 'localhost');
  try {
    process.env.SLUICE_NATS_URL_RUNNER = forRunner;
    const platform = await startPlatform({ ...options(dataDir), catalogUrl, natsUrl });
    await platform.stop();
    assert.deepEqual(Object.keys(platform.processes), ['catalog', 'scheduler', 'runner', 'gateway']);
    assert.equal(postgresUrl(platform.postgres), catalogUrl);
    const environment = (/** @type {string} */ app) =>
      JSON.parse(readFileSync(join(dataDir, `${app}.env.json`), 'utf8')).env;
    const env = environment('catalog');
    assert.deepEqual([env.SLUICE_CATALOG_URL, env.SLUICE_NATS_URL], [catalogUrl, natsUrl]);
    assert.equal(env.SLUICE_NATS_URL_RUNNER, undefined);
    const runner = environment('runner');
    assert.deepEqual([runner.SLUICE_NATS_URL, runner.SLUICE_OWN_SERVERS], [forRunner, new URL(catalogUrl).host]);
    assert.ok(!existsSync(join(dataDir, 'postgres')) && !existsSync(join(dataDir, 'nats')));
    await assert.rejects(
      startPlatform({ ...options(dataDir), catalogUrl, natsUrl: 'nats://127.0.0.1:1' }),
      /SLUICE_NATS_URL/,
    );
  } finally {
    delete process.env.SLUICE_NATS_URL_RUNNER;
    await servers.stop();
  }
});

test('test servers of an owner that was killed are swept away by the next', async () => {
  const script = `import { startServers } from ${JSON.stringify(new URL('./servers.mjs', import.meta.url).href)};
    const s = await startServers(['postgres', 'mariadb', 'nats'], { say: () => {}, fsync: false });
    console.log(JSON.stringify(s.env));`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await once(owner.stdout, 'data');
  const url = JSON.parse(String(text)).SLUICE_TEST_POSTGRES_URL;
  await withPostgres(url, (client) => client.query('SELECT 1'));
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  const next = await startServers(['nats'], { say: () => {} });
  await next.stop();
  await assert.rejects(
    withPostgres(url, (client) => client.query('SELECT 1')),
    /ECONNREFUSED/,
  );
});
