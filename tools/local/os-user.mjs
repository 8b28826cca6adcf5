// @ts-check
/**
 * PostgreSQL refuses to run as root. When this process is root, the database runs as an unprivileged user of the system.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { UserError } from './say.mjs';

/** @typedef {{ name: string, uid: number, gid: number }} OsUser */

/** @param {string} text of /etc/passwd @returns {OsUser[]} */
const parsePasswd = (text) =>
  text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));

/**
 * The user that a database server runs as: `postgres`, else `nobody`, else any unprivileged one (initdb wants a name).
 * @param {string} [passwd]
 * @returns {OsUser | undefined} undefined when this process is not root and so needs no other
 */
export const databaseUser = (passwd) => {
  if (process.getuid?.() !== 0) return undefined;
  const users = parsePasswd(passwd ?? readFileSync('/etc/passwd', 'utf8')).filter((user) => user.uid > 0);
  const user = users.find((u) => u.name === 'postgres') ?? users.find((u) => u.name === 'nobody') ?? users[0];
  if (!user) {
    throw new UserError(
      'PostgreSQL does not run as root, and this system has no other user. Add one: useradd --system postgres',
    );
  }
  return user;
};

/**
 * Can that user reach and use the path? Asked of the system itself, so that modes, ACLs and mounts all count.
 * @param {OsUser | undefined} user @param {string} path @param {'x' | 'r' | 'w'} [access]
 */
export const canUse = (user, path, access = 'x') =>
  !user ||
  spawnSync('test', [`-${access}`, path], { uid: user.uid, gid: user.gid, cwd: '/', stdio: 'ignore' }).status === 0;
