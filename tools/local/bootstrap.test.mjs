// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkNode, isInstalled } from './bootstrap.mjs';
import { unfit } from './nats-binary.mjs';
import { databaseUser } from './os-user.mjs';
import { isAlive, startMark } from './process-identity.mjs';
import { pauseAfter } from './supervisor.mjs';

test('an old Node is refused with what to do', () => {
  for (const version of ['18.20.8', '20.18.9'])
    assert.throws(() => checkNode(version), /too old: Sluice needs 20\.19 or newer/);
  for (const version of ['20.19.0', '22.0.0', '24.1.0']) checkNode(version);
});

test('packages are installed again only when the lock file differs from what npm installed', () => {
  const lock = {
    '': { version: '1' },
    'libs/x': { version: '1' },
    'node_modules/@sluice/x': { resolved: 'libs/x', link: true },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a-linux': { version: '1.0.0', optional: true },
  };
  const { 'node_modules/a-linux': _other, ...here } = lock;
  assert.equal(isInstalled(lock, lock), true);
  assert.equal(isInstalled(lock, here), true, 'an optional package for another platform');
  assert.equal(isInstalled(lock, { ...here, 'node_modules/a': { version: '1.0.1' } }), false);
  assert.equal(isInstalled(lock, { ...here, 'node_modules/b': { version: '1.0.0' } }), false);
  assert.equal(isInstalled({ ...lock, 'node_modules/c': { version: '1.0.0' } }, here), false);
});

test('versions of nats-server that are not fit for keeping data', () => {
  const fit = (/** @type {string} */ version) => unfit(version) === undefined;
  assert.deepEqual(
    ['2.10.0', '2.10.19', '2.10.23', '2.10.27', '2.12.3', '2.15.1', '3.0.0'].filter((v) => !fit(v)),
    [],
  );
  assert.deepEqual(['1.4.1', '2.9.10', '2.10.20', '2.10.21', '2.10.22'].filter(fit), []);
});

test(
  'the user that a database runs as',
  { skip: process.getuid?.() === 0 ? false : 'only root needs another user' },
  () => {
    const line = (/** @type {string} */ name, /** @type {number} */ uid) => `${name}:x:${uid}:${uid}::/:/bin/false`;
    const all = [line('root', 0), line('daemon', 1), line('nobody', 65534), line('postgres', 101)];
    assert.deepEqual(databaseUser(all.join('\n')), { name: 'postgres', uid: 101, gid: 101 });
    assert.equal(databaseUser(all.slice(0, 3).join('\n'))?.name, 'nobody');
    assert.equal(databaseUser(all.slice(0, 2).join('\n'))?.name, 'daemon');
    assert.throws(() => databaseUser(line('root', 0)), /useradd --system postgres/);
  },
);

test('a process is recognised by more than its id', () => {
  const mark = startMark(process.pid);
  assert.ok(mark);
  assert.equal(isAlive(process.pid, mark), true);
  assert.equal(isAlive(process.pid, `${mark}0`), false, 'another process under the same id');
  assert.equal(isAlive(process.pid, undefined), false);
  assert.equal(startMark(2 ** 22 + 1), undefined);
});

test('the pause before a new start grows to half a minute', () => {
  assert.deepEqual([1, 2, 3, 7, 8, 50].map(pauseAfter), [500, 1000, 2000, 30_000, 30_000, 30_000]);
});
