import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { withFiles } from './block.js';
import { errorPage } from './error-page.js';
import { generate } from './index.js';
import { formatted } from './markdown.js';

const repository = resolve(__dirname, '../../..');
const demo = `
const schema = { type: 'object', required: ['host', 'tunnel'], properties: {
  host: { type: 'string', title: 'Host', description: 'Name of the server | or its address.' },
  port: { type: 'integer', minimum: 1, maximum: 65535, default: 5432, description: 'TCP port.' },
  password: { type: 'string', writeOnly: true, description: 'Your password.' },
  mode: { enum: ['a', 'b'], default: 'a', description: 'How.' },
  tunnel: { oneOf: [{ $ref: '#/$defs/ssh' }, { type: 'object', properties: { kind: { const: 'none' } } }] },
  tags: { type: 'array', items: { type: 'string' } },
}, $defs: { ssh: { type: 'object', properties: { kind: { const: 'ssh' }, key: { type: 'string', writeOnly: true } } } } };
const config = { '~standard': { validate: (value) => ({ value }), jsonSchema: { input: () => schema, output: () => schema } } };
exports.default = [
  { contract: 1, kind: 'source', id: 'demo', title: 'Demo', config, can: { modes: ['full'], encodings: ['csv/1'], split: true }, open() {} },
  { contract: 1, kind: 'destination', id: 'demo', title: 'Demo', config, can: { modes: ['append'], encodings: [], commit: 'atomic', evolve: [] }, open() {},
    variants: { fork: { title: 'Fork', description: 'A fork.' } } },
];`;

const tutorial =
  '# SDK\n\n<!-- sluice:file acme/index.ts -->\n\n```ts\nexport const answer = 42;\n```\n\n<!-- /sluice:file acme/index.ts -->\n';
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  for (const folder of ['libs/connector-sdk/src', 'docs', 'plugins/demo'])
    mkdirSync(join(root, folder), { recursive: true });
  cpSync(join(repository, 'libs/connector-sdk/src/codes.ts'), join(root, 'libs/connector-sdk/src/codes.ts'));
  mkdirSync(join(root, 'tools/docs/examples/acme'), { recursive: true });
  writeFileSync(join(root, 'tools/docs/examples/acme/index.ts'), 'export const answer = 42;\n');
  writeFileSync(join(root, 'libs/connector-sdk/README.md'), tutorial);
  writeFileSync(
    join(root, 'plugins/demo/package.json'),
    JSON.stringify({ name: 'demo', sluice: { contract: 1, plugin: './index.cjs' } }),
  );
  writeFileSync(join(root, 'plugins/demo/index.cjs'), demo);
});
afterEach(() => rmSync(root, { recursive: true }));
const readme = () => readFileSync(join(root, 'plugins/demo/README.md'), 'utf8');

test('every page is written once, and then up to date', async () => {
  expect(await generate({ root, check: false })).toEqual([
    'docs/errors.md',
    'docs/configuration.md',
    'plugins/demo/README.md',
  ]);
  expect(await generate({ root, check: false })).toEqual([]);
  expect(await generate({ root, check: true })).toEqual([]);
});

test('--check names what differs and writes nothing', async () => {
  expect(await generate({ root, check: true })).toEqual([
    'docs/errors.md',
    'docs/configuration.md',
    'plugins/demo/README.md',
  ]);
  expect(existsSync(join(root, 'docs/errors.md'))).toBe(false);
  await generate({ root, check: false });
  writeFileSync(join(root, 'plugins/demo/README.md'), readme().replace('TCP port.', 'Another text.'));
  expect(await generate({ root, check: true })).toEqual(['plugins/demo/README.md']);
  expect(readme()).toContain('Another text.');
});

test('what people wrote around the blocks stays', async () => {
  const page = '# Ours\n\n<!-- sluice:config -->old<!-- /sluice:config -->\n\n## More\n\n*odd   formatting*\n';
  writeFileSync(join(root, 'plugins/demo/README.md'), page);
  await generate({ root, check: false });
  expect(readme()).toMatch(/^# Ours\n\n<!-- sluice:config -->\n\n### Options of the source\n/);
  expect(readme()).toContain(
    '<!-- /sluice:config -->\n\n## More\n\n*odd   formatting*\n\n<!-- sluice:capabilities -->',
  );
  expect(readme()).not.toContain('old');
});

test('a marker that is never closed is an error that says so', async () => {
  writeFileSync(join(root, 'plugins/demo/README.md'), '<!-- sluice:config -->');
  await expect(generate({ root, check: true })).rejects.toThrow(
    '<!-- sluice:config --> is never closed by <!-- /sluice:config -->',
  );
});

test('options come with type, required, default and description; nested and alternative ones too', async () => {
  await generate({ root, check: false });
  const line = (name: string) =>
    readme()
      .split('\n')
      .find((text) => text.startsWith(`| \`${name}\``))
      ?.replaceAll(/ +/g, ' ');
  expect(line('host')).toBe('| `host` | string | yes | | Name of the server \\| or its address. |');
  expect(line('port')).toBe('| `port` | integer, 1 to 65535 | no | `5432` | TCP port. |');
  expect(line('password')).toBe('| `password` | string, secret | no | | Your password. |');
  expect(line('mode')).toBe('| `mode` | one of `a`, `b` | no | `"a"` | How. |');
  expect(line('tunnel.key')).toBe('| `tunnel.key` | string, secret | no | | |');
  expect(line('tags')).toBe('| `tags` | list of string | no | | |');
});

test('capabilities are those of the plugin, with its variants', async () => {
  await generate({ root, check: false });
  const text = readme().replaceAll(/ +/g, ' ');
  expect(text).toContain('| encodings, besides rows | `csv/1` |');
  expect(text).toContain('| one stream in several parts at once | yes |');
  expect(text).toContain('| data and checkpoint | durable as one (exactly once) |');
  expect(text).toContain('| connector type | `demo`, `fork` |');
});

test('code in the tutorial is that of the examples', async () => {
  const path = join(root, 'libs/connector-sdk/README.md');
  writeFileSync(path, tutorial.replace('42', '43'));
  expect(await generate({ root, check: true })).toContain('libs/connector-sdk/README.md');
  await generate({ root, check: false });
  expect(readFileSync(path, 'utf8')).toBe(tutorial);
  writeFileSync(path, tutorial.replaceAll('index.ts', 'gone.ts'));
  await expect(generate({ root, check: true })).rejects.toThrow('gone.ts');
});

test('a plugin that is refused is named', async () => {
  writeFileSync(join(root, 'plugins/demo/package.json'), JSON.stringify({ name: 'demo', sluice: { contract: 9 } }));
  await expect(generate({ root, check: true })).rejects.toThrow(
    "plugin package 'demo' is refused: it is written for contract 9",
  );
});

test('every code has a row with its meaning and what to do; one that lacks either is an error', () => {
  const source = readFileSync(join(repository, 'libs/connector-sdk/src/codes.ts'), 'utf8');
  expect(errorPage(source)).toContain(
    '| `fenced` | Another runner has taken the lane. | None: the other runner goes on with it. |',
  );
  const without = (text: string) => errorPage(source.replace(text, ''));
  expect(() => without('* Fix: None: the other runner goes on with it.')).toThrow(
    "the comment of the error code 'fenced' has no 'Fix:'",
  );
  const whole = /\/\*\*\s+\* Another runner[^]*?\*\//.exec(source)?.[0] ?? 'missing';
  expect(() => without(whole)).toThrow("the error code 'fenced' has no comment");
});

test('the pages of this repository that need no built plugin are up to date', async () => {
  const source = readFileSync(join(repository, 'libs/connector-sdk/src/codes.ts'), 'utf8');
  expect(readFileSync(join(repository, 'docs/errors.md'), 'utf8')).toBe(await formatted(errorPage(source)));
  const readme = readFileSync(join(repository, 'libs/connector-sdk/README.md'), 'utf8');
  const read = (name: string) => readFileSync(join(repository, 'tools/docs/examples', name), 'utf8');
  expect(readme).toBe(withFiles(readme, read));
  expect(readme.match(/<!-- sluice:file /g)).toHaveLength(9);
});
