import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Folder, key } from '../test/fixture-packages.js';
import { findPlugins } from './index.js';

/** What is found below a folder made by `fill`, as package names and reasons. */
function discover(fill: (folder: Folder) => void, roots: (folder: Folder) => string[] = ({ path }) => [path]) {
  const folder = new Folder();
  try {
    fill(folder);
    const { found, refusals } = findPlugins({ roots: roots(folder) });
    return {
      found: found.map((one) => one.package),
      entries: found.map(({ entry }) => entry.replace(folder.path, '')),
      reasons: refusals.map((one) => `${one.package}: ${one.reason}`),
    };
  } finally {
    folder[Symbol.dispose]();
  }
}

test('a workspace, its node_modules and their scopes are searched; a package linked into node_modules is one package', () => {
  const { found, reasons } = discover((folder) => {
    folder.write('package.json', JSON.stringify({ workspaces: ['plugins/*', 'one/alone', 'gone/*'] }));
    folder.package('plugins/a', { name: '@sluice/plugin-a', sluice: key });
    folder.package('one/alone', { name: 'alone', sluice: key });
    folder.package('node_modules/third-party', { name: 'third-party', sluice: key });
    folder.package('node_modules/@scope/scoped', { name: '@scope/scoped', sluice: key });
    folder.package('node_modules/no-plugin', { name: 'no-plugin' });
    folder.write('node_modules/.bin/package.json', JSON.stringify({ name: 'bin', sluice: key }));
    folder.write('node_modules/@sluice/.keep', '');
    symlinkSync(join(folder.path, 'plugins/a'), join(folder.path, 'node_modules/@sluice/plugin-a'));
    symlinkSync(join(folder.path, 'nowhere'), join(folder.path, 'node_modules/dangling'));
  });
  expect(found).toEqual(['@sluice/plugin-a', 'alone', '@scope/scoped', 'third-party']);
  expect(reasons).toEqual([]);
});

test('a folder of plugins, a node_modules and one package are roots as well; one that is missing or holds none is refused', () => {
  const fill = (folder: Folder) => {
    folder.package('installed/b', { name: 'b', sluice: key });
    folder.package('installed/@x/a', { name: '@x/a', sluice: key });
    folder.package('single', { name: 'single', sluice: key });
  };
  const roots = ({ path }: Folder) => [
    join(path, 'installed'),
    join(path, 'single'),
    join(path, 'installed'),
    join(path, 'missing'),
    join(path, 'plain'),
  ];
  const { found, reasons } = discover((folder) => (fill(folder), folder.package('plain/a', { name: 'a' })), roots);
  expect(found).toEqual(['@x/a', 'b', 'single']);
  expect(reasons.map((reason) => reason.replace(/^.*\//, ''))).toEqual([
    'missing: there is no such folder',
    'plain: no package in this folder has the key "sluice" in its package.json',
  ]);
});

test.each<[string, object, string]>([
  ['another contract', { contract: 2, plugin: './index.cjs' }, 'it is written for contract 2; this host speaks 1'],
  ['no contract', { plugin: './index.cjs' }, 'it is written for contract null; this host speaks 1'],
  ['no module', { contract: 1 }, '"sluice.plugin" does not name a module'],
  [
    'a missing module',
    { contract: 1, plugin: './dist/index.js' },
    '"sluice.plugin" names ./dist/index.js, which does not exist',
  ],
  ['a folder', { contract: 1, plugin: './sub' }, '"sluice.plugin" names ./sub, which is not a file'],
  [
    'a way out',
    { contract: 1, plugin: '../other/index.cjs' },
    '"sluice.plugin" leads out of the package: ../other/index.cjs',
  ],
  [
    'an absolute path',
    { contract: 1, plugin: '/etc/hostname' },
    '"sluice.plugin" leads out of the package: /etc/hostname',
  ],
  [
    'a link that leads out',
    { contract: 1, plugin: './link.cjs' },
    '"sluice.plugin" leads out of the package: ./link.cjs',
  ],
  ['a list of names that is none', { ...key, provides: 'demo' }, '"sluice.provides" is not a list of names'],
])('%s is refused with its reason', (_, sluice, reason) => {
  const { found, reasons } = discover((folder) => {
    folder.package('x', { name: 'x', sluice });
    folder.write('x/sub/.keep', '');
    folder.package('other', { name: 'other' });
    symlinkSync(join(folder.path, 'other/index.cjs'), join(folder.path, 'x/link.cjs'));
  });
  expect(found).toEqual([]);
  expect(reasons).toEqual([`x: ${reason}`]);
});

test('a key that is no object, and a damaged package.json that speaks of it, are refused; other damage is not ours', () => {
  const { found, reasons } = discover((folder) => {
    folder.package('x', { name: 'x', sluice: true });
    folder.write('y/package.json', '{ "name": "y", "sluice": {');
    folder.write('z/package.json', '{ "name": ');
    folder.write('list/package.json', '[]');
  });
  expect(found).toEqual([]);
  expect(reasons).toEqual([
    'x: the key "sluice" of its package.json is not an object',
    'y: its package.json is not a JSON object',
  ]);
});

test('hostile names and keys are names like any other', () => {
  const { found, reasons } = discover((folder) => {
    folder.package('__proto__', { name: '__proto__', sluice: key });
    folder.package('constructor', { name: 'constructor', sluice: key });
    folder.write(
      'inherits/package.json',
      '{ "name": "inherits", "__proto__": { "sluice": { "contract": 1, "plugin": "./index.cjs" } } }',
    );
  });
  expect(found).toEqual(['__proto__', 'constructor']);
  expect(reasons).toEqual([]);
});

test('nothing is imported by discovery', () => {
  const { found } = discover((folder) =>
    folder.package('x', { name: 'x', sluice: key }, 'globalThis.imported = true; throw new Error("imported")'),
  );
  expect(found).toEqual(['x']);
  expect('imported' in globalThis).toBe(false);
});
