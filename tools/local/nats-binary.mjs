// @ts-check
/** Finds or fetches a nats-server that is fit for keeping data. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from './say.mjs';
import { unpackDebianPackages } from './debian-packages.mjs';

/** The release that is fetched when the machine has none. */
const release = '2.15.1';
const releases = 'https://github.com/nats-io/nats-server/releases/download';

/** @typedef {{ path: string, version: string }} NatsBinary */

/** @param {string} path @returns {string | undefined} such as `2.10.27`; undefined when it does not run */
const versionOf = (path) => {
  try {
    return /v(\d+\.\d+\.\d+)/.exec(
      execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 }),
    )?.[1];
  } catch {
    return undefined;
  }
};

/**
 * Older than 2.10 cannot sync each write to disk; 2.10.20 to 2.10.22 lose whole streams when they are killed.
 * @param {string} version @returns {string | undefined} why it must not be used
 */
export const unfit = (version) => {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 10)) return `nats-server ${version} is too old: 2.10.23 or newer is needed`;
  if (major === 2 && minor === 10 && patch >= 20 && patch <= 22)
    return `nats-server ${version} loses streams when it is killed: 2.10.23 or newer is needed`;
  return undefined;
};

/** The one that the user chose. @param {string} path @returns {NatsBinary} */
const chosen = (path) => {
  const version = versionOf(path);
  const problem = version ? unfit(version) : 'it does not run';
  if (problem || !version) throw new UserError(`SLUICE_NATS_SERVER=${path}: ${problem}.`);
  return { path, version };
};

/** @param {import('./say.mjs').Say} say @returns {NatsBinary | undefined} */
const fromPath = (say) => {
  const version = versionOf('nats-server');
  const problem = version && unfit(version);
  if (problem) say(`${problem}; not using the one in PATH`);
  return version && !problem ? { path: 'nats-server', version } : undefined;
};

/** @param {string} url @param {number} timeoutMs @param {AbortSignal} [signal] */
const get = async (url, timeoutMs, signal) => {
  const limit = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { signal: signal ? AbortSignal.any([limit, signal]) : limit });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};

/** The official archive, verified. @param {string} binDir @param {AbortSignal} [signal] @returns {Promise<string>} */
const fromRelease = async (binDir, signal) => {
  const cpu = /** @type {Record<string, string>} */ ({ x64: 'amd64', arm64: 'arm64' })[process.arch] ?? process.arch;
  const name = `nats-server-v${release}-${process.platform}-${cpu}`;
  const sums = (await get(`${releases}/v${release}/SHA256SUMS`, 5000, signal)).toString('utf8');
  const expected = sums
    .split('\n')
    .map((line) => line.trim().split(/\s+\*?/))
    .find(([, file]) => file === `${name}.tar.gz`)?.[0];
  if (!expected) throw new Error(`the release has no ${name}.tar.gz`);
  const archive = await get(`${releases}/v${release}/${name}.tar.gz`, 120_000, signal);
  if (createHash('sha256').update(archive).digest('hex') !== expected)
    throw new Error(`checksum of ${name}.tar.gz differs`);
  const next = join(binDir, `.nats-${process.pid}`);
  try {
    mkdirSync(next, { recursive: true, mode: 0o755 });
    writeFileSync(join(next, 'archive.tar.gz'), archive);
    execFileSync('tar', ['-xzf', 'archive.tar.gz', `${name}/nats-server`], { cwd: next });
    const binary = join(binDir, `nats-server-${release}`);
    chmodSync(join(next, name, 'nats-server'), 0o755);
    renameSync(join(next, name, 'nats-server'), binary);
    return binary;
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
};

/** @param {string} binDir @param {AbortSignal} [signal] @returns {Promise<string>} */
const fromDebian = async (binDir, signal) =>
  join(
    await unpackDebianPackages({
      folder: join(binDir, 'nats-server-debian'),
      packages: ['nats-server'],
      suite: 'trixie',
      signal,
    }),
    'usr/sbin/nats-server',
  );

/** What an earlier call fetched. @param {string} binDir @returns {NatsBinary | undefined} */
const kept = (binDir) => {
  for (const path of [
    join(binDir, `nats-server-${release}`),
    join(binDir, 'nats-server-debian/usr/sbin/nats-server'),
  ]) {
    const version = existsSync(path) ? versionOf(path) : undefined;
    if (version && !unfit(version)) return { path, version };
  }
  return undefined;
};

/**
 * `SLUICE_NATS_SERVER`, else PATH, else what was fetched before, else the official release, else the Debian package.
 * @param {string} binDir @param {import('./say.mjs').Say} say @param {AbortSignal} [signal] gives up
 * @returns {Promise<NatsBinary>}
 */
export const natsBinary = async (binDir, say, signal) => {
  if (process.env.SLUICE_NATS_SERVER) return chosen(process.env.SLUICE_NATS_SERVER);
  const here = fromPath(say) ?? kept(binDir);
  if (here) return here;
  mkdirSync(binDir, { recursive: true, mode: 0o755 });
  /** @type {string[]} */
  const problems = [];
  for (const [what, fetchIt] of /** @type {const} */ ([
    [`the official release ${release}`, fromRelease],
    ['the Debian package', fromDebian],
  ])) {
    try {
      say(`fetching nats-server: ${what}`);
      const path = await fetchIt(binDir, signal);
      const version = versionOf(path);
      const problem = version ? unfit(version) : 'it does not run here';
      if (version && !problem) return { path, version };
      problems.push(`${what}: ${problem}`);
    } catch (error) {
      signal?.throwIfAborted();
      problems.push(`${what}: ${reason(error)}`);
    }
    say(`nats-server: no luck with ${problems.at(-1)}`);
  }
  throw new UserError(
    `No nats-server. Install 2.10.23 or newer and put it in PATH or SLUICE_NATS_SERVER.\n  ${problems.join('\n  ')}`,
  );
};

/** @param {unknown} error @returns {string} one line */
const reason = (error) => {
  if (!(error instanceof Error)) return String(error);
  const { cause, stderr } = /** @type {{ cause?: { code?: string, message?: string }, stderr?: string }} */ (error);
  return (stderr?.trim().split('\n').at(-1) || cause?.code || cause?.message || error.message).split('\n')[0] ?? '';
};
