/** Wires the runner: the queue takes runs, the desk works on them in workers of the pool, and probes use the same pool. */
import { extname, join } from 'node:path';
import {
  Controller,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Answer, Request } from '@sluice/messages';
import { Jets, LOGGER, NATS, Ops, RpcClient, Serves, type Logger } from '@sluice/service';
import { ProbeDesk } from './probe-desk.js';
import { RunDesk } from './run-desk.js';
import { RunQueue } from './run-queue.js';
import { runnerMetrics } from './runner-metrics.js';
import { runnerSettings, type RunnerSettings } from './runner-settings.js';
import { WorkerPool } from './worker-pool.js';
import type { WorkerOptions } from './worker-process.js';

export const RUNNER_SETTINGS = Symbol('runner settings');
/** How a worker process is started; tests start it from sources. */
export const WORKER_SCRIPT = Symbol('worker script');
type WorkerScript = Pick<WorkerOptions, 'entry' | 'execArgv'>;

@Injectable()
export class Runner implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #pool: WorkerPool;
  readonly #desk: RunDesk;
  readonly probes: ProbeDesk;
  #queue: RunQueue | undefined;

  constructor(
    @Inject(RUNNER_SETTINGS) private readonly settings: RunnerSettings,
    @Inject(WORKER_SCRIPT) script: WorkerScript,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(NATS) nats: NatsConnection,
    private readonly jets: Jets,
    rpc: RpcClient,
    ops: Ops,
  ) {
    const { pluginRoots, outbound, workerMemory: memory, workerSilence: silence, warmWorkers: warm } = settings;
    this.#pool = new WorkerPool({ ...script, pluginRoots, outbound, memory, silence, warm, logger });
    const metrics = runnerMetrics(ops, this.#pool);
    this.#desk = new RunDesk({ rpc, nats, jets, pool: this.#pool, metrics, logger, settings });
    this.probes = new ProbeDesk({ rpc, pool: this.#pool, logger });
    ops.check('workers', async () => this.#pool.requireWarm());
  }

  onApplicationBootstrap(): void {
    const { slots, connectors } = this.settings;
    const claim = this.#desk.claim.bind(this.#desk);
    this.#queue = new RunQueue({ jets: this.jets.client, slots, connectors, logger: this.logger, claim });
  }

  /** Takes no more, hands back what runs, ends the workers: in this order. */
  async onModuleDestroy(): Promise<void> {
    await this.#queue?.[Symbol.asyncDispose]();
    await this.#desk[Symbol.asyncDispose]();
    await this.#pool[Symbol.asyncDispose]();
  }
}

@Controller()
export class ProbesController {
  constructor(private readonly runner: Runner) {}

  @Serves('runner.probes.check')
  check(@Payload() { ticket }: Request<'runner.probes.check'>): Promise<Answer<'runner.probes.check'>> {
    return this.runner.probes.check(ticket);
  }
  @Serves('runner.probes.drop')
  drop(@Payload() { ticket, lanes }: Request<'runner.probes.drop'>): Promise<Answer<'runner.probes.drop'>> {
    return this.runner.probes.drop(ticket, lanes);
  }
  @Serves('runner.probes.discover')
  discover(@Payload() { ticket }: Request<'runner.probes.discover'>): Promise<Answer<'runner.probes.discover'>> {
    return this.runner.probes.discover(ticket);
  }
}

/** Beside this file, run as this process is run; but a debugger's port can be had only once. */
const ownWorkerScript = (): WorkerScript => ({
  entry: join(__dirname, `worker${extname(__filename)}`),
  execArgv: process.execArgv.filter((flag) => !flag.startsWith('--inspect')),
});

@Module({
  controllers: [ProbesController],
  providers: [
    Runner,
    { provide: RUNNER_SETTINGS, useFactory: () => runnerSettings() },
    { provide: WORKER_SCRIPT, useFactory: ownWorkerScript },
  ],
})
export class RunnerModule {}
