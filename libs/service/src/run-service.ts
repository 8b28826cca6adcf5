/** Starts an app that lives on the bus: connection, streams, handlers, health, and an orderly end. */
import 'reflect-metadata';
import { Module, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { Jets } from './jetstream.js';
import { createLogger, nestLogger } from './logger.js';
import { ServiceModule, type Lent } from './module.js';
import { connectNats, natsOptions } from './nats.js';
import { Ops } from './ops.js';
import { ReplyFilter } from './serves.js';
import { serviceSettings } from './settings.js';

/** Connects what every app needs. `name` is the queue group and the first word of the subjects it serves. */
export async function lend(name: string): Promise<Lent> {
  const settings = serviceSettings();
  const logger = createLogger(name, settings.logLevel);
  const nats = await connectNats(settings.natsUrl, name);
  const ops = new Ops(name);
  ops.check('bus', async () => void (await nats.rtt()));
  ReplyFilter.logger = logger;
  return { nats, jets: await Jets.open(nats), logger, ops, settings };
}

/** Runs until SIGTERM or SIGINT; then modules' `onModuleDestroy` and `onApplicationShutdown` run, and the process ends. */
export async function runService(name: string, root: Type): Promise<INestMicroservice> {
  const lent = await lend(name);
  @Module({ imports: [ServiceModule.with(lent), root] })
  class App {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(App, {
    transport: Transport.NATS,
    options: {
      ...natsOptions(lent.settings.natsUrl, `${name} handlers`),
      queue: name,
      gracefulShutdown: true,
      gracePeriod: 200,
    },
    logger: nestLogger(lent.logger),
    abortOnError: false,
  });
  await serving(app);
  const http = await lent.ops.listen(lent.settings.httpHost, lent.settings.httpPort);
  lent.logger.info({ port: http.port }, `${name} is up`);
  onStopSignal(async () => {
    await app.close();
    await http.close();
    await lent.nats.close();
  }, lent);
  return app;
}

/** Serves from here on: when this returns, the bus itself knows every subject, so that a caller finds a responder. */
export async function serving(app: INestMicroservice): Promise<void> {
  await app.listen();
  await app.unwrap<NatsConnection>().flush();
}

/** Runs `stop` once, on the first of SIGTERM and SIGINT, and ends the process. */
export function onStopSignal(stop: () => Promise<void>, { logger }: Pick<Lent, 'logger'>): void {
  let stopping = false;
  const handle = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'stopping');
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}

/** For an app's main.ts: a start that fails says why in one line (with its stack at LOG_LEVEL debug) and ends with code 1. */
export function main(start: () => Promise<unknown>): void {
  start().catch((error: unknown) => {
    const verbose = ['debug', 'trace'].includes(process.env['LOG_LEVEL'] ?? '');
    const text = error instanceof Error ? (verbose && error.stack) || error.message : String(error);
    process.stderr.write(`${text}\n`);
    process.exit(1);
  });
}
