/** Starts the platform as `npm start` does, in a data directory and on a port of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Local {
  readonly url: string;
  readonly tenantId: string;
  readonly token: string;
  readonly apiKey: string;
  readonly postgres: { host: string; port: number; user: string; password: string; database: string };
}
export interface Platform {
  readonly local: Local;
  readonly dataDir: string;
  readonly process: ChildProcess;
  stop(): Promise<number | null>;
}
export const root = resolve(__dirname, '../../..');

export async function startPlatform(env: Record<string, string> = {}): Promise<Platform> {
  const dataDir = env['SLUICE_DATA_DIR'] ?? mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
  const port = String(await freePort());
  const child = spawn(process.execPath, [join(root, 'tools/local/start.mjs')], {
    cwd: root,
    env: { ...process.env, SLUICE_DATA_DIR: dataDir, SLUICE_PORT: port, CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  for (let waited = 0; !(await isReady(url)); waited += 250) {
    if (child.exitCode !== null || waited > 120_000) throw new Error(`the platform did not start:\n${output}`);
    await new Promise((next) => setTimeout(next, 250));
  }
  while (!output.includes('token')) await new Promise((next) => setTimeout(next, 50));
  const local = JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8')) as Local;
  return { local, dataDir, process: child, stop: () => stop(child, env['SLUICE_DATA_DIR'] ? undefined : dataDir) };
}

async function stop(child: ChildProcess, dataDir: string | undefined): Promise<number | null> {
  const exited = new Promise<number | null>((done) =>
    child.exitCode === null ? child.once('exit', done) : done(child.exitCode),
  );
  child.kill('SIGTERM');
  const code = await exited;
  if (dataDir) rmSync(dataDir, { recursive: true, force: true });
  return code;
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`).then(
    (r) => r.ok,
    () => false,
  );

export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
