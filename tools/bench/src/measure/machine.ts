/** What the figures were measured on, and whether anything else was running. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { workspace } from '../local-tools.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly load: number;
}
/** Above this, something else runs. */
const quietLoad = 0.5;

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 1e9),
  kernel: release(),
  node: process.version,
  load: loadavg()[0] ?? NaN,
});

export const loadWarning = ({ load }: Machine): string | undefined =>
  load > quietLoad
    ? `the load average is ${load.toFixed(2)}: something else runs on this machine, and no figure below is worth keeping`
    : undefined;

const git = (...args: readonly string[]): string =>
  (spawnSync('git', args, { cwd: workspace, encoding: 'utf8' }).stdout ?? '').trim();

/** The commit that is measured; with '+' when the working tree has changes to it. */
export const commit = (): string => {
  const hash = git('rev-parse', '--short=12', 'HEAD');
  return hash === '' ? 'unknown' : `${hash}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
};
