import type { Context } from '@sluice/connector-sdk';
import type { Registry } from './open-plugin.js';

/**
 * Imports plugins, so that a run that comes finds them loaded: those of these connector types, or with none named those that
 * come with the platform. One that does not load is no reason to fail: nobody asked for it.
 */
export async function preload(registry: Registry, types: readonly string[], log: Context['log']): Promise<void> {
  for (const type of types.length > 0 ? types : await ownTypes(registry)) {
    for (const load of [registry.source, registry.destination]) {
      try {
        await load(type);
      } catch (error) {
        log('debug', `not loaded ahead: ${type}`, { reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
}

async function ownTypes(registry: Registry): Promise<readonly string[]> {
  const { plugins } = await registry.list();
  return plugins.filter((plugin) => plugin.package.startsWith('@sluice/')).map(({ id }) => id);
}
