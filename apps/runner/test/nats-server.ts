/**
 * A bus for one test file. `RUNS` is a work queue that one group of consumers owns, and the fake catalog answers the real
 * subjects: on the bus that all tests share, it would answer others' questions.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestNats {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startNats(): Promise<TestNats> {
  const binary = process.env['SLUICE_NATS_SERVER'];
  if (!binary) throw new Error('SLUICE_NATS_SERVER is not set: run this through `npm test`');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-runner-nats-'));
  const options = ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', folder, '--ports_file_dir', folder];
  const server = spawn(binary, options, { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const ports = join(folder, `nats-server_${server.pid}.ports`);
  for (let tries = 0; ; tries++) {
    try {
      const [url] = (JSON.parse(readFileSync(ports, 'utf8')) as { nats: string[] }).nats;
      return {
        url: url!,
        stop: async () => {
          server.kill('SIGKILL');
          await exited;
          rmSync(folder, { recursive: true, force: true });
        },
      };
    } catch (cause) {
      if (tries > 1200) throw new Error(`${binary} did not start`, { cause });
      await sleep(25);
    }
  }
}
