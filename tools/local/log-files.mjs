// @ts-check
/** Log files of child processes: one per name, the last three starts kept. */
import { existsSync, mkdirSync, openSync, readSync, renameSync, closeSync, fstatSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} directory @param {string} name @returns {string} the file, after moving older ones aside */
export const rotatedLog = (directory, name) => {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const file = join(directory, `${name}.log`);
  if (existsSync(`${file}.1`)) renameSync(`${file}.1`, `${file}.2`);
  if (existsSync(file)) renameSync(file, `${file}.1`);
  return file;
};

/** @param {string} file @param {number} [lines] @returns {string} the last lines, of at most 16 KiB */
export const tailOf = (file, lines = 15) => {
  try {
    const handle = openSync(file, 'r');
    try {
      const size = fstatSync(handle).size;
      const buffer = Buffer.alloc(Math.min(size, 16_384));
      readSync(handle, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } finally {
      closeSync(handle);
    }
  } catch {
    return '';
  }
};
