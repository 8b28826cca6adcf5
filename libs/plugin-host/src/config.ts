/** A plugin's configuration: its JSON schema, its validation, and its secrets apart. (Invariant 12) */
import { ConfigError } from '@sluice/connector-sdk';
import type { ConfigSchema, Json } from '@sluice/connector-sdk';
import { isObject } from './package-folders.js';

interface Configured<C> {
  readonly config: ConfigSchema<C>;
}
type JsonSchema = Readonly<Record<string, unknown>>;
type JsonObject = { readonly [key: string]: Json };

/** JSON Schema, draft 2020-12, of what a user may send. */
export const configSchemaOf = (plugin: Configured<unknown>): Record<string, unknown> =>
  plugin.config['~standard'].jsonSchema.input({ target: 'draft-2020-12' });

/** The value as the plugin's own schema types it. Throws one ConfigError with every issue; `path` is that of the first. */
export async function validateConfig<C>(plugin: Configured<C>, value: unknown): Promise<C> {
  const result = await plugin.config['~standard'].validate(value);
  if (!result.issues) return result.value;
  const issues = result.issues.map(({ message, path = [] }) => ({
    path: path.map((part) => String(typeof part === 'object' ? part.key : part)),
    message,
  }));
  const lines = issues.map(({ path, message }) => {
    if (path.length === 0) return message;
    return isMissing(value, path) ? `"${path.join('.')}" is required` : `"${path.join('.')}": ${message}`;
  });
  throw new ConfigError(lines.join('; '), { path: issues[0]?.path ?? [] });
}

/** True when the configuration has nothing at the path: a schema library's own words for that are not a user's. */
function isMissing(value: unknown, path: readonly string[]): boolean {
  const last = path.reduce<unknown>(
    (at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    value,
  );
  return last === undefined;
}

/**
 * JSON pointers of what is `writeOnly`: ['/password', '/tunnel/key']. An array that has secrets anywhere in its items is one
 * secret as a whole. Alternatives (anyOf, oneOf, allOf) and local references are followed.
 */
export function secretPaths(plugin: Configured<unknown>): string[] {
  return pathsOf(configSchemaOf(plugin)).map((path) => `/${path.map(escaped).join('/')}`);
}
const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

/** The configuration without its secrets, and the secrets alone in the same nesting: `joinSecrets` puts them back. */
export function splitSecrets(
  schema: JsonSchema,
  config: JsonObject,
): { readonly config: JsonObject; readonly secrets: JsonObject } {
  const rest = structuredClone(config);
  const secrets: JsonObject = {};
  for (const path of pathsOf(schema, config)) {
    const value = take(rest, path);
    if (value !== undefined) put(secrets, path, value);
  }
  return { config: rest, secrets };
}

/** The inverse of `splitSecrets`. Where both have a value, the secret's counts. */
export function joinSecrets(config: JsonObject, secrets: JsonObject): JsonObject {
  const joined = structuredClone(config);
  for (const [name, value] of Object.entries(secrets)) {
    const own = Object.hasOwn(joined, name) ? joined[name] : undefined;
    define(
      joined,
      name,
      isObject(own) && isObject(value) ? joinSecrets(own as JsonObject, value as JsonObject) : structuredClone(value),
    );
  }
  return joined;
}

/** Paths of the secret properties, each once: those of the schema, or those that a value has. */
function pathsOf(root: JsonSchema, value?: JsonObject): string[][] {
  const found = new Map<string, string[]>();
  const secret = (path: string[]) => found.set(JSON.stringify(path), path);
  walk({ root, secret }, { schema: root, path: [], above: new Set(), ...(value ? { value } : {}) });
  return [...found.values()];
}

interface Step {
  readonly schema: unknown;
  readonly path: string[];
  /** Schemas we are inside of: one that contains itself ends there. With a value, the value ends it. */
  readonly above: ReadonlySet<unknown>;
  readonly value?: unknown;
}
interface Walk {
  readonly root: JsonSchema;
  readonly secret: (path: string[]) => void;
}

function walk({ root, secret }: Walk, step: Step): void {
  const { schema, path, above } = step;
  if (!isObject(schema) || above.has(schema)) return;
  if (schema['writeOnly'] === true && path.length > 0) return secret(path);
  const here = { ...step, above: new Set([...above, schema]) };
  const follow = (next: unknown) => walk({ root, secret }, { ...here, schema: next });
  if (typeof schema['$ref'] === 'string') follow(pointed(root, schema['$ref']));
  for (const word of ['anyOf', 'oneOf', 'allOf']) if (Array.isArray(schema[word])) schema[word].forEach(follow);
  if (isObject(schema['properties'])) {
    for (const [name, property] of Object.entries(schema['properties'])) {
      const inner = below(here, name);
      if (inner) walk({ root, secret }, { ...inner, schema: property });
    }
  }
  // Anything secret in an item or in a free-form value makes the whole of it one secret.
  const whole = () => path.length > 0 && secret(path);
  for (const word of ['items', 'additionalProperties']) {
    const { value: _, ...free } = here;
    walk({ root, secret: whole }, { ...free, schema: schema[word], path: ['', ...path] });
  }
}

/** One name deeper; undefined when there is a value, and it has no such name. */
function below(step: Step, name: string): Omit<Step, 'schema'> | undefined {
  const path = [...step.path, name];
  if (!('value' in step)) return { path, above: step.above };
  if (!isObject(step.value) || !Object.hasOwn(step.value, name)) return undefined;
  return { path, above: new Set(), value: step.value[name] };
}

function pointed(root: JsonSchema, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  const parts = reference.slice(1).split('/').slice(1);
  return parts.reduce<unknown>((at, part) => {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    return isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }, root);
}

/** Removes and answers the value at the path; undefined when there is none. */
function take(config: JsonObject, path: readonly string[]): Json | undefined {
  let holder: unknown = config;
  for (const part of path.slice(0, -1))
    holder = isObject(holder) && Object.hasOwn(holder, part) ? holder[part] : undefined;
  const name = path.at(-1)!;
  if (!isObject(holder) || !Object.hasOwn(holder, name)) return undefined;
  const value = holder[name] as Json;
  delete holder[name];
  return value;
}

function put(secrets: JsonObject, path: readonly string[], value: Json): void {
  let holder: JsonObject = secrets;
  for (const part of path.slice(0, -1)) {
    if (!Object.hasOwn(holder, part)) define(holder, part, {});
    holder = holder[part] as JsonObject;
  }
  define(holder, path.at(-1)!, value);
}

/** Sets an own property, of whatever name: '__proto__' by assignment would be something else. */
function define(holder: object, name: string, value: Json): void {
  Object.defineProperty(holder, name, { value, writable: true, enumerable: true, configurable: true });
}
