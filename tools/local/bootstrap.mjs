// @ts-check
/** Makes a fresh checkout runnable: Node's version, the packages of the lock file, the build. Quick when nothing changed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { runProgram } from './run-program.mjs';
import { UserError, elapsed, say } from './say.mjs';

const oldest = [20, 19];

/** @param {string} [version] */
export const checkNode = (version = process.versions.node) => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = oldest;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  throw new UserError(
    `Node ${version} is too old: Sluice needs ${oldest.join('.')} or newer. Install it from https://nodejs.org or with your version manager.`,
  );
};

/** @typedef {Record<string, { version?: string, link?: boolean, resolved?: string, optional?: boolean, peer?: boolean }>} LockedPackages */

/** @param {string} file @returns {LockedPackages} */
const lockedPackages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;

/**
 * Compares the lock file with npm's own record of what it installed. Optional packages may be missing: they are for other platforms.
 * @param {LockedPackages} wanted @param {LockedPackages} installed
 */
export const isInstalled = (wanted, installed) => {
  const names = (/** @type {LockedPackages} */ lock) =>
    Object.entries(lock).filter(([path]) => path.startsWith('node_modules/'));
  const same = names(installed).every(
    ([path, { version, link }]) => wanted[path]?.version === version && wanted[path]?.link === link,
  );
  return same && names(wanted).every(([path, { optional }]) => optional || installed[path]);
};

const packagesAreInstalled = () => {
  const record = join(root, 'node_modules/.package-lock.json');
  return existsSync(record) && isInstalled(lockedPackages(join(root, 'package-lock.json')), lockedPackages(record));
};

/**
 * Runs a program of ours; its output is shown only when it fails.
 * @param {string} what @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env @param {AbortSignal} [signal]
 */
const runQuietly = async (what, command, args, env, signal) => {
  const since = performance.now();
  say(`${what} ...`);
  const { code, output } = await runProgram(command, args, { cwd: root, env: { ...process.env, ...env }, signal });
  if (code !== 0) throw new UserError(`${output}\n${what}: failed with exit code ${code}`);
  say(`${what}: done in ${elapsed(since)}`);
};

/** Nx neither calls home, nor leaves a daemon behind, nor draws on the terminal. */
export const nxEnvironment = { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false', NX_SKIP_NX_CLOUD: 'true' };

/** What the platform is made of; plugins are found by their tag. */
const platformProjects = 'catalog,scheduler,runner,gateway,tag:layer:plugin';

/** @param {AbortSignal} [signal] */
export const installPackages = async (signal) => {
  if (packagesAreInstalled()) return;
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev'];
  await runQuietly('installing packages (npm ci)', 'npm', args, { NODE_ENV: 'development' }, signal);
};

/** @param {string} [projects] an Nx project list; default: all @param {AbortSignal} [signal] */
export const build = (projects, signal) =>
  runQuietly(
    projects ? `building ${projects === platformProjects ? 'the platform' : projects}` : 'building everything',
    join(root, 'node_modules/.bin/nx'),
    ['run-many', '-t', 'build', '--output-style=static', ...(projects ? ['-p', projects] : [])],
    nxEnvironment,
    signal,
  );

/**
 * @param {{ projects?: string | 'platform' | 'all' | 'none', signal?: AbortSignal }} [options] what to build; default: the
 *   platform. `signal` stops it: it then rejects.
 */
export const bootstrap = async ({ projects = 'platform', signal } = {}) => {
  checkNode();
  await installPackages(signal);
  if (projects !== 'none')
    await build(projects === 'all' ? undefined : projects === 'platform' ? platformProjects : projects, signal);
};
