// @ts-check
/** Runs a program to its end. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalTree } from './process-identity.mjs';
import { UserError } from './say.mjs';

const graceMs = 3000;

/** @type {Set<number>} */
const running = new Set();
process.on('exit', () => {
  for (const pid of running) signalTree(pid, 'SIGKILL');
});

/**
 * @typedef {object} ProgramOptions
 * @property {NodeJS.ProcessEnv} [env] the whole environment
 * @property {string} [cwd]
 * @property {number | undefined} [uid]
 * @property {number | undefined} [gid]
 * @property {AbortSignal | undefined} [signal] ends the program and all that it started
 */

/**
 * The program leads a process group of its own, so that a stop reaches what it started, too, and nobody interrupts it in the
 * middle but us.
 * @param {string} command @param {string[]} args @param {ProgramOptions} [options]
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string, output: string }>} `output` is both, as they came.
 *   Rejects when it cannot be started, and with a UserError when it was stopped.
 */
export const runProgram = async (command, args, { signal, ...options } = {}) => {
  signal?.throwIfAborted();
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const pid = child.pid ?? -1;
  if (pid > 0) running.add(pid);
  /** @type {Buffer[]} */ const stdout = [];
  /** @type {Buffer[]} */ const stderr = [];
  /** @type {Buffer[]} */ const output = [];
  child.stdout.on('data', (piece) => void (stdout.push(piece), output.push(piece)));
  child.stderr.on('data', (piece) => void (stderr.push(piece), output.push(piece)));
  const ended = new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  }).finally(() => running.delete(pid));
  const stop = async () => {
    signalTree(pid, 'SIGTERM');
    await sleep(graceMs, undefined, { ref: false });
    if (running.has(pid)) signalTree(pid, 'SIGKILL');
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const code = /** @type {number | null} */ (await ended);
    if (signal?.aborted) throw new UserError(`${command} was stopped`);
    return { code, stdout: text(stdout), stderr: text(stderr), output: text(output) };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
};

/** @param {Buffer[]} pieces */
const text = (pieces) => Buffer.concat(pieces).toString('utf8');

/**
 * As `runProgram`; another exit code than 0 is an error with its stderr.
 * @param {string} command @param {string[]} args @param {ProgramOptions} [options]
 * @returns {Promise<string>} its stdout
 */
export const outputOf = async (command, args, options) => {
  const { code, stdout, stderr } = await runProgram(command, args, options);
  if (code === 0) return stdout;
  throw Object.assign(new Error(`${command} failed with exit code ${code}: ${stderr.trim() || stdout.trim()}`), {
    stderr,
  });
};
