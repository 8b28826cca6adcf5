// @ts-check
/**
 * Recognises a process again. A process id alone is reused by the system, so that killing by id can hit a stranger; together
 * with the moment it was started it names one process.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * @param {number} pid
 * @returns {string | undefined} an opaque mark of when the process was started; undefined when it is gone or a zombie
 */
export const startMark = (pid) => {
  try {
    if (process.platform !== 'linux') {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }).trim() || undefined
      );
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
  } catch {
    return undefined;
  }
};

/** @param {number} pid @param {string | undefined} mark @returns {boolean} is it still the same process, and running? */
export const isAlive = (pid, mark) => mark !== undefined && startMark(pid) === mark;

/** @param {number} target @param {NodeJS.Signals} signal @returns {boolean} was there anything to signal? */
const send = (target, signal) => {
  try {
    process.kill(target, signal);
    return true;
  } catch {
    return false;
  }
};

/**
 * Signals a live process and its group, when it leads one.
 * @param {number} pid @param {NodeJS.Signals} signal
 */
export const signalTree = (pid, signal) => void (send(-pid, signal) || send(pid, signal));

/**
 * Kills what is left of the group of a process that has ended. Never the bare id, which may be a stranger's by now.
 * @param {number} pid
 */
export const killGroup = (pid) => void send(-pid, 'SIGKILL');
