/** A runner in a process of its own, to be killed as no in-process one can be. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until, workerScript } from './harness.js';

export interface RunnerProcess {
  readonly child: ChildProcess;
  /** Process ids of its workers. */
  workers(): number[];
  /** Its log, whole. */
  log(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Those that a failed test left behind. */
const running = new Set<ChildProcess>();
afterAll(() => running.forEach((child) => child.kill('SIGKILL')));

/** Up, and with a warm worker. */
async function isReady(log: string): Promise<boolean> {
  const line = log.split('\n').find((text) => text.includes('runner is up'));
  if (line === undefined) return false;
  const { port } = JSON.parse(line) as { port: number };
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
}

export async function startRunnerProcess(
  natsUrl: string,
  pluginRoot: string,
  env: Record<string, string> = {},
): Promise<RunnerProcess> {
  const { execArgv } = workerScript;
  const child = fork(join(__dirname, '../src/main.ts'), [], {
    execArgv,
    env: {
      SLUICE_NATS_URL: natsUrl,
      SLUICE_PLUGIN_ROOTS: pluginRoot,
      SLUICE_HEARTBEAT_SECONDS: '1',
      LOG_LEVEL: 'info',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  running.add(child);
  const exited = once(child, 'exit').then(() => running.delete(child));
  await until(() => {
    if (child.exitCode !== null) throw new Error(`the runner ended: ${text}`);
    return isReady(text);
  }, 'the start of the runner');
  return {
    child,
    workers: () => {
      const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
      return pids.filter((pid) => pid !== '').map(Number);
    },
    log: () => text,
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}
