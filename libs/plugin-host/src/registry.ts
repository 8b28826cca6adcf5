import { ConfigError, codes } from '@sluice/connector-sdk';
import type { DestinationPlugin, SourcePlugin } from '@sluice/connector-sdk';
import { configSchemaOf } from './config.js';
import { findPlugins } from './find-plugins.js';
import type { Found, Refusal } from './found.js';
import { type Plugin, loadPlugin, namesOf, sayRefusal } from './load-plugin.js';

/** One installed plugin, as data. */
export interface PluginInfo {
  readonly package: string;
  readonly version: string;
  readonly kind: Plugin['kind'];
  readonly id: string;
  readonly title: string;
  readonly variants: readonly { readonly name: string; readonly title: string; readonly description: string }[];
  readonly can: Plugin['can'];
  /** JSON Schema, draft 2020-12. */
  readonly configSchema: Readonly<Record<string, unknown>>;
}
/** A plugin under the name that was asked for; `variant` goes into the Context of `open`. */
export interface Resolved<P extends Plugin> {
  readonly plugin: P;
  readonly variant?: string;
}
export interface Registry {
  /** Every plugin, ordered by kind and id, and everything that was refused with its reason. Imports all of them. */
  list(): Promise<{ readonly plugins: readonly PluginInfo[]; readonly refusals: readonly Refusal[] }>;
  /** By id or variant. Imports no more than it has to. Throws ConfigError 'no-such-connector', or 'plugin-refused'. */
  source(name: string): Promise<Resolved<SourcePlugin>>;
  destination(name: string): Promise<Resolved<DestinationPlugin>>;
}

/** Looks through the roots once, now, and imports a plugin when it is first asked for. */
export function openRegistry({ roots }: { readonly roots: readonly string[] }): Registry {
  const { found, refusals } = findPlugins({ roots });
  const shelf = new Shelf(found, refusals);
  return {
    list: () => shelf.list(),
    source: async (name) => (await shelf.resolve('source', name)) as Resolved<SourcePlugin>,
    destination: async (name) => (await shelf.resolve('destination', name)) as Resolved<DestinationPlugin>,
  };
}

type Loaded = { readonly found: Found } & ({ readonly plugins: readonly Plugin[] } | { readonly error: ConfigError });

/** Packages, loaded at most once each. When two have a plugin of one name, the first in the order of discovery keeps it. */
class Shelf {
  readonly #loading = new Map<Found, Promise<Loaded>>();
  constructor(
    readonly found: readonly Found[],
    readonly refusals: readonly Refusal[],
  ) {}

  #load(found: Found): Promise<Loaded> {
    const loading = this.#loading.get(found) ?? attempt(found);
    this.#loading.set(found, loading);
    return loading;
  }

  async list() {
    const plugins: PluginInfo[] = [];
    const refusals = [...this.refusals];
    const owners = new Map<string, string>();
    for (const one of await Promise.all(this.found.map((found) => this.#load(found)))) {
      if ('error' in one) refusals.push(refusal(one.found, reasonOf(one.found, one.error), one.error.cause));
      else
        for (const plugin of one.plugins) {
          const taken = namesOf(plugin).find((name) => owners.has(`${plugin.kind} ${name}`));
          if (taken === undefined) {
            for (const name of namesOf(plugin)) owners.set(`${plugin.kind} ${name}`, one.found.package);
            plugins.push(infoOf(one.found, plugin));
          } else {
            const owner = owners.get(`${plugin.kind} ${taken}`);
            refusals.push(
              refusal(one.found, `the name '${taken}' of its ${plugin.kind} '${plugin.id}' is taken by '${owner}'`),
            );
          }
        }
    }
    return { plugins: plugins.sort((a, b) => order(a).localeCompare(order(b))), refusals };
  }

  async resolve(kind: Plugin['kind'], name: string): Promise<Resolved<Plugin>> {
    const failed: ConfigError[] = [];
    for (const found of this.#likely(name)) {
      const one = await this.#load(found);
      if ('error' in one) {
        if (isLikely(found, name)) failed.push(one.error);
        continue;
      }
      const plugin = one.plugins.find((each) => each.kind === kind && namesOf(each).includes(name));
      if (plugin) return Object.hasOwn(plugin.variants ?? {}, name) ? { plugin, variant: name } : { plugin };
    }
    throw failed[0] ?? (await this.#missing(kind, name));
  }
  /** Those that promise the name, or are called so, before those that do not say; those that promise others never. */
  #likely(name: string): Found[] {
    const open = this.found.filter(({ provides }) => provides === undefined || provides.includes(name));
    return [...open.filter((found) => isLikely(found, name)), ...open.filter((found) => !isLikely(found, name))];
  }
  async #missing(kind: Plugin['kind'], name: string): Promise<ConfigError> {
    const { plugins, refusals } = await this.list();
    const names = plugins
      .filter((plugin) => plugin.kind === kind)
      .flatMap(({ id, variants }) => [id, ...variants.map((variant) => variant.name)]);
    const known = [...new Set(names)].sort().join(', ');
    const refused = refusals.map((one) => `; ${sayRefusal(one)}`).join('');
    const message = `no ${kind} plugin is called ${JSON.stringify(name)}; installed: ${known || 'none'}${refused}`;
    const fix = known ? `use one of: ${known}` : `install a ${kind} plugin`;
    return new ConfigError(message, { code: codes.noSuchConnector, fix });
  }
}

const isLikely = (found: Found, name: string): boolean =>
  found.provides?.includes(name) ??
  (found.package === name || found.package.endsWith(`-${name}`) || found.package.endsWith(`/${name}`));

async function attempt(found: Found): Promise<Loaded> {
  try {
    return { found, plugins: await loadPlugin(found) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { found, error };
  }
}

const refusal = (found: Found, reason: string, cause?: unknown): Refusal => ({
  package: found.package,
  folder: found.folder,
  reason,
  ...(cause === undefined ? {} : { cause }),
});
/** What the error says about the package, without its name. */
const reasonOf = (found: Found, { message }: ConfigError): string => {
  const start = sayRefusal({ package: found.package, reason: '' });
  return message.startsWith(start) ? message.slice(start.length) : message;
};
const order = ({ id, kind }: PluginInfo): string => `${kind} ${id}`;
const infoOf = (found: Found, plugin: Plugin): PluginInfo => ({
  package: found.package,
  version: found.version,
  kind: plugin.kind,
  id: plugin.id,
  title: plugin.title,
  variants: Object.entries(plugin.variants ?? {}).map(([name, { title, description }]) => ({
    name,
    title,
    description,
  })),
  can: plugin.can,
  configSchema: configSchemaOf(plugin),
});
