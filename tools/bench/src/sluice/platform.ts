/** The platform as a user starts it, with a data directory and a port of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { localTool, workspace, type Say } from '../local-tools.js';
import type { WorkFolder } from '../servers/work-folder.js';

/** The keys of local.json that the benchmark needs. */
export interface Local {
  readonly url: string;
  readonly tenantId: string;
  readonly token: string;
}
export interface Platform {
  readonly local: Local;
  /** Of `start.mjs`: every process of the platform is below it. */
  readonly pid: number;
  stop(): Promise<void>;
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
    (response) => response.ok,
    () => false,
  );

const readLocal = (file: string): Local | undefined => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Local;
  } catch {
    return undefined; // not written yet
  }
};

/** A first start fetches and builds what is missing, so that it may take minutes. */
const untilReady = async (child: ChildProcess, file: string, logFile: string): Promise<Local> => {
  for (const end = Date.now() + 600_000; ; await sleep(200)) {
    const local = readLocal(file);
    if (local && (await isReady(local.url))) return local;
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > end) {
      const { tailOf } = await localTool('log-files.mjs');
      throw new Error(`the platform did not start (log: ${logFile}):\n${tailOf(logFile)}`);
    }
  }
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
};

/** What the workspace's platform has fetched (nats-server) is not fetched again. */
const shareFetched = async (dataDir: string): Promise<void> => {
  const { binDirectory } = await localTool('paths.mjs');
  mkdirSync(binDirectory(), { recursive: true, mode: 0o755 });
  if (!existsSync(join(dataDir, 'bin'))) symlinkSync(binDirectory(), join(dataDir, 'bin'));
};

export const startPlatform = async (work: WorkFolder, say: Say): Promise<Platform> => {
  say('starting Sluice');
  const { freePort } = await localTool('ports.mjs');
  const dataDir = work.folder('platform');
  await shareFetched(dataDir);
  const localFile = join(dataDir, 'local.json');
  rmSync(localFile, { force: true });
  const logFile = join(work.folder('logs'), 'platform.log');
  const log = openSync(logFile, 'w', 0o600); // holds the token
  const env = { ...process.env, SLUICE_DATA_DIR: dataDir, SLUICE_PORT: String(await freePort()) };
  const script = join(workspace, 'tools/local/start.mjs');
  const child = spawn(process.execPath, [script], { cwd: workspace, env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  try {
    const local = await untilReady(child, localFile, logFile);
    return { local, pid: child.pid ?? -1, stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
};
