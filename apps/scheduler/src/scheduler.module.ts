/** Wires the scheduler into a Nest app. Every instance serves triggers; only the leader acts on its own. */
import { Controller, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Answer, Request } from '@sluice/messages';
import { Jets, LOGGER, NATS, Ops, RpcClient, Serves, type Logger } from '@sluice/service';
import { Counter, Gauge } from 'prom-client';
import { startScheduler, type Scheduler } from './scheduler.js';
import { schedulerSettings } from './settings.js';

@Controller()
export class TriggerHandlers {
  constructor(@Inject(RpcClient) private readonly rpc: Pick<RpcClient, 'call'>) {}

  @Serves('scheduler.runs.trigger')
  trigger({ tenantId, id, actor }: Request<'scheduler.runs.trigger'>): Promise<Answer<'scheduler.runs.trigger'>> {
    return this.rpc.call('catalog.runs.create', { tenantId, pipelineId: id, actor, trigger: 'manual' });
  }
}

const SCHEDULER = Symbol('scheduler');

async function start(nats: NatsConnection, jets: Jets, rpc: RpcClient, ops: Ops, logger: Logger): Promise<Scheduler> {
  const settings = schedulerSettings();
  const counter = new Counter({
    name: 'sluice_scheduler_runs_total',
    help: 'Scheduled runs started and skipped, and attempts repeated.',
    labelNames: ['what'],
    registers: [ops.metrics],
  });
  const scheduler = startScheduler({
    rpc,
    logger,
    settings,
    bucket: await jets.bucket('LEASES', settings.leaderTtl),
    listen(subject, heard) {
      const subscription = nats.subscribe(subject, { callback: () => heard() });
      return () => subscription.unsubscribe();
    },
    counted: (what) => counter.inc({ what }),
  });
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [ops.metrics],
      collect() {
        this.set(value());
      },
    });
  gauge('sluice_scheduler_leads', '1 for the scheduler that acts.', () => Number(scheduler.leads));
  gauge('sluice_scheduler_schedules', 'Schedules that the leader watches.', () => scheduler.schedules);
  return scheduler;
}

@Module({
  controllers: [TriggerHandlers],
  providers: [{ provide: SCHEDULER, useFactory: start, inject: [NATS, Jets, RpcClient, Ops, LOGGER] }],
})
export class SchedulerModule implements OnApplicationShutdown {
  constructor(@Inject(SCHEDULER) private readonly scheduler: Scheduler) {}
  async onApplicationShutdown(): Promise<void> {
    await this.scheduler[Symbol.asyncDispose]();
  }
}
