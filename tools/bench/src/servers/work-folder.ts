/** The folder of the benchmark: clusters, prepared files, fetched peers, the platform's data. Kept between runs. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { localTool } from '../local-tools.js';

export interface WorkFolder {
  readonly path: string;
  /** Of the benchmark's own servers; letters, digits, '-' and '_'. */
  readonly password: string;
  /** Path of a sub-folder, made when it is missing. */
  folder(name: string): string;
  /** Writes a file that only we can read, and answers its path. */
  secretFile(name: string, text: string): string;
  /** Takes the password and this machine's path out of a text that others will read. */
  scrub(text: string): string;
}

/** @param chosen default: `bench` in the data directory, or the nearest place that the database user can reach */
export const openWorkFolder = async (chosen: string | undefined): Promise<WorkFolder> => {
  const [{ dataDirectory }, { databaseUser }, { reachablePlace }] = await Promise.all([
    localTool('paths.mjs'),
    localTool('os-user.mjs'),
    localTool('reachable.mjs'),
  ]);
  const wanted = chosen ?? join(dataDirectory(), 'bench');
  mkdirSync(dirname(wanted), { recursive: true, mode: 0o755 });
  const path = reachablePlace(databaseUser(), wanted);
  const folder = (name: string): string => {
    const found = join(path, name);
    mkdirSync(found, { recursive: true, mode: 0o755 });
    return found;
  };
  folder('.');
  const secretFile = (name: string, text: string): string => {
    const file = join(folder('secrets'), name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const kept = join(path, 'secrets', 'password');
  if (!existsSync(kept)) secretFile('password', randomBytes(18).toString('base64url'));
  const password = readFileSync(kept, 'utf8');
  const scrub = (text: string): string => text.replaceAll(password, '***').replaceAll(path, 'WORK');
  return { path, password, folder, secretFile, scrub };
};
