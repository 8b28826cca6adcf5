/** Wires the catalog into a Nest app: opens it before the first request, closes it after the last. */
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Jets, LOGGER, NATS, Ops, RpcClient, type Logger } from '@sluice/service';
import type { NatsConnection } from '@nats-io/transport-node';
import { openCatalog, type Catalog } from './catalog.js';
import { installedConnectors } from './connectors/installed-connectors.js';
import { Database } from './database/database.js';
import { CATALOG, EndpointHandlers, KeyHandlers, PipelineHandlers, RunHandlers } from './handlers.js';
import { bootstrap } from './keys/bootstrap.js';
import { showMetrics } from './metrics.js';
import { missingKeys, rewrapSecrets } from './secrets/secret-store.js';
import { catalogSettings } from './settings.js';

async function startCatalog(
  nats: NatsConnection,
  jets: Jets,
  rpc: RpcClient,
  ops: Ops,
  logger: Logger,
): Promise<Catalog> {
  const settings = catalogSettings();
  const { keyRing } = settings;
  const db = await Database.open(settings.url, settings.pool);
  const missing = await missingKeys(db.manager, keyRing);
  if (missing.length > 0) throw new Error(`SLUICE_KEYRING lacks ${missing.join(', ')}, which stored secrets need`);
  const rewrapped = await rewrapSecrets(db, keyRing);
  if (rewrapped > 0) logger.info({ rewrapped }, 'secrets were wrapped with the current key');
  if (settings.bootstrapFile !== undefined) await bootstrap(db, settings.bootstrapFile);
  const connectors = installedConnectors(settings.pluginRoots, (sentence) => logger.error(sentence));
  // Behind the start, which needs no plugin: whoever installed one is told at once that it cannot be used.
  connectors.list().catch((error: unknown) => logger.error({ err: error }, 'the plugins could not be listed'));
  const repair = async (): Promise<void> => void (await Jets.open(nats));
  const publish = (subject: string): void => nats.publish(subject);
  const catalog = openCatalog({ ...settings, db, connectors, rpc, jets, repair, publish, logger });
  // Open means migrated: no request is served by an older schema.
  ops.check('database', async () => void (await db.run((em) => em.query('SELECT 1 FROM tenant LIMIT 1'))));
  showMetrics(ops, db);
  catalog.start();
  return catalog;
}

@Module({
  controllers: [EndpointHandlers, PipelineHandlers, RunHandlers, KeyHandlers],
  providers: [{ provide: CATALOG, useFactory: startCatalog, inject: [NATS, Jets, RpcClient, Ops, LOGGER] }],
})
export class CatalogModule implements OnApplicationShutdown {
  constructor(@Inject(CATALOG) private readonly catalog: Catalog) {}
  async onApplicationShutdown(): Promise<void> {
    await this.catalog[Symbol.asyncDispose]();
  }
}
