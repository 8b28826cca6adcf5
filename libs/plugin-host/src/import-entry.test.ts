import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { Folder } from '../test/fixture-packages.js';

/** In a Node of its own: inside Jest every module is CommonJS. */
test.each([
  [
    'an ES module by its package',
    'package.json',
    '{"type":"module"}',
    'index.js',
    'export default { id: "esm" }; await 0;',
  ],
  ['an ES module by its extension', 'package.json', '{}', 'index.mjs', 'export default { id: "esm" }; await 0;'],
  ['CommonJS by its package', 'package.json', '{}', 'index.js', 'exports.default = { id: "esm" };'],
  ['CommonJS by its extension', 'package.json', '{"type":"module"}', 'index.cjs', 'exports.default = { id: "esm" };'],
])('%s is loaded, without a warning', (_, manifest, json, name, module) => {
  using folder = new Folder();
  const source = readFileSync(join(__dirname, 'import-entry.ts'), 'utf8');
  const { code } = transformSync(source, {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs', ignoreDynamic: true },
  });
  const loader = folder.write('loader.cjs', code);
  folder.write(join('plugin', manifest), json);
  const entry = folder.write(join('plugin', name), module);
  const script = `require(process.argv[1]).importEntry(process.argv[2]).then((m) => console.log(m.default.id))`;
  const said = execFileSync(
    process.execPath,
    ['-e', `process.on('warning', (w) => console.log(w.message)); ${script}`, loader, entry],
    { encoding: 'utf8' },
  );
  expect(said.trim()).toBe('esm');
});
