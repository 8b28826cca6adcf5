/** The plugin's configuration schema, read through Standard Schema and Standard JSON Schema only. */
import type { ConfigSchema } from '@sluice/connector-sdk';

export interface Property {
  /** ['tls', 'certificate'] */
  readonly path: readonly string[];
  readonly schema: Readonly<Record<string, unknown>>;
  readonly required: boolean;
}

interface Configured {
  readonly config: ConfigSchema<unknown>;
}
type Validated =
  { readonly value: unknown } | { readonly issues: readonly string[]; readonly paths: readonly string[] };

/** The value as the plugin's schema types it, or every issue: 'host: is required'. */
export async function validate(plugin: Configured, config: unknown): Promise<Validated> {
  const result = await plugin.config['~standard'].validate(config);
  if (!result.issues) return { value: result.value };
  const paths = result.issues.map(({ path = [] }) =>
    path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  );
  return { paths, issues: result.issues.map(({ message }, i) => `${paths[i]}: ${message}`) };
}

export const jsonSchema = (plugin: Configured): Record<string, unknown> =>
  plugin.config['~standard'].jsonSchema.input({ target: 'draft-2020-12' });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every property, nested ones and those of alternatives included, each once. */
export function properties(schema: unknown, path: readonly string[] = []): Property[] {
  if (!isObject(schema)) return [];
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const own = Object.entries(isObject(schema['properties']) ? schema['properties'] : {}).flatMap(([name, property]) => [
    ...(isObject(property) ? [{ path: [...path, name], schema: property, required: required.includes(name) }] : []),
    ...properties(property, [...path, name]),
  ]);
  const alternatives = ['anyOf', 'oneOf', 'allOf'].flatMap((key) =>
    Array.isArray(schema[key]) ? (schema[key] as unknown[]) : [],
  );
  return [...own, ...alternatives.flatMap((alternative) => properties(alternative, path))];
}

/** The configuration with `change` applied to the object that holds the last part of `path`; undefined when there is none. */
export function edited(
  config: unknown,
  path: readonly string[],
  change: (holder: Record<string, unknown>, key: string) => void,
): unknown {
  const copy = structuredClone(config);
  let holder: unknown = copy;
  for (const part of path.slice(0, -1)) holder = isObject(holder) ? holder[part] : undefined;
  if (!isObject(holder)) return undefined;
  change(holder, path.at(-1)!);
  return copy;
}

export function at(config: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((holder, part) => (isObject(holder) ? holder[part] : undefined), config);
}
