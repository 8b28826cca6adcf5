/** Connectors out of the plugins that are installed under some folders. */
import { isAbsolute } from 'node:path';
import { codes, isSluiceError, type DestinationPlugin, type SourcePlugin } from '@sluice/connector-sdk';
import type { ConnectorView, JsonObject } from '@sluice/messages';
import {
  configSchemaOf,
  joinSecrets,
  openRegistry,
  sayRefusal,
  splitSecrets,
  validateConfig,
  type PluginInfo,
  type Registry,
} from '@sluice/plugin-host';
import { unknownConnector, type Connector, type Connectors, type Role } from './connectors.js';

/**
 * Looks through the folders once; plugins are imported when they are first asked for, all of them for a list. `said` hears once
 * of each package and folder that cannot be used; `refused` is for tenants, who need not know this machine's folders.
 */
export function installedConnectors(
  roots: readonly string[],
  said: (sentence: string) => void = () => undefined,
): Connectors {
  const registry = openRegistry({ roots });
  const known = new Map<string, Promise<Connector>>();
  let listing: ReturnType<Registry['list']> | undefined;
  const all = (): ReturnType<Registry['list']> =>
    (listing ??= registry.list().then((answer) => {
      for (const refusal of answer.refusals) said(sayRefusal(refusal));
      return answer;
    }));
  const list = async (): Promise<readonly ConnectorView[]> => (await all()).plugins.map(viewOf);
  const refused = async (): Promise<readonly string[]> =>
    (await all()).refusals.filter((one) => !isAbsolute(one.package)).map(sayRefusal);
  return {
    list,
    refused,
    async find(role, type) {
      const key = `${role} ${type}`;
      const found = known.get(key) ?? resolve(registry, role, type);
      known.set(key, found);
      try {
        return await found;
      } catch (error) {
        known.delete(key);
        if (isSluiceError(error) && error.code === codes.noSuchConnector)
          throw unknownConnector(role, type, await list(), await refused());
        throw error;
      }
    },
  };
}

async function resolve(registry: Registry, role: Role, type: string): Promise<Connector> {
  if (role === 'destination') return connectorOf(type, (await registry.destination(type)).plugin, []);
  const { plugin } = await registry.source(type);
  return connectorOf(type, plugin, plugin.can.modes);
}

function connectorOf(type: string, plugin: SourcePlugin | DestinationPlugin, modes: Connector['modes']): Connector {
  const schema = configSchemaOf(plugin) as JsonObject;
  return {
    type,
    modes,
    schema,
    validate: async (config) => void (await validateConfig(plugin, config)),
    split: (config) => splitSecrets(schema, config),
    join: joinSecrets,
  };
}

const viewOf = ({ id, kind, title, variants, can, configSchema }: PluginInfo): ConnectorView => ({
  type: id,
  pluginId: id,
  role: kind,
  title,
  variants: variants.map(({ name, ...words }) => ({ type: name, ...words })),
  capabilities: can as unknown as JsonObject,
  configSchema: configSchema as JsonObject,
});
