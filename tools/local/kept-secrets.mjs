// @ts-check
/** Secrets of one local platform: generated at the first start, kept in the data directory in files of mode 600. */
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsUsers } from './nats-users.mjs';

/**
 * @typedef {object} Secrets
 * @property {string} postgresPassword
 * @property {Record<import('./nats-users.mjs').NatsUser, string>} natsPasswords
 * @property {string} jwtSecret HS256 key of the tokens
 * @property {string} keyring JSON text of the key ring that encrypts stored secrets
 */

/** @param {number} bytes */
const randomText = (bytes) => randomBytes(bytes).toString('base64url');

/**
 * Writes a file that only its owner can read, whole or not at all.
 * @param {string} file @param {string} text
 */
export const writePrivate = (file, text) => {
  const next = `${file}.next`;
  writeFileSync(next, text, { mode: 0o600 });
  chmodSync(next, 0o600); // an old file of that name would have kept its mode
  renameSync(next, file);
};

/** @param {string} directory @returns {Secrets} */
export const keptSecrets = (directory) => {
  const file = join(directory, 'secrets.json');
  /** @type {Partial<Secrets>} */
  let kept = {};
  try {
    kept = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error; // never replace a key ring that data was encrypted with
  }
  const secrets = {
    postgresPassword: kept.postgresPassword ?? randomText(24),
    natsPasswords: /** @type {Secrets['natsPasswords']} */ (
      Object.fromEntries(natsUsers.map((user) => [user, kept.natsPasswords?.[user] ?? randomText(24)]))
    ),
    jwtSecret: kept.jwtSecret ?? randomText(32),
    keyring: kept.keyring ?? JSON.stringify({ current: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
  };
  writePrivate(file, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
};
