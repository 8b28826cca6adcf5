import { spawn } from 'node:child_process';
import {
  allProcesses,
  childrenOf,
  machineCpuSeconds,
  parseMachineCpu,
  parsePeakRss,
  parseProcessStat,
  peakRss,
  processTree,
} from './proc.js';

test('machine CPU counts work, not waiting', () => {
  const text = 'cpu  1000 20 300 99999 8888 7 3 555 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n';
  expect(parseMachineCpu(text)).toBeCloseTo(13.3);
  expect(machineCpuSeconds()).toBeGreaterThan(0);
});

test('a process whose name has spaces and parentheses', () => {
  const text = '4242 (a) (b c) S 17 4242 4242 0 -1 4194560 900 0 0 0 150 50 25 75 20 0 1 0 100 1000 10';
  expect(parseProcessStat(text)).toEqual({ pid: 4242, parent: 17, cpuSeconds: 3 });
});

test('peak memory', () => {
  expect(parsePeakRss('Name:\tnode\nVmPeak:\t 9 kB\nVmHWM:\t   1024 kB\nVmRSS:\t 512 kB\n')).toBe(1_048_576);
  expect(parsePeakRss('Name:\tkthreadd\n')).toBeUndefined();
  expect(peakRss(process.pid)).toBeGreaterThan(10_000_000);
  expect(peakRss(2 ** 30)).toBeUndefined();
});

test('a tree is the root and everything below it', () => {
  const process = (pid: number, parent: number) => ({ pid, parent, cpuSeconds: 1 });
  const all = [process(1, 0), process(2, 1), process(5, 3), process(3, 2), process(4, 1), process(6, 5)];
  expect(processTree(2, all).map(({ pid }) => pid)).toEqual([2, 3, 5, 6]);
  expect(processTree(99, all)).toEqual([]);
});

test('this process is among all processes', () => {
  const own = allProcesses().find(({ pid }) => pid === process.pid);
  expect(own?.parent).toBe(process.ppid);
  expect(own?.cpuSeconds).toBeGreaterThan(0);
});

test('children of a process', () => {
  const child = spawn('sleep', ['30']);
  expect(childrenOf(process.pid)).toContain(child.pid);
  child.kill();
  expect(childrenOf(2 ** 30)).toEqual([]);
});
