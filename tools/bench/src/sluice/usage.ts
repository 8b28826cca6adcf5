/** What the platform's processes cost while a run goes on. */
import {
  allProcesses,
  commandLine,
  machineCpuSeconds,
  peakRss,
  processTree,
  resetPeakRss,
  type ProcessStat,
} from '../measure/proc.js';
import type { Cost } from '../measure/timed-command.js';

/** Often enough to see a worker that lives for a second; one look costs well under a millisecond of CPU. */
const lookEveryMs = 100;

/** The runner is the app; its children are the workers that hold both ends of a load. */
const workersOf = (tree: readonly ProcessStat[]): ProcessStat[] =>
  tree
    .filter(({ pid }) => commandLine(pid).includes('apps/runner/dist/main.js'))
    .flatMap((runner) => processTree(runner.pid, tree).filter(({ pid }) => pid !== runner.pid));

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
  for (const { pid } of workersOf(before)) resetPeakRss(pid);
  const cpuBefore = cpuOf(before);
  const machineBefore = machineCpuSeconds();
  let peak = 0;
  const record = (): void => {
    for (const { pid } of workersOf(look())) peak = Math.max(peak, peakRss(pid) ?? 0);
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
