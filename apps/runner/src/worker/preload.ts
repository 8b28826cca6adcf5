import type { Context } from '@sluice/connector-sdk';
import type { Registry } from './open-plugin.js';

/** Imports plugins, so that a run that comes finds them loaded. One that does not load is no reason to fail: nobody asked for it. */
export async function preload(registry: Registry, types: readonly string[], log: Context['log']): Promise<void> {
  for (const type of types) {
    for (const load of [registry.source, registry.destination]) {
      try {
        await load(type);
      } catch (error) {
        log('debug', `not loaded ahead: ${type}`, { reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
}
