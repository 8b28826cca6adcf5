/** A runner as it runs for real, but from sources and inside the test's process; its workers are processes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import { Transport } from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import { Jets, Ops, ServiceModule, connectNats, createLogger, natsOptions, serving } from '@sluice/service';
import { RUNNER_SETTINGS, RunnerModule, WORKER_SCRIPT } from '../src/runner.module.js';
import { runnerSettings, type RunnerSettings } from '../src/runner-settings.js';
import { FakeCatalog } from './fake-catalog.js';
import { startNats } from './nats-server.js';

export const workerScript = {
  entry: join(__dirname, '../src/worker.ts'),
  execArgv: ['--conditions=@sluice/source', '--require', join(__dirname, 'typescript-hook.cjs')],
};
export const pluginRoots = [join(__dirname, 'plugins')];

export interface TestRunner {
  readonly app: INestMicroservice;
  readonly ops: Ops;
  stop(): Promise<void>;
}
export interface Harness {
  readonly url: string;
  readonly catalog: FakeCatalog;
  readonly folder: string;
  runner(settings?: Partial<RunnerSettings>): Promise<TestRunner>;
  /** The rows of a table in the test's folder; undefined when there is no such table. */
  table(name: string): number[] | undefined;
  close(): Promise<void>;
}

export async function openHarness(): Promise<Harness> {
  const server = await startNats();
  const nats = await connectNats(server.url, 'fake catalog');
  const catalog = new FakeCatalog(nats, await Jets.open(nats));
  await nats.flush(); // the bus knows its subjects before a runner asks on a connection of its own
  const folder = mkdtempSync(join(tmpdir(), 'sluice-runner-'));
  const running = new Set<TestRunner>();
  return {
    url: server.url,
    catalog,
    folder,
    runner: async (settings) => {
      const runner = await startRunner(server.url, settings);
      running.add(runner);
      return { ...runner, stop: () => (running.delete(runner), runner.stop()) };
    },
    table: (name) => {
      try {
        return JSON.parse(readFileSync(join(folder, name), 'utf8')) as number[];
      } catch {
        return undefined;
      }
    },
    close: async () => {
      for (const runner of running) await runner.stop();
      await catalog[Symbol.asyncDispose]();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startRunner(url: string, settings: Partial<RunnerSettings> = {}): Promise<TestRunner> {
  const nats = await connectNats(url, 'runner');
  const ops = new Ops('runner');
  const level = process.env['LOG_LEVEL'] ?? 'silent';
  const lent = {
    nats,
    ops,
    jets: await Jets.open(nats),
    logger: createLogger('runner', level),
    settings: { natsUrl: url, httpHost: '127.0.0.1', httpPort: 0, logLevel: level },
  };
  const quick = { pluginRoots, heartbeat: 0.2, cancelGrace: 5, releaseGrace: 5 };
  const module = await Test.createTestingModule({ imports: [ServiceModule.with(lent), RunnerModule] })
    .overrideProvider(RUNNER_SETTINGS)
    .useValue({ ...runnerSettings({}), ...quick, ...settings })
    .overrideProvider(WORKER_SCRIPT)
    .useValue(workerScript)
    .compile();
  const app = module.createNestMicroservice({
    transport: Transport.NATS,
    options: { ...natsOptions(url, 'runner handlers'), queue: 'runner' },
    logger: false,
  });
  await serving(app);
  const stop = async (): Promise<void> => {
    await app.close();
    await nats.close();
  };
  return { app, ops, stop };
}

/** Waits until `see` answers something. */
export async function until<T>(
  see: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  ms = 20_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const seen = await see();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`${what} did not come to pass in ${ms} ms`);
    await sleep(10);
  }
}
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
