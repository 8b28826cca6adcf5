import { isAbsolute } from 'node:path';
import { ConfigError, codes } from '@sluice/connector-sdk';
import type { DestinationPlugin, SourcePlugin } from '@sluice/connector-sdk';
import { type Found, type Refusal, contractVersion } from './found.js';
import { importEntry } from './import-entry.js';
import { isObject } from './package-folders.js';

export type Plugin = SourcePlugin | DestinationPlugin;

/**
 * Imports a plugin package: its default export is one plugin or an array of them. Throws ConfigError with code
 * 'plugin-refused' that names the package and everything that is wrong; what the import threw is its `cause`.
 */
export async function loadPlugin(found: Found): Promise<readonly Plugin[]> {
  const exported = unwrapped(await imported(found));
  const plugins = Array.isArray(exported) ? (exported as unknown[]) : [exported];
  const problems = plugins.length === 0 ? ['its default export is an empty array'] : plugins.flatMap(faults);
  if (problems.length === 0) problems.push(...repeated(plugins as Plugin[]), ...broken(found, plugins as Plugin[]));
  if (problems.length > 0) throw refused(found, problems.join('; '));
  return plugins as Plugin[];
}

/** The sentence that names a refused package, or a folder that holds none, and says why. */
export const sayRefusal = ({ package: name, reason }: Pick<Refusal, 'package' | 'reason'>): string =>
  isAbsolute(name) ? `no plugins from '${name}': ${reason}` : `plugin package '${name}' is refused: ${reason}`;

const refused = ({ package: name }: Found, reason: string, cause?: unknown): ConfigError =>
  new ConfigError(sayRefusal({ package: name, reason }), {
    code: codes.pluginRefused,
    ...(cause === undefined ? {} : { cause }),
  });

async function imported(found: Found): Promise<unknown> {
  try {
    return await importEntry(found.entry);
  } catch (cause) {
    const said = cause instanceof Error ? `${cause.name}: ${cause.message}` : `a ${typeof cause}`;
    throw refused(found, `its import threw ${said}`, cause);
  }
}

/** The default export, as an ES module or CommonJS (with or without `default`) has it. */
function unwrapped(exported: unknown): unknown {
  let value = exported;
  for (let depth = 0; depth < 2 && isObject(value) && 'default' in value && !('contract' in value); depth++)
    value = value['default'];
  return value;
}

/** All that is wrong with one value as a plugin. */
function faults(plugin: unknown): string[] {
  if (!isObject(plugin)) return ['its default export is not a plugin object or an array of them'];
  const id = plugin['id'];
  const called = typeof id === 'string' ? `plugin '${id}'` : 'a plugin';
  const checks: readonly (readonly [boolean, string])[] = [
    [
      plugin['contract'] === contractVersion,
      `contract is ${JSON.stringify(plugin['contract'] ?? null)}, this host speaks ${contractVersion}`,
    ],
    [plugin['kind'] === 'source' || plugin['kind'] === 'destination', `kind is neither 'source' nor 'destination'`],
    [typeof id === 'string' && nameShape.test(id), 'id is not of the form [a-z][a-z0-9-]*'],
    [typeof plugin['title'] === 'string' && plugin['title'] !== '', 'it has no title'],
    [hasSchema(plugin['config']), 'config is no Standard Schema with a JSON schema'],
    [claims(plugin['kind'], plugin['can']), 'can lacks a claim'],
    [typeof plugin['open'] === 'function', 'open is not a function'],
    [
      plugin['variants'] === undefined || hasVariants(plugin['variants']),
      'a variant lacks a valid name, a title or a description',
    ],
  ];
  return checks.filter(([fine]) => !fine).map(([, why]) => `${called}: ${why}`);
}

const nameShape = /^[a-z][a-z0-9-]*$/;
function hasSchema(config: unknown): boolean {
  // A schema may be a function with properties.
  if (typeof config !== 'object' && typeof config !== 'function') return false;
  const standard: unknown = Reflect.get(Object(config) as object, '~standard');
  if (!isObject(standard) || typeof standard['validate'] !== 'function') return false;
  return isObject(standard['jsonSchema']) && typeof standard['jsonSchema']['input'] === 'function';
}
function claims(kind: unknown, can: unknown): boolean {
  if (!isObject(can)) return false;
  const isList = (name: string) => Array.isArray(can[name]);
  if (!isList('modes') || !isList('encodings')) return false;
  return kind === 'destination'
    ? isList('evolve') && typeof can['commit'] === 'string'
    : typeof can['split'] === 'boolean';
}
const hasVariants = (variants: unknown): boolean =>
  isObject(variants) &&
  Object.entries(variants).every(
    ([name, variant]) =>
      nameShape.test(name) &&
      isObject(variant) &&
      typeof variant['title'] === 'string' &&
      typeof variant['description'] === 'string',
  );

/** The names a plugin answers to: its id and its variants. */
export const namesOf = (plugin: Plugin): string[] => [...new Set([plugin.id, ...Object.keys(plugin.variants ?? {})])];

function repeated(plugins: readonly Plugin[]): string[] {
  const seen = new Set<string>();
  return plugins.flatMap((plugin) =>
    namesOf(plugin).flatMap((name) => {
      const key = `${plugin.kind} ${name}`;
      if (seen.has(key)) return [`it has two plugins of the name ${plugin.kind} '${name}'`];
      seen.add(key);
      return [];
    }),
  );
}

/** What package.json promises and the module does not have: others were skipped for it. */
function broken(found: Found, plugins: readonly Plugin[]): string[] {
  const names = new Set(plugins.flatMap(namesOf));
  const missing = (found.provides ?? []).filter((name) => !names.has(name));
  const unsaid = found.provides ? [...names].filter((name) => !found.provides?.includes(name)) : [];
  return [
    ...missing.map((name) => `"sluice.provides" has '${name}', which no plugin of it is called`),
    ...unsaid.map((name) => `"sluice.provides" lacks '${name}'`),
  ];
}
