/** What `runService` lends every module of an app, to be injected by class. */
import { Module, type DynamicModule } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { Jets } from './jetstream.js';
import type { Logger } from './logger.js';
import { Ops } from './ops.js';
import { RpcClient } from './rpc-client.js';
import type { ServiceSettings } from './settings.js';

/** Injection tokens for what has no class of its own. */
export const NATS = Symbol('nats connection');
export const LOGGER = Symbol('logger');
export const SETTINGS = Symbol('service settings');

export interface Lent {
  readonly nats: NatsConnection;
  readonly jets: Jets;
  readonly logger: Logger;
  readonly ops: Ops;
  readonly settings: ServiceSettings;
}

@Module({})
export class ServiceModule {
  static with(lent: Lent): DynamicModule {
    const providers = [
      { provide: NATS, useValue: lent.nats },
      { provide: Jets, useValue: lent.jets },
      { provide: LOGGER, useValue: lent.logger },
      { provide: Ops, useValue: lent.ops },
      { provide: SETTINGS, useValue: lent.settings },
      { provide: RpcClient, useValue: new RpcClient(lent.nats) },
    ];
    return { module: ServiceModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}
