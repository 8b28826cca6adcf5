// @ts-check
/** Makes the checkout ready and hands over to one of our own programs. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { wantsHelp } from './command-line.mjs';
import { root } from './paths.mjs';
import { UserError } from './say.mjs';
import { onStopSignal } from './stop-signals.mjs';

/**
 * @param {string} projects what to build
 * @param {string} program relative to the workspace root
 * @param {string[]} args
 * @returns {Promise<number>} its exit code
 */
export const runAfterBuild = async (projects, program, args) => {
  const { signal, abort } = onStopSignal();
  const file = join(root, program);
  if (!(wantsHelp(args) && existsSync(file))) await bootstrap({ projects, signal: abort });
  if (!existsSync(file)) throw new UserError(`${program} does not exist`);
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], { cwd: root, stdio: 'inherit' });
  void signal.then((name) => child.kill(name));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => done(code ?? 1));
  });
};
