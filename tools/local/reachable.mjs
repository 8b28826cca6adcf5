// @ts-check
/**
 * Folders outside a checkout, for a database user who cannot enter it (a checkout in root's 0700 home, or in a mkdtemp folder).
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from './say.mjs';
import { canUse } from './os-user.mjs';

/**
 * Makes a folder of ours under /var/tmp that others may pass through but not list. The name is predictable, so a folder or
 * link that somebody else put there first is refused.
 * @param {string} forPath what the folder stands in for
 */
export const outsideFolder = (forPath) => {
  const folder = join('/var/tmp', `sluice-${createHash('sha256').update(forPath).digest('hex').slice(0, 12)}`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new UserError(
      `${folder} exists and is not ours. Remove it, or set SLUICE_DATA_DIR to a folder that other users can enter.`,
    );
  }
  chmodSync(folder, 0o711);
  return folder;
};

/**
 * The nearest place for `path` that the user can reach: itself, or one in a folder outside.
 * @param {import('./os-user.mjs').OsUser | undefined} user @param {string} path need not exist yet; its parent must
 */
export const reachablePlace = (user, path) => {
  const parent = realpathSync(dirname(path));
  if (canUse(user, parent)) return path;
  return join(outsideFolder(join(parent, basename(path))), basename(path));
};
