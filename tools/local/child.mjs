// @ts-check
/** A child process in a process group of its own, with a log file and an orderly end. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { killGroup, signalTree } from './process-identity.mjs';
import { within } from './waiting.mjs';

/** Whichever way this process ends by itself, no child outlives it. @type {Set<number>} */
const living = new Set();
process.on('exit', () => {
  for (const pid of living) signalTree(pid, 'SIGKILL');
});

/**
 * @typedef {object} ChildSpec
 * @property {string} name
 * @property {string} command
 * @property {string[]} args never secrets: arguments are readable by every user of the machine
 * @property {Record<string, string | undefined>} [env] the whole environment
 * @property {string} [cwd]
 * @property {number} [uid]
 * @property {number} [gid]
 * @property {string} logFile
 * @property {NodeJS.Signals} [stopSignal] default SIGTERM
 * @property {number} [graceMs] before SIGKILL, default 10,000
 * @property {(line: string) => void} [onLine] lines pass through this process; without it the child writes its file itself
 */
/** @typedef {{ code: number | null, signal: NodeJS.Signals | null, error?: Error }} Exit */
/**
 * @typedef {object} RunningChild
 * @property {string} name
 * @property {number} pid
 * @property {Promise<Exit>} exited never rejects
 * @property {Exit | undefined} exit once it has ended
 * @property {() => Promise<Exit>} stop
 */

/**
 * Starts a process. It leads a group of its own, so that Ctrl-C in a terminal reaches only the parent, which then stops its
 * children in order; the group's end takes grandchildren along.
 * @param {ChildSpec} spec
 * @returns {RunningChild}
 */
export const startChild = (spec) => {
  const file = openSync(spec.logFile, 'a', 0o600);
  const output = spec.onLine ? 'pipe' : file;
  const child = spawn(spec.command, spec.args, {
    env: spec.env ?? process.env,
    cwd: spec.cwd,
    uid: spec.uid,
    gid: spec.gid,
    detached: true,
    stdio: ['ignore', output, output],
  });
  passLines(child, file, spec.onLine);
  /** @type {RunningChild} */
  const running = {
    name: spec.name,
    pid: child.pid ?? -1,
    exit: undefined,
    exited: new Promise((done) => {
      child.once('error', (error) => done({ code: null, signal: null, error }));
      child.once('exit', (code, signal) => done({ code, signal }));
    }),
    stop: () => stopChild(running, spec),
  };
  if (running.pid > 0) living.add(running.pid);
  void running.exited.then((exit) => {
    running.exit = exit;
    living.delete(running.pid);
  });
  return running;
};

/** @param {import('node:child_process').ChildProcess} child @param {number} file @param {ChildSpec['onLine']} onLine */
const passLines = (child, file, onLine) => {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  let open = streams.length;
  if (open === 0) closeSync(file);
  for (const input of streams) {
    const lines = createInterface({ input });
    lines.on('line', (line) => {
      writeSync(file, `${line}\n`);
      onLine?.(line);
    });
    lines.once('close', () => {
      if (--open === 0) closeSync(file);
    });
  }
};

/** @param {RunningChild} running @param {ChildSpec} spec @returns {Promise<Exit>} */
const stopChild = async (running, spec) => {
  if (running.pid < 0) return running.exited;
  if (!running.exit) {
    try {
      process.kill(running.pid, spec.stopSignal ?? 'SIGTERM');
    } catch {
      // ended in this moment
    }
    if (!(await within(running.exited, spec.graceMs ?? 10_000))) signalTree(running.pid, 'SIGKILL');
  }
  killGroup(running.pid);
  return running.exited;
};

/** @param {Exit} exit */
export const describeExit = ({ code, signal, error }) =>
  error ? error.message : signal ? `signal ${signal}` : `exit code ${code}`;
