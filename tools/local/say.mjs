// @ts-check
/** Short lines that tell the user what is being done. */

/** @typedef {(line: string) => void} Say */

/** Prints one line to the console. @type {Say} */
export const say = (line) => void process.stdout.write(`${line}\n`);

/** @param {number} since a `performance.now()` value @returns {string} such as `1.2 s` */
export const elapsed = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** An error whose message is all that the user needs: printed without a stack. */
export class UserError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = 'UserError';
  }
}

/** The command was called in a way it does not know. */
export class UsageError extends UserError {
  /** @param {string} problem @param {string} usage */
  constructor(problem, usage) {
    super(`${problem}\n\n${usage.trim()}`);
    this.name = 'UsageError';
  }
}

/**
 * Runs a command-line program: an error ends it with exit code 1, a `UserError` without a stack, a `UsageError` with 2.
 * @param {() => Promise<number | void>} main
 */
export const runMain = async (main) => {
  try {
    process.exit((await main()) ?? 0);
  } catch (error) {
    process.stderr.write(
      `${error instanceof UserError ? error.message : error instanceof Error ? error.stack : error}\n`,
    );
    process.exit(error instanceof UsageError ? 2 : 1);
  }
};
