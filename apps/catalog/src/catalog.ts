/** The catalog put together: every service over one database, and what runs beside requests. */
import type { Jets, Logger, RpcClient } from '@sluice/service';
import type { Connectors } from './connectors/connectors.js';
import type { Database } from './database/database.js';
import { endpointService, type Endpoints } from './endpoints/endpoint-service.js';
import { keyService, type Keys } from './keys/key-service.js';
import { pipelineService, type Pipelines } from './pipelines/pipeline-service.js';
import { probeService, type Probes } from './probes/probe-service.js';
import { Drops, type DropPolicy } from './drops/drops.js';
import { Outbox } from './runs/outbox.js';
import { Projection } from './runs/projection.js';
import { runService, type Runs } from './runs/run-service.js';
import type { KeyRing } from './secrets/key-ring.js';

export interface CatalogDeps {
  readonly db: Database;
  readonly connectors: Connectors;
  readonly keyRing: KeyRing;
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly jets: Pick<Jets, 'client'>;
  /** Makes missing JetStream streams anew. */
  repair(): Promise<void>;
  /** Core NATS, best effort. */
  publish(subject: string): void;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly sweepEvery: number;
  readonly resendAfter: number;
  /** How often what deleted pipelines left behind is tried to be removed. */
  readonly dropPolicy?: DropPolicy;
}
export interface Catalog extends AsyncDisposable {
  readonly db: Database;
  readonly connectors: Connectors;
  readonly endpoints: Endpoints;
  readonly probes: Probes;
  readonly pipelines: Pipelines;
  readonly runs: Runs;
  readonly keys: Keys;
  readonly outbox: Outbox;
  /** Begins to publish what is due and to store what runs say. */
  start(): void;
}

/** Owns the database from here on: it is closed with the catalog. */
export function openCatalog(deps: CatalogDeps): Catalog {
  const { db, connectors } = deps;
  const outbox = new Outbox(deps);
  const projection = new Projection({ ...deps, client: deps.jets.client });
  const drops = new Drops(deps);
  const probes = probeService(deps);
  const keys = keyService(db);
  const janitor = setInterval(() => void tidy(db), 60_000).unref();
  return {
    db,
    connectors,
    endpoints: endpointService(deps),
    probes,
    pipelines: pipelineService({ ...deps, probes, drops }),
    runs: runService({ ...deps, outbox }),
    keys,
    outbox,
    start() {
      outbox.start();
      projection.start();
      drops.start();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(janitor);
      await drops[Symbol.asyncDispose]();
      await projection[Symbol.asyncDispose]();
      await outbox[Symbol.asyncDispose]();
      await keys[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

/** Removes tickets that nobody redeemed in time and streams of discoveries that broke off. */
export async function tidy(db: Database): Promise<void> {
  const abandoned = `DELETE FROM stream s USING endpoint e WHERE e.tenant_id = s.tenant_id AND e.id = s.endpoint_id
    AND s.discovery_id IS DISTINCT FROM e.discovery_id
    AND NOT EXISTS (SELECT 1 FROM probe p WHERE p.discovery_id = s.discovery_id)`;
  await db
    .run(async (em) => {
      await em.query('DELETE FROM probe WHERE expires_at < now()');
      await em.query(abandoned);
    })
    .catch(() => undefined);
}
