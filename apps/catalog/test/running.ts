/** A catalog that answers over a real bus and keeps its data in a real database, and a runner that the test plays. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ReplyFilter,
  createLogger,
  failureOf,
  Jets,
  RpcClient,
  connectNats,
  natsOptions,
  serving,
} from '@sluice/service';
import { newKeyPair, type Answer, type Finding, type Opening, type Request, type Stream } from '@sluice/messages';
import { openCatalog, type Catalog } from '../src/catalog.js';
import type { DropPolicy } from '../src/drops/drops.js';
import { Database } from '../src/database/database.js';
import { CATALOG, EndpointHandlers, KeyHandlers, PipelineHandlers, RunHandlers } from '../src/handlers.js';
import { parseKeyRing } from '../src/secrets/key-ring.js';
import { fakeConnectors } from './fake-connectors.js';

export const ring = (...ids: string[]): ReturnType<typeof parseKeyRing> =>
  parseKeyRing(
    JSON.stringify({
      current: ids[0],
      keys: Object.fromEntries(ids.map((id) => [id, Buffer.alloc(32, id).toString('base64')])),
    }),
  );

export interface Running extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly rpc: RpcClient;
  readonly nats: NatsConnection;
  readonly jets: Jets;
}
export interface RunningOptions {
  readonly resendAfter?: number;
  readonly sweepEvery?: number;
  readonly dropPolicy?: DropPolicy;
}

// A bug's trace reaches no caller: without this a test that meets one could not say what it was.
ReplyFilter.logger = createLogger('test catalog', 'error');

export async function runningCatalog(
  databaseUrl: string,
  natsUrl: string,
  { resendAfter = 60_000, sweepEvery = 200, dropPolicy }: RunningOptions = {},
): Promise<Running> {
  const nats = await connectNats(natsUrl, 'test catalog');
  const jets = await Jets.open(nats);
  const rpc = new RpcClient(nats);
  const catalog = openCatalog({
    db: await Database.open(databaseUrl, 8),
    connectors: fakeConnectors,
    keyRing: ring('k1'),
    rpc,
    jets,
    repair: async () => void (await Jets.open(nats)),
    publish: (subject) => nats.publish(subject),
    logger: { warn: () => undefined, error: () => undefined },
    sweepEvery,
    resendAfter,
    ...(dropPolicy && { dropPolicy }),
  });
  @Module({
    controllers: [EndpointHandlers, PipelineHandlers, RunHandlers, KeyHandlers],
    providers: [{ provide: CATALOG, useValue: catalog }],
  })
  class App {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(App, {
    transport: Transport.NATS,
    options: { ...natsOptions(natsUrl, 'test handlers'), queue: 'catalog' },
    logger: false,
  });
  await serving(app);
  catalog.start();
  return {
    catalog,
    rpc,
    nats,
    jets,
    async [Symbol.asyncDispose]() {
      await app.close();
      await catalog[Symbol.asyncDispose]();
      await nats.close();
    },
  };
}

export interface FakeRunner {
  /** What the next checks find, or how they fail. */
  findings: readonly Finding[] | Error;
  streams: readonly Stream[] | Error;
  /** How drops fail; undefined: they succeed. */
  dropping: Error | undefined;
  /** Lanes that it was told to drop. */
  readonly dropped: string[];
  /** The endpoints it opened, secrets included. */
  readonly opened: { opening: Opening; secrets: unknown }[];
  stop(): void;
}

/** Serves `runner.probes.*` as a runner does: redeems the ticket, opens, answers. */
export function fakeRunner({ nats, rpc }: Pick<Running, 'nats' | 'rpc'>): FakeRunner {
  const runner: FakeRunner = {
    findings: [],
    streams: [],
    opened: [],
    dropping: undefined,
    dropped: [],
    stop: () => subscriptions.forEach((s) => s.unsubscribe()),
  };
  const redeem = async (ticket: string): Promise<void> => {
    const keys = newKeyPair(ticket);
    const { opening } = await rpc.call('catalog.probes.redeem', { ticket, publicKey: keys.publicKey });
    runner.opened.push({ opening, secrets: keys.open(opening.secrets) });
  };
  const serve = <S extends 'runner.probes.check' | 'runner.probes.discover' | 'runner.probes.drop'>(
    subject: S,
    answer: (request: Request<S>) => Promise<Answer<S>>,
  ) =>
    nats.subscribe(subject, {
      queue: 'runner',
      callback: (_error, message) => {
        const { data, id } = message.json<{ data: Request<S>; id: string }>();
        void answer(data)
          .then(
            (value) => ({ ok: true, value }),
            (error: unknown) => ({ ok: false, failure: failureOf(error) }),
          )
          .then((response) => message.respond(JSON.stringify({ id, response, isDisposed: true })));
      },
    });
  const subscriptions = [
    serve('runner.probes.check', async ({ ticket }) => {
      await redeem(ticket);
      if (runner.findings instanceof Error) throw runner.findings;
      return runner.findings;
    }),
    serve('runner.probes.drop', async ({ ticket, lanes }) => {
      await redeem(ticket);
      if (runner.dropping) throw runner.dropping;
      runner.dropped.push(...lanes);
      return [];
    }),
    serve('runner.probes.discover', async ({ ticket }) => {
      await redeem(ticket);
      const { streams } = runner;
      if (streams instanceof Error) throw streams;
      for (let at = 0; at < streams.length; at += 100)
        await rpc.call('catalog.probes.streams', { ticket, streams: streams.slice(at, at + 100) });
      return { count: streams.length };
    }),
  ];
  return runner;
}

/** The failure of a call that is to fail. */
export const failing = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => ({ answered: value }),
    (error: { failure?: unknown }) => error.failure ?? error,
  );

export async function eventually<T>(look: () => Promise<T>, good: (value: T) => boolean, within = 5000): Promise<T> {
  const end = Date.now() + within;
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`not within ${within} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
