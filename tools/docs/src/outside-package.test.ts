/** The packages of the SDK's README, made from its blocks alone in a folder outside the workspace: built, tested, found. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const repository = resolve(__dirname, '../../..');
const readme = readFileSync(join(repository, 'libs/connector-sdk/README.md'), 'utf8');
/** Paths within a package, with their text: `package.json` and its like at the root, code in `src`. */
const blocksOf = (name: string): Map<string, string> =>
  new Map(
    [...readme.matchAll(/<!-- sluice:file (\w+)\/(\S+) -->\n\n(?:<!-- prettier-ignore -->\n)?```\w+\n([^]*?)\n```\n/g)]
      .filter(([, owner]) => owner === name)
      .map(([, , file = '', text = '']) => [file.endsWith('.ts') ? `src/${file}` : file, `${text}\n`]),
  );

interface Manifest {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}
const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** What the test's own runner and npm would hand down is not the environment of an author. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|JEST_|NODE_|SLUICE_|INIT_CWD$)/i.test(name)),
);
const run = async (cwd: string, command: string, args: readonly string[]): Promise<string> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { cwd, env, maxBuffer: 2 ** 26 });
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
};

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-outside-'));
  await run(repository, process.execPath, [
    join(repository, 'node_modules/typescript/bin/tsc'),
    ...['-b', 'libs/connector-kit', 'libs/plugin-host'],
  ]);
  const packages = ['./libs/connector-sdk', './libs/connector-kit'];
  await run(repository, 'npm', ['pack', ...packages, '--pack-destination', folder, '--offline', '--ignore-scripts']);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A package from the README's blocks, installed as npm would: ours from their archives, others from this workspace. */
async function author(name: string, files: ReadonlyMap<string, string>): Promise<string> {
  const at = join(folder, name);
  for (const [file, text] of files) {
    mkdirSync(dirname(join(at, file)), { recursive: true });
    writeFileSync(join(at, file), text);
  }
  const modules = join(at, 'node_modules');
  const { dependencies, devDependencies } = manifestOf(at);
  const wanted = new Map(Object.entries({ ...dependencies, ...devDependencies }));
  for (const [dependency] of wanted) {
    if (!dependency.startsWith('@sluice/')) continue;
    const { version, dependencies: more = {} } = await unpack(modules, dependency);
    expect(wanted.get(dependency)).toBe(`^${version}`);
    for (const [one, range] of Object.entries(more)) if (!wanted.has(one)) wanted.set(one, `^${range}`);
  }
  for (const [dependency, range] of wanted) if (!dependency.startsWith('@sluice/')) link(modules, dependency, range);
  mkdirSync(join(modules, '.bin'));
  symlinkSync('../typescript/bin/tsc', join(modules, '.bin/tsc'));
  symlinkSync('../jest/bin/jest.js', join(modules, '.bin/jest'));
  return at;
}
async function unpack(modules: string, dependency: string): Promise<Manifest> {
  const archive = readdirSync(folder).find((file) => file.startsWith(dependency.slice(1).replace('/', '-')));
  const to = join(modules, dependency);
  mkdirSync(to, { recursive: true });
  await run(to, 'tar', ['-xzf', join(folder, archive!), '--strip-components=1']);
  return manifestOf(to);
}
function link(modules: string, dependency: string, range: string): void {
  const real = join(repository, 'node_modules', dependency);
  // The range is of what the example is tested with here.
  expect([dependency, range]).toEqual([dependency, `^${manifestOf(real).version}`]);
  mkdirSync(dirname(join(modules, dependency)), { recursive: true });
  symlinkSync(real, join(modules, dependency));
}

/** What a host says of the package: asked in a process of its own, as a host is. */
async function found(at: string): Promise<unknown> {
  const script = `const { openRegistry, pluginRoots } = require(${JSON.stringify(join(repository, 'libs/plugin-host'))});
    openRegistry({ roots: pluginRoots({ SLUICE_PLUGIN_ROOTS: ${JSON.stringify(at)} }) }).list().then(({ plugins, refusals }) =>
      console.log(JSON.stringify([plugins.filter((one) => one.package === 'sluice-plugin-' + ${JSON.stringify(at)}.split('/').at(-1))
        .map(({ kind, id }) => kind + ' ' + id), refusals.filter(({ folder }) => folder.startsWith(${JSON.stringify(at)}))])));`;
  return JSON.parse(await run(folder, process.execPath, ['-e', script]));
}

test('the source of the README is a whole package', async () => {
  const files = blocksOf('acme');
  expect([...files.keys()]).toEqual([
    'package.json',
    'tsconfig.json',
    'src/acme-client.ts',
    'src/index.ts',
    'src/conformance.test.ts',
    'src/fake-acme.ts',
  ]);
  const at = await author('acme', files);
  const out = await run(at, 'npm', ['test']);
  expect(out).toMatch(/conformance of source acme: [1-9]\d+ passed, 0 failed, 0 waived/);
  expect(await found(at)).toEqual([['source acme'], []]);
  const strictest = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noImplicitOverride'];
  await run(at, join(at, 'node_modules/.bin/tsc'), ['--noEmit', ...strictest]);
}, 300_000);

test('so is its destination', async () => {
  const files = blocksOf('notebook');
  for (const file of ['package.json', 'tsconfig.json'])
    files.set(file, blocksOf('acme').get(file)!.replaceAll('acme', 'notebook'));
  expect([...files.keys()].sort()).toEqual([
    'package.json',
    'src/conformance.test.ts',
    'src/index.ts',
    'src/store.ts',
    'tsconfig.json',
  ]);
  const at = await author('notebook', files);
  expect(await run(at, 'npm', ['test'])).toMatch(/conformance of destination notebook: [1-9]\d+ passed, 0 failed/);
  expect(await found(at)).toEqual([['destination notebook'], []]);
  expect(existsSync(join(at, 'node_modules/tslib'))).toBe(false);
}, 300_000);
