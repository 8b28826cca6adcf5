import { resolve } from 'node:path';
import { findPlugins, pluginRoots } from './index.js';

const workspace = resolve(__dirname, '../../..');

test("Sluice's own folder comes first and always; folders of the environment are added to it", () => {
  expect(pluginRoots({})).toEqual([workspace]);
  expect(pluginRoots({ SLUICE_PLUGIN_ROOTS: '' })).toEqual([workspace]);
  expect(pluginRoots({ SLUICE_PLUGIN_ROOTS: `/opt/a: /opt/b/:${workspace}:/opt/a` })).toEqual([
    workspace,
    '/opt/a',
    '/opt/b',
  ]);
});

test('the built-in plugins are there', () => {
  const { found, refusals } = findPlugins({ roots: pluginRoots({}) });
  // Before the build their modules are missing: then they are refused, by name.
  const names = [...found, ...refusals].map((one) => one.package);
  expect(names).toEqual(expect.arrayContaining(['@sluice/plugin-mysql', '@sluice/plugin-postgres']));
});
