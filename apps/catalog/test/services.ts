/** Real servers for the tests: a database of its own per caller, and a broker of its own that can be stopped and started. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

const server = process.env['SLUICE_TEST_POSTGRES_URL'];
if (!server) throw new Error('SLUICE_TEST_POSTGRES_URL is not set: run this through `npm test`');

export interface TestDatabase {
  readonly url: string;
  query<T>(sql: string, parameters?: unknown[]): Promise<T[]>;
  drop(): Promise<void>;
}

export async function testDatabase(): Promise<TestDatabase> {
  const name = `wcat_${randomBytes(6).toString('hex')}`;
  const url = new URL(server!);
  await onServer(`CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  const client = new Client(url.href);
  await client.connect();
  return {
    url: url.href,
    query: async <T>(sql: string, parameters: unknown[] = []) => (await client.query(sql, parameters)).rows as T[],
    drop: async () => {
      await client.end();
      await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}
async function onServer(sql: string): Promise<void> {
  const client = new Client(server);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

/** Subjects, streams and consumers have fixed names, so that tests which share a broker would take each other's messages. */
export interface TestBroker {
  readonly url: string;
  stop(): Promise<void>;
  /** With its data, or with none: `wipe` stands for a lost disk. */
  start(wipe?: boolean): Promise<void>;
  close(): Promise<void>;
}

export async function testBroker(): Promise<TestBroker> {
  const binary = process.env['SLUICE_NATS_SERVER'] ?? 'nats-server';
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore' });
  } catch {
    throw new Error('nats-server was not found: set SLUICE_NATS_SERVER, or run this through `npm test`');
  }
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'wcat-nats-'));
  let child: ChildProcess | undefined;
  const broker: TestBroker = {
    url: `nats://127.0.0.1:${port}`,
    async start(wipe = false) {
      if (wipe) rmSync(data, { recursive: true, force: true });
      child = spawn(binary, ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', data], { stdio: 'ignore' });
      await listening(port);
    },
    async stop() {
      const dying = child;
      child = undefined;
      if (!dying || dying.exitCode !== null) return;
      await new Promise((resolve) => dying.once('exit', resolve).kill('SIGKILL'));
    },
    async close() {
      await broker.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
  await broker.start();
  return broker;
}

/** Below what the system lends to outgoing connections: the broker comes back on its port after a stop. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(17_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() !== undefined));
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('nats-server did not start');
}
