/** Reads of Linux's /proc: whole-machine CPU, a process's CPU, its peak memory, who its descendants are. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Kernel ticks a second in /proc: USER_HZ, which is 100 on every Linux that Node runs on. */
const ticks = 100;

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** User and system, of the process and of those of its children that it has waited for. */
  readonly cpuSeconds: number;
}

/**
 * CPU seconds that all processes of the machine have used: user, nice, system, irq and softirq, but not idle, iowait or
 * steal. Guest time is inside user time.
 */
export const parseMachineCpu = (text: string): number => {
  const fields = /^cpu +(.+)$/m.exec(text)?.[1]?.split(/\s+/).map(Number) ?? [];
  const [user = NaN, nice = NaN, system = NaN, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) / ticks;
};
export const machineCpuSeconds = (): number => parseMachineCpu(readFileSync('/proc/stat', 'utf8'));

/** The name in parentheses may hold spaces and parentheses itself. */
export const parseProcessStat = (text: string): ProcessStat => {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = NaN] = fields;
  const [user = NaN, system = NaN, childUser = NaN, childSystem = NaN] = fields.slice(11, 15);
  return { pid: parseInt(text, 10), parent, cpuSeconds: (user + system + childUser + childSystem) / ticks };
};

/** Peak resident memory in bytes; undefined for a kernel thread or a process that has ended. */
export const parsePeakRss = (status: string): number | undefined => {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
};

const readOrNothing = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it has ended
  }
};

export const peakRss = (pid: number): number | undefined => parsePeakRss(readOrNothing(`/proc/${pid}/status`) ?? '');

/** Sets a process's peak back to what it uses now. */
export const resetPeakRss = (pid: number): void => {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // it has ended, or is not ours: its peak then stays an upper bound
  }
};

export const commandLine = (pid: number): string => (readOrNothing(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ');

/** Every process of the machine. */
export const allProcesses = (): ProcessStat[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const text = readOrNothing(`/proc/${name}/stat`);
      return text === undefined ? [] : [parseProcessStat(text)];
    });

/** Processes that a process's main thread has started. */
export const childrenOf = (pid: number): number[] =>
  (readOrNothing(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number);

/** A process and all below it. */
export const processTree = (root: number, all: readonly ProcessStat[]): ProcessStat[] => {
  const found = all.filter(({ pid }) => pid === root);
  for (const process of found) found.push(...all.filter(({ parent, pid }) => parent === process.pid && pid !== root));
  return found;
};
