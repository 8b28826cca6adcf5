/** What the platform's processes cost while a run goes on. */
import {
  allProcesses,
  childrenOf,
  commandLine,
  machineCpuSeconds,
  peakRss,
  processTree,
  resetPeakRss,
  type ProcessStat,
} from '../measure/proc.js';
import type { Cost } from '../measure/timed-command.js';

/** A worker ends with its run, so that the last of these intervals is not seen. A look reads a handful of files. */
const lookEveryMs = 50;

/** The runner is the app; the processes it forks are the workers that hold both ends of a load. */
const runnersOf = (tree: readonly ProcessStat[]): number[] =>
  tree.map(({ pid }) => pid).filter((pid) => commandLine(pid).includes('apps/runner/dist/main.js'));

const cpuOf = (tree: readonly ProcessStat[]): number => tree.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);

export interface Meter {
  /** The cost so far. CPU is of all the platform's processes, memory of the largest worker. */
  read(wallSeconds: number): Cost;
  /** No more looks. */
  stop(): void;
}

/** @param root process id of the platform */
export const startMeter = (root: number): Meter => {
  const look = (): ProcessStat[] => processTree(root, allProcesses());
  const before = look();
  const runners = runnersOf(before);
  for (const pid of runners.flatMap(childrenOf)) resetPeakRss(pid);
  const cpuBefore = cpuOf(before);
  const machineBefore = machineCpuSeconds();
  let peak = 0;
  const record = (): void => {
    for (const pid of runners.flatMap(childrenOf)) peak = Math.max(peak, peakRss(pid) ?? 0);
  };
  const timer = setInterval(record, lookEveryMs);
  return {
    stop: () => clearInterval(timer),
    read(wallSeconds) {
      const machine = machineCpuSeconds() - machineBefore;
      record();
      return {
        wallSeconds,
        clientCpuSeconds: cpuOf(look()) - cpuBefore,
        machineCpuSeconds: machine,
        peakRssBytes: peak === 0 ? null : peak,
      };
    },
  };
};
