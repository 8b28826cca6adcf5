// @ts-check
/** Finds or fetches a MariaDB server, for tests. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from './say.mjs';
import { unpackDebianPackages } from './debian-packages.mjs';

/**
 * @typedef {object} MariadbBinary
 * @property {string} server path of mariadbd
 * @property {string} base the folder above `sbin` and `share`
 * @property {string} share messages, character sets and the SQL of a new data directory
 * @property {string} plugins
 * @property {string} [libraries] for LD_LIBRARY_PATH
 */

/** @param {string} server @param {string} [libraries] @returns {MariadbBinary | undefined} undefined when its parts are not beside it */
const describe = (server, libraries) => {
  const base = dirname(dirname(server));
  const share = [join(base, 'share/mariadb'), join(base, 'share/mysql')].find((folder) =>
    existsSync(join(folder, 'english/errmsg.sys')),
  );
  const plugins = [join(base, 'lib/mysql/plugin'), join(base, 'lib/mariadb/plugin'), join(base, 'lib64/mysql/plugin')];
  if (!share) return undefined;
  return {
    server,
    base,
    share,
    plugins: plugins.find((folder) => existsSync(folder)) ?? join(base, 'lib/mysql/plugin'),
    ...(libraries && { libraries }),
  };
};

/** @param {MariadbBinary} binary */
export const mariadbEnvironment = ({ libraries }) => ({
  PATH: process.env.PATH,
  TZ: 'UTC',
  LC_ALL: 'C',
  ...(libraries && { LD_LIBRARY_PATH: libraries }),
});

/** @param {MariadbBinary} binary */
const runs = (binary) =>
  spawnSync(binary.server, ['--no-defaults', '--version'], { env: mariadbEnvironment(binary), stdio: 'ignore' })
    .status === 0;

/** @returns {MariadbBinary | undefined} */
const fromPath = () => {
  for (const folder of [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']) {
    const file = join(folder, 'mariadbd');
    const found = folder && existsSync(file) ? describe(realpathSync(file)) : undefined;
    if (found && runs(found)) return found;
  }
  return undefined;
};

/** @param {string} folder of unpacked packages @returns {MariadbBinary | undefined} */
const unpacked = (folder) => {
  const library = join(folder, 'usr/lib');
  const triplet = existsSync(library) ? readdirSync(library).find((name) => /-linux-gnu/.test(name)) : undefined;
  const libraries = triplet && [join(library, triplet), join(folder, 'lib', triplet)].join(':');
  const found = existsSync(join(folder, 'usr/sbin/mariadbd'))
    ? describe(join(folder, 'usr/sbin/mariadbd'), libraries)
    : undefined;
  return found && runs(found) ? found : undefined;
};

/**
 * PATH, else what was fetched before, else Debian's packages of the running release, unpacked.
 * @param {string} binDir @param {import('./say.mjs').Say} say @param {AbortSignal} [signal] gives up
 * @returns {Promise<MariadbBinary>}
 */
export const mariadbBinary = async (binDir, say, signal) => {
  const folder = join(binDir, 'mariadb-debian');
  const here = fromPath() ?? unpacked(folder);
  if (here) return here;
  mkdirSync(binDir, { recursive: true, mode: 0o755 });
  say('fetching MariaDB: the Debian packages');
  try {
    await unpackDebianPackages({ folder, packages: ['mariadb-server-core'], dependencies: true, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr } = /** @type {{ stderr?: string }} */ (error);
    throw new UserError(
      `No MariaDB. Install mariadb-server and put mariadbd in PATH.\n  ${stderr?.trim() || (error instanceof Error ? error.message : error)}`,
    );
  }
  const fetched = unpacked(folder);
  if (!fetched)
    throw new UserError(
      `The MariaDB packages in ${folder} do not run here. Install mariadb-server and put mariadbd in PATH.`,
    );
  return fetched;
};
