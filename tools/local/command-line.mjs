// @ts-check
/** The arguments of a command: `--help` prints how it is used, and what it does not know is an error. */
import { parseArgs } from 'node:util';
import { UsageError } from './say.mjs';

/** @typedef {Record<string, { type: 'boolean' }>} Flags */

/**
 * @template {Flags} F
 * @param {string} usage begins with `usage: npm ...`
 * @param {F} [flags]
 * @param {string[]} [args]
 * @returns {Partial<Record<keyof F, boolean>>} the flags that were given; `--help` ends the process with exit code 0
 */
export const commandLine = (usage, flags = /** @type {F} */ ({}), args = process.argv.slice(2)) => {
  if (wantsHelp(args)) showHelp(usage);
  try {
    const { values } = parseArgs({ args, options: /** @type {Flags} */ (flags), strict: true });
    return /** @type {Partial<Record<keyof F, boolean>>} */ (values);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), usage);
  }
};

/** @param {string[]} args */
export const wantsHelp = (args) => args.includes('--help') || args.includes('-h');

/** @param {string} usage @returns {never} */
export const showHelp = (usage) => {
  process.stdout.write(`${usage.trim()}\n`);
  process.exit(0);
};
