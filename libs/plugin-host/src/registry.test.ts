import { isSluiceError } from '@sluice/connector-sdk';
import { Folder, key, pluginText } from '../test/fixture-packages.js';
import { openRegistry } from './index.js';

let folder: Folder;
beforeEach(() => (folder = new Folder()));
afterEach(() => folder[Symbol.dispose]());
const open = () => openRegistry({ roots: [folder.path] });
const variants =
  '{ maria: { title: "Maria", description: "A fork." }, demo: { title: "Demo", description: "Itself." } }';

test('a plugin is found by its id and by its variants, for its kind only', async () => {
  folder.package('a', { name: 'a', sluice: key }, pluginText({ variants }));
  const { source, destination } = open();
  expect((await source('maria')).variant).toBe('maria');
  expect((await source('demo')).variant).toBe('demo');
  expect((await source('demo')).plugin.title).toBe('Demo');
  await expect(destination('demo')).rejects.toMatchObject({
    code: 'no-such-connector',
    message: expect.stringContaining('installed: none') as string,
  });
});

test('an array of plugins, CommonJS without `default`, and an ES-style default are all accepted', async () => {
  const text = (kind: string, id: string) =>
    pluginText({ kind, id, can: '{ modes: [], encodings: [], split: false, commit: "atomic", evolve: [] }' });
  const object = (kind: string, id: string) => text(kind, id).replace('exports.default = ', '').replace(/;$/, '');
  folder.package(
    'pair',
    { name: 'pair', sluice: key },
    `exports.__esModule = true; exports.default = [${object('"source"', '"x"')}, ${object('"destination"', '"x"')}];`,
  );
  folder.package(
    'plain',
    { name: 'plain', sluice: key },
    text('"source"', '"y"').replace('exports.default', 'module.exports'),
  );
  const { plugins, refusals } = await open().list();
  expect(refusals).toEqual([]);
  expect(plugins.map(({ kind, id, version }) => [kind, id, version])).toEqual([
    ['destination', 'x', '1.2.3'],
    ['source', 'x', '1.2.3'],
    ['source', 'y', '1.2.3'],
  ]);
});

test.each<[string, string, string]>([
  ['another contract', pluginText({ contract: '3' }), "plugin 'demo': contract is 3, this host speaks 1"],
  ['an unknown kind', pluginText({ kind: '"sink"' }), "kind is neither 'source' nor 'destination'"],
  ['a bad id', pluginText({ id: '"Demo_1"' }), 'id is not of the form [a-z][a-z0-9-]*'],
  ['no id', pluginText({ id: '{}' }), 'a plugin: id is not of the form'],
  ['no open', pluginText({ open: 'undefined' }), 'open is not a function'],
  [
    'no JSON schema',
    pluginText({ config: '{ "~standard": { validate: () => ({}) } }' }),
    'config is no Standard Schema',
  ],
  ['claims of the other kind', pluginText({ kind: '"destination"' }), 'can lacks a claim'],
  ['a variant without a title', pluginText({ variants: '{ x: { description: "d" } }' }), 'a variant lacks'],
  [
    'a variant called __proto__',
    pluginText({ variants: '{ ["__proto__"]: { title: "t", description: "d" } }' }),
    'a variant lacks a valid name',
  ],
  ['nothing', 'exports.other = 1;', "kind is neither 'source' nor 'destination'"],
  ['a text', 'module.exports = "plugin";', 'is not a plugin object'],
  ['an empty array', 'exports.default = [];', 'is an empty array'],
  [
    'two of one name',
    `${pluginText({})} exports.default = [exports.default, exports.default];`,
    "two plugins of the name source 'demo'",
  ],
])('%s is refused, in the list and when asked for', async (_, module, reason) => {
  folder.package('plugin-demo', { name: 'plugin-demo', sluice: key }, module);
  const registry = open();
  const { plugins, refusals } = await registry.list();
  expect(plugins).toEqual([]);
  expect(refusals).toHaveLength(1);
  expect(refusals[0]?.reason).toContain(reason);
  await expect(registry.source('demo')).rejects.toMatchObject({
    code: 'plugin-refused',
    class: 'config',
    message: expect.stringContaining(reason) as string,
  });
});

test('a name that nobody has: the error lists who is there, and who was refused and why', async () => {
  folder.package('a', { name: 'a', sluice: key }, pluginText({}));
  folder.package('b', { name: 'b', sluice: { ...key, contract: 2 } });
  folder.package('c', { name: 'c', sluice: key }, 'throw new Error("no libpq")');
  await expect(open().source('oracle')).rejects.toMatchObject({
    code: 'no-such-connector',
    fix: 'use one of: demo',
    message:
      'no source plugin is called "oracle"; installed: demo' +
      "; plugin package 'b' is refused: it is written for contract 2; this host speaks 1" +
      "; plugin package 'c' is refused: its import threw Error: no libpq",
  });
  expect((await open().list()).refusals.map(({ reason }) => reason)).toEqual([
    'it is written for contract 2; this host speaks 1',
    'its import threw Error: no libpq',
  ]);
});

test('what an import throws is kept as the cause, with its own words', async () => {
  folder.package('plugin-demo', { name: 'plugin-demo', sluice: key }, 'throw new RangeError("libpq is missing")');
  const error: unknown = await open()
    .source('demo')
    .catch((thrown: unknown) => thrown);
  expect(isSluiceError(error, 'config') && error.message).toBe(
    "plugin package 'plugin-demo' is refused: its import threw RangeError: libpq is missing",
  );
  expect((error as Error).cause).toMatchObject({ name: 'RangeError', message: 'libpq is missing' });
});

test('of two plugins with one name the first found keeps it, and the list says who has it', async () => {
  folder.package('a', { name: 'a', sluice: key }, pluginText({ title: '"First"' }));
  folder.package('b', { name: 'b', sluice: key }, pluginText({ id: '"other"', variants }));
  const registry = open();
  const { plugins, refusals } = await registry.list();
  expect(plugins.map(({ title }) => title)).toEqual(['First']);
  expect(refusals.map(({ reason }) => reason)).toEqual([`the name 'demo' of its source 'other' is taken by 'a'`]);
  expect((await registry.source('demo')).plugin.title).toBe('First');
});

test.each(['__proto__', 'constructor', 'toString', ''])('the name %j is answered as unknown', async (name) => {
  folder.package('a', { name: 'a', sluice: key }, pluginText({ variants }));
  await expect(open().source(name)).rejects.toMatchObject({ code: 'no-such-connector' });
});

describe('laziness', () => {
  const counted = (text: string, mark: string) =>
    `globalThis.loads = [...(globalThis.loads ?? []), '${mark}']; ${text}`;
  const loads = () => (globalThis as { loads?: string[] }).loads ?? [];
  beforeEach(() => void ((globalThis as { loads?: string[] }).loads = []));

  test('a package of the name asked for is imported alone, and once', async () => {
    folder.package('a-first', { name: 'a-first', sluice: key }, counted(pluginText({ id: '"other"' }), 'other'));
    folder.package('plugin-demo', { name: '@x/plugin-demo', sluice: key }, counted(pluginText({}), 'demo'));
    const registry = open();
    expect(loads()).toEqual([]);
    await Promise.all([registry.source('demo'), registry.source('demo')]);
    expect(loads()).toEqual(['demo']);
  });

  test('a package that promises other names is not imported; one that breaks its promise is refused', async () => {
    folder.package(
      'a',
      { name: 'a', sluice: { ...key, provides: ['other'] } },
      counted(pluginText({ id: '"other"' }), 'other'),
    );
    folder.package(
      'b',
      { name: 'b', sluice: { ...key, provides: ['demo', 'gone'] } },
      counted(pluginText({ variants }), 'demo'),
    );
    const registry = open();
    await expect(registry.source('demo')).rejects.toThrow(
      `"sluice.provides" has 'gone', which no plugin of it is called; "sluice.provides" lacks 'maria'`,
    );
    expect(loads()).toEqual(['demo']);
  });
});
