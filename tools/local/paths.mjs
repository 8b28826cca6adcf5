// @ts-check
/** Where things are: the workspace, the data directory and what is kept in it. */
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';

/** Absolute path of the workspace root. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * The data directory: `SLUICE_DATA_DIR`, else `.sluice` in the workspace root.
 * @param {string | undefined} [chosen]
 */
export const dataDirectory = (chosen = process.env.SLUICE_DATA_DIR) =>
  chosen ? resolve(chosen) : join(root, '.sluice');

/**
 * Where downloaded server binaries are kept.
 * @param {string} [dataDir]
 */
export const binDirectory = (dataDir = dataDirectory()) => join(dataDir, 'bin');
