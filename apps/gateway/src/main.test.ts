/** The built program as a process: how it starts, refuses to start, and stops. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsUrl, secret } from '../test/harness.js';

const dist = (name: string): string => join(__dirname, '../dist', name);
const program = dist('main.js');

interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly exit: Promise<number | null>;
}
function run(file: string, args: readonly string[], env: Record<string, string>): Run {
  if (!existsSync(file)) throw new Error(`${file} is missing: build the gateway first`);
  const child = spawn(process.execPath, [file, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, out: () => out, err: () => err, exit };
}
const env = (more: Record<string, string> = {}): Record<string, string> => ({
  SLUICE_NATS_URL: natsUrl(),
  SLUICE_JWT_SECRET: secret,
  SLUICE_PORT: '0',
  ...more,
});

test('starts, serves, and ends with 0 on SIGTERM', async () => {
  const { child, out, exit } = run(program, [], env());
  try {
    while (!/"url":"(http:[^"]+)"/.test(out())) await new Promise((resolve) => setTimeout(resolve, 50));
    const url = /"url":"(http:[^"]+)"/.exec(out())?.[1] ?? '';
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/sources`)).status).toBe(401);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exit).toBe(0);
});

test('a taken port is one clear line and exit code 1', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const port = String((other.address() as AddressInfo).port);
  const { out, err, exit } = run(program, [], env({ SLUICE_PORT: port }));
  expect(await exit).toBe(1);
  expect(out()).toBe('');
  expect(err()).toBe(
    `gateway: 127.0.0.1:${port} is in use by another program; choose another with SLUICE_PORT or SLUICE_HTTP_HOST\n`,
  );
  other.close();
});

test('no start without a secret', async () => {
  const { err, exit } = run(program, [], env({ SLUICE_JWT_SECRET: '' }));
  expect(await exit).toBe(1);
  expect(err()).toContain('SLUICE_JWT_SECRET is not set, nor is SLUICE_JWKS_URL');
});

test('documents are written, and drift is found', async () => {
  const snapshot = join(__dirname, '../../../docs/openapi.json');
  const same = run(dist('openapi.js'), ['--check', snapshot], {});
  expect([await same.exit, same.err()]).toEqual([0, '']);
  const drift = run(dist('openapi.js'), ['--check', join(__dirname, '../package.json')], {});
  expect(await drift.exit).toBe(1);
  expect(drift.err()).toContain('is not what the code says');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-openapi-'));
  const written = join(folder, 'openapi.json');
  expect(await run(dist('openapi.js'), ['--write', written], {}).exit).toBe(0);
  expect(readFileSync(written, 'utf8')).toBe(readFileSync(snapshot, 'utf8'));
  rmSync(folder, { recursive: true });
});
