// @ts-check
/**
 * One running platform (or set of test servers) per directory, and no orphans: the owner and every child are written down
 * with their start marks, so that a start after a crash of the owner ends what was left running.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from './say.mjs';
import { isAlive, signalTree, startMark } from './process-identity.mjs';
import { waitFor } from './waiting.mjs';

/** @typedef {{ name: string, pid: number, mark: string | undefined, signal: NodeJS.Signals }} Child */
/** @typedef {{ owner: { pid: number, mark: string | undefined }, children: Child[] }} State */

/** @param {string} file @returns {State | undefined} */
export const readState = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

/**
 * Ends the children of an owner that is gone: politely, then with SIGKILL to the whole group.
 * @param {Child[]} children @param {import('./say.mjs').Say} say
 */
export const endStale = async (children, say) => {
  const alive = children.filter((child) => isAlive(child.pid, child.mark));
  if (alive.length > 0)
    say(`ending what an earlier start left running: ${alive.map((c) => `${c.name} (${c.pid})`).join(', ')}`);
  for (const child of alive) signalTree(child.pid, child.signal);
  await waitFor(() => (alive.some((c) => isAlive(c.pid, c.mark)) ? undefined : true), {
    timeoutMs: 10_000,
    what: 'stale processes',
  }).catch(() => undefined);
  for (const child of alive) if (isAlive(child.pid, child.mark)) signalTree(child.pid, 'SIGKILL');
};

/** Throws when the one who wrote the state is still there. @param {State} state @param {string} directory */
export const requireNoOwner = ({ owner }, directory) => {
  if (!isAlive(owner.pid, owner.mark)) return;
  throw new UserError(
    `Sluice already runs on ${directory} (process ${owner.pid}). Stop it first, or set SLUICE_DATA_DIR and SLUICE_PORT to start a second one.`,
  );
};

/**
 * Takes the directory for this process.
 * @param {string} directory @param {import('./say.mjs').Say} say
 * @returns {Promise<RunState>}
 */
export const takeDirectory = async (directory, say) => {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const file = join(directory, 'running.json');
  const me = { pid: process.pid, mark: startMark(process.pid) };
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      writeFileSync(file, JSON.stringify({ owner: me, children: [] }), { flag: 'wx', mode: 0o600 });
      return new RunState(file, me);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    const other = readState(file);
    if (other) requireNoOwner(other, directory);
    const aside = `${file}.${process.pid}`;
    renameSync(file, aside); // of two starts only one gets to clean up
    await endStale(other?.children ?? [], say);
    rmSync(aside, { force: true });
  }
  throw new UserError(`Cannot take ${directory}: another start is busy with it. Try again.`);
};

/** The written list of running children of one owner. */
export class RunState {
  /** @type {Map<string, Child>} */ #children = new Map();
  /** @type {string} */ #file;
  /** @type {State['owner']} */ #owner;

  /** @param {string} file @param {State['owner']} owner */
  constructor(file, owner) {
    this.#file = file;
    this.#owner = owner;
  }

  /** @param {string} name @param {number} pid @param {NodeJS.Signals} signal how it is asked to stop */
  add(name, pid, signal) {
    this.#children.set(name, { name, pid, mark: startMark(pid), signal });
    this.#write();
  }

  /** @param {string} name */
  remove(name) {
    if (this.#children.delete(name)) this.#write();
  }

  /** Gives the directory back. */
  release() {
    rmSync(this.#file, { force: true });
  }

  #write() {
    const next = `${this.#file}.next`;
    writeFileSync(next, JSON.stringify({ owner: this.#owner, children: [...this.#children.values()] }), {
      mode: 0o600,
    });
    renameSync(next, this.#file);
  }
}
