import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { variables } from './variables.js';

const root = resolve(__dirname, '../../..');
const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === 'testing' ? [] : sources(path);
    return /(?<!\.test)\.(ts|mjs)$/.test(name) ? [path] : [];
  });

test('the page lists exactly the variables that the product reads', () => {
  const folders = ['apps', 'libs', 'plugins'].flatMap((layer) =>
    readdirSync(join(root, layer)).map((name) => join(root, layer, name, 'src')),
  );
  const text = [...folders, join(root, 'tools/local')].flatMap(sources).map((path) => readFileSync(path, 'utf8'));
  const read = new Set(text.join('\n').match(/\b(SLUICE_[A-Z_]*[A-Z]|LOG_LEVEL)\b/g));
  for (const name of read) if (name.startsWith('SLUICE_TEST_')) read.delete(name);
  expect(variables.map(({ name }) => name).sort()).toEqual([...read].sort());
});
