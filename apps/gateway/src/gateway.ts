/** Puts the gateway together: server, gate, dialects, documents. Listens to nothing yet. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { nestLogger, type Logger, type Ops } from '@sluice/service';
import { Authenticator } from './auth/authenticator.js';
import { Gatekeeper } from './auth/gatekeeper.js';
import { tokenVerifier } from './auth/jwt.js';
import { roleTable } from './auth/role-table.js';
import { BackingModule } from './backing.js';
import type { Bus, EventLog } from './bus.js';
import { dialectOf, type Dialect } from './http/dialect.js';
import { describeApi, serveDocs } from './http/docs.js';
import { ErrorFilter, type RenderError } from './http/error-filter.js';
import { observe, serveOps } from './http/observe.js';
import { BodyPipe } from './http/read-body.js';
import { RouteBook } from './http/route-book.js';
import { createServer, prepareServer } from './http/server.js';
import { ingestion } from './ingestion/dialect.js';
import { IngestionModule } from './ingestion/ingestion-module.js';
import { platform } from './platform/dialect.js';
import { PlatformModule } from './platform/platform-module.js';
import type { GatewaySettings } from './settings.js';

/** What the gateway stands on. */
export interface Backing {
  readonly bus: Bus;
  readonly events: EventLog;
  readonly ops: Ops;
  readonly logger: Logger;
}
export interface Gateway {
  readonly app: NestFastifyApplication;
  readonly document: OpenAPIObject;
  readonly routes: RouteBook;
}

/** A further dialect is one line here and one in `imports` below. */
const dialects: readonly Dialect[] = [ingestion, platform];

export async function createGateway(backing: Backing, settings: Omit<GatewaySettings, 'port'>): Promise<Gateway> {
  const { logger, ops, bus } = backing;
  const routes = new RouteBook();
  const render: RenderError = (failure, path) => dialectOf(dialects, platform, path).renderError(failure, path);
  const filter = new ErrorFilter(render, routes, logger);
  const limits = { body: settings.bodyLimit };
  const gate = new Gatekeeper(new Authenticator(bus, tokenVerifier(settings.auth)), roleTable);
  const server = createServer(limits, filter, render);
  await prepareServer(server, limits, gate, routes);
  observe(server, ops, logger);
  serveOps(server, ops);

  @Module({ imports: [BackingModule.with(backing), IngestionModule, PlatformModule] })
  class GatewayModule {}
  const app = await NestFactory.create<NestFastifyApplication>(GatewayModule, new FastifyAdapter(server), {
    bodyParser: false,
    logger: nestLogger(logger),
    abortOnError: false,
  });
  app.useGlobalFilters(filter);
  app.useGlobalPipes(new BodyPipe());
  const document = describeApi(app);
  serveDocs(app, document);
  await app.init();
  return { app, document, routes };
}

/** Listens, and gives the address. Not through Nest, which would log a taken port before the caller can say it well. */
export const listen = ({ app }: Gateway, host: string, port: number): Promise<string> =>
  app.getHttpAdapter().getInstance().listen({ host, port });
