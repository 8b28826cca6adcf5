// @ts-check
/**
 * Fetches Debian packages and unpacks them into a private folder: nothing is installed, no maintainer script runs, root is not
 * needed, and the system's own apt state is not touched. apt verifies the archive's signature and every checksum.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianArchive, sourceLine, systemSources } from './apt-sources.mjs';
import { outputOf } from './run-program.mjs';

const keyrings = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];

/**
 * @typedef {object} PackageRequest
 * @property {string} folder where to unpack; made whole or not at all
 * @property {string[]} packages
 * @property {string} [suite] another release's suite, such as `trixie`; default: the system's own suites
 * @property {boolean} [dependencies] with whatever they need that the system lacks
 * @property {AbortSignal | undefined} [signal] gives up and leaves nothing
 */

/** apt's own settings (proxies, mirrors, credentials) stay in force; only its state moves. @param {string} apt @param {string | undefined} suite */
const writeAptRoot = (apt, suite) => {
  for (const part of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, part), { recursive: true });
  const sources = systemSources();
  const archive = debianArchive(sources);
  const signedBy = archive.signedBy ?? keyrings.find((file) => existsSync(file));
  const lines = suite
    ? [sourceLine({ uri: archive.uri, suites: [suite], components: ['main'], ...(signedBy && { signedBy }) })]
    : sources.filter(({ components }) => components.includes('main')).map(sourceLine);
  writeFileSync(join(apt, 'sources.list'), `${lines.join('\n')}\n`);
  const settings = [
    `Dir::Etc::sourcelist "${apt}/sources.list";`,
    'Dir::Etc::sourceparts "-";',
    'Dir::Etc::preferencesparts "-";',
    'Dir::Etc::preferences "-";',
    `Dir::State::lists "${apt}/lists";`,
    `Dir::Cache "${apt}";`,
    `Dir::Cache::archives "${apt}/archives";`,
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User "root";'] : []),
  ];
  writeFileSync(join(apt, 'apt.conf'), `${settings.join('\n')}\n`);
};

/** What an installation would add, by apt's own resolver and the system's list of installed packages. @param {string[]} packages @param {import('./run-program.mjs').ProgramOptions} how */
const withDependencies = async (packages, how) => {
  const args = ['install', '--simulate', '--no-install-recommends', '-o', 'Debug::NoLocking=1', ...packages];
  const stdout = await outputOf('apt-get', args, how);
  return [...new Set([...[...stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? ''), ...packages])];
};

/**
 * @param {PackageRequest} request
 * @returns {Promise<string>} the folder; it holds `usr/`, `lib/`, ... of all packages
 */
export const unpackDebianPackages = async ({ folder, packages, suite, dependencies = false, signal }) => {
  if (existsSync(folder)) return folder;
  const apt = `${folder}.apt-${process.pid}`;
  const next = `${folder}.new-${process.pid}`;
  try {
    writeAptRoot(apt, suite);
    mkdirSync(next, { recursive: true, mode: 0o755 });
    const env = { ...process.env, APT_CONFIG: join(apt, 'apt.conf'), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    await outputOf('apt-get', ['update', '-q'], { env, signal });
    const all = dependencies ? await withDependencies(packages, { env, signal }) : packages;
    await outputOf('apt-get', ['download', '-q', ...all], { env, cwd: join(apt, 'archives'), signal });
    for (const name of readdirSync(join(apt, 'archives'))) {
      if (name.endsWith('.deb')) await outputOf('dpkg-deb', ['-x', join(apt, 'archives', name), next], { signal });
    }
    renameSync(next, folder);
    return folder;
  } finally {
    rmSync(apt, { recursive: true, force: true });
    rmSync(next, { recursive: true, force: true });
  }
};
