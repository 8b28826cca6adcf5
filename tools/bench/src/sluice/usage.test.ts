import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMeter } from './usage.js';

/** A stand-in for the platform: a process whose child is the runner, whose child is a worker that holds memory and works. */
let folder: string;
let platform: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bench-usage-'));
  mkdirSync(join(folder, 'apps/runner/dist'), { recursive: true });
  const node = (file: string): string =>
    `require('node:child_process').spawn(process.execPath, [${JSON.stringify(join(folder, file))}], { stdio: 'inherit' });`;
  writeFileSync(join(folder, 'start.js'), node('apps/runner/dist/main.js'));
  writeFileSync(
    join(folder, 'apps/runner/dist/main.js'),
    `${node('worker.js')} globalThis.own = Buffer.alloc(300e6, 1);`,
  );
  writeFileSync(
    join(folder, 'worker.js'),
    `setTimeout(() => { globalThis.kept = Buffer.alloc(150e6, 1); for (const end = Date.now() + 300; Date.now() < end; ); console.log('worked'); }, 700);
     setInterval(() => {}, 1000); console.log('up');`,
  );
  platform = spawn(process.execPath, [join(folder, 'start.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  await said('up');
});
afterAll(() => {
  if (platform.pid !== undefined) process.kill(-platform.pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const said = (word: string): Promise<void> =>
  new Promise((done) => platform.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes(word) && done()));

test('CPU is of the whole tree, memory of the largest worker, not of the runner', async () => {
  const worked = said('worked');
  const meter = startMeter(platform.pid ?? -1);
  await worked;
  const { wallSeconds, clientCpuSeconds, machineCpuSeconds, peakRssBytes } = meter.read(1.5);
  meter.stop();
  expect(wallSeconds).toBe(1.5);
  expect(clientCpuSeconds).toBeGreaterThan(0.2);
  expect(machineCpuSeconds).toBeGreaterThan(0.2);
  expect(peakRssBytes).toBeGreaterThan(150e6);
  expect(peakRssBytes).toBeLessThan(290e6);
});
