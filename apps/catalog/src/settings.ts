/** What the catalog reads from its environment beside what every service reads. docs/configuration.md lists the variables. */
import { pluginRoots } from '@sluice/plugin-host';
import { required, whole } from '@sluice/service';
import { parseKeyRing, type KeyRing } from './secrets/key-ring.js';

export interface CatalogSettings {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** Connections to the database. */
  readonly pool: number;
  readonly keyRing: KeyRing;
  /** Folders in which connector plugins are looked for. */
  readonly pluginRoots: readonly string[];
  /** Where the first tenant's id and key are written; absent: no tenant is made. */
  readonly bootstrapFile: string | undefined;
  /** How often the outbox is swept, ms. */
  readonly sweepEvery: number;
  /** After how many ms a pending run that nobody took is looked after. */
  readonly resendAfter: number;
}

export function catalogSettings(env: NodeJS.ProcessEnv = process.env): CatalogSettings {
  return {
    url: required(env, 'SLUICE_CATALOG_URL'),
    pool: whole(env, 'SLUICE_CATALOG_POOL', 10, 2, 200),
    keyRing: parseKeyRing(required(env, 'SLUICE_KEYRING')),
    pluginRoots: pluginRoots(env),
    bootstrapFile: env['SLUICE_BOOTSTRAP_FILE'] || undefined,
    sweepEvery: whole(env, 'SLUICE_OUTBOX_SWEEP_MS', 2000, 10, 60_000),
    resendAfter: whole(env, 'SLUICE_RESEND_AFTER_MS', 30_000, 10, 3_600_000),
  };
}
