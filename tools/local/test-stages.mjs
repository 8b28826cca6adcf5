// @ts-check
/** The stages of `npm test`, each a command that says by its exit code whether it passed. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, nxEnvironment } from './bootstrap.mjs';
import { root } from './paths.mjs';
import { signalTree } from './process-identity.mjs';
import { say } from './say.mjs';
import { serverNames, startServers } from './servers.mjs';
import { readJestReport, runNodeTests } from './test-results.mjs';

/** No colours in files and logs, which some tools turn on when they see CI. */
const plain = !process.stdout.isTTY;

/** @typedef {import('./test-results.mjs').TestResults} TestResults */
/** @typedef {{ ok: boolean, tests?: TestResults, note?: string }} Outcome */
/** @typedef {{ name: string, run: (args: string[], abort: AbortSignal) => Promise<Outcome> }} Stage */

const stageLimitMs = 25 * 60_000;
const reports = join(root, 'node_modules/.cache/sluice-tests');

/** Projects that start whole platforms: alone, one file at a time, on servers that keep their promises about disks. */
const slowProjects = ['e2e', 'matrix', 'chaos'];

/** @param {string} program of node_modules/.bin @param {string[]} args @param {AbortSignal} abort @param {NodeJS.ProcessEnv} [env] */
const tool = (program, args, abort, env) => command(join(root, 'node_modules/.bin', program), args, abort, env);

/**
 * Runs a program in a process group of its own, within the time limit.
 * @param {string} program @param {string[]} args @param {AbortSignal} abort @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<boolean>}
 */
const command = (program, args, abort, env = {}) =>
  new Promise((done) => {
    if (abort.aborted) return done(false);
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...nxEnvironment, ...(plain && { NO_COLOR: '1' }), ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const end = () => signalTree(child.pid ?? -1, 'SIGKILL');
    const timer = setTimeout(() => {
      say(`${program} takes longer than ${stageLimitMs / 60_000} minutes: stopped`);
      end();
    }, stageLimitMs);
    abort.addEventListener('abort', end, { once: true });
    child.once('error', (error) => say(`${program}: ${error.message}`));
    child.once('close', (code) => {
      clearTimeout(timer);
      abort.removeEventListener('abort', end);
      done(code === 0);
    });
  });

/** @param {AbortSignal} abort */
const lint = async (abort) => {
  const rules = await tool(
    'eslint',
    ['.', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '--max-warnings', '0'],
    abort,
  );
  const cache = ['--cache', '--cache-location', 'node_modules/.cache/prettier/check'];
  return (await tool('prettier', ['--check', '--log-level', 'warn', ...cache, '.'], abort)) && rules;
};

/** The build checks what ships; tests and these tools are checked on top. @param {AbortSignal} abort */
const types = async (abort) => {
  let ok = true;
  for (const args of [['-b'], ['-p', 'tsconfig.check.json'], ['-p', 'tools/local']])
    ok = (await tool('tsc', args, abort)) && ok;
  return ok;
};

/** @param {AbortSignal} abort @returns {Promise<Outcome>} */
const docs = async (abort) => {
  const main = join(root, 'tools/docs/dist/main.js');
  if (!existsSync(main)) return { ok: true, note: 'nothing is generated yet' };
  return { ok: await command(process.execPath, [main, '--check'], abort) };
};

const localTests = () =>
  readdirSync(join(root, 'tools/local'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => join(root, 'tools/local', name));

/**
 * @param {string} name of the report @param {string[]} args @param {boolean} fsync @param {AbortSignal} abort
 * @returns {Promise<Outcome>}
 */
const jest = async (name, args, fsync, abort) => {
  mkdirSync(reports, { recursive: true });
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const servers = await startServers([...serverNames], { say, fsync, signal: abort });
  try {
    const common = [
      '--json',
      `--outputFile=${report}`,
      '--passWithNoTests',
      ...(process.env.CI ? ['--ci'] : []),
      ...(plain ? ['--no-color'] : []),
    ];
    const ok = await tool('jest', [...common, ...args], abort, {
      ...servers.env,
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    });
    const tests = readJestReport(report);
    if (!tests) return { ok: false, note: 'Jest did not finish' };
    if (args.some((arg) => /^(-t|--testNamePattern)/.test(arg))) tests.skipped = []; // left out by name, not skipped
    const none = tests.passed + tests.failed.length + tests.skipped.length === 0;
    return none ? { ok, note: 'there are no tests' } : { ok, tests };
  } finally {
    await servers.stop();
  }
};

/** @param {(abort: AbortSignal) => Promise<boolean>} check @returns {Stage['run']} */
const checkStage = (check) => async (_args, abort) => ({ ok: await check(abort) });

/** In the order they run. @type {readonly Stage[]} */
export const stages = [
  { name: 'build', run: checkStage((abort) => build(undefined, abort).then(() => true)) },
  { name: 'lint', run: checkStage(lint) },
  { name: 'types', run: checkStage(types) },
  { name: 'docs', run: (_args, abort) => docs(abort) },
  { name: 'local', run: async (_args, abort) => runNodeTests(localTests(), abort) },
  {
    name: 'unit',
    run: (args, abort) => jest('unit', ['--maxWorkers=2', ...args, '--ignoreProjects', ...slowProjects], false, abort),
  },
  {
    name: 'e2e',
    run: (args, abort) => jest('e2e', ['--runInBand', ...args, '--selectProjects', ...slowProjects], true, abort),
  },
];

/** Chosen projects alone, whatever they are. @param {string[]} projects @returns {Stage} */
export const projectStage = (projects) => ({
  name: projects.join(', '),
  run: (args, abort) =>
    jest(
      'projects',
      ['--maxWorkers=2', ...args, '--selectProjects', ...projects],
      projects.some((p) => slowProjects.includes(p)),
      abort,
    ),
});
