/** What becomes of stored secrets when a configuration is replaced. (Invariant 12) */
import type { Json } from '@sluice/connector-sdk';
import type { JsonObject } from '@sluice/messages';

/** How a client sends back a secret that it was never shown. */
const isMask = (value: Json | undefined): boolean => typeof value === 'string' && /^(\*{3,}|\u2022{3,})$/.test(value);
const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface Merged {
  readonly secrets: JsonObject;
  /** Paths of those taken from what is stored: 'password', 'tunnel.key'. */
  readonly kept: readonly string[];
  /** Paths of masks that stand for nothing stored. */
  readonly unknownMasks: readonly string[];
}

/** Left out or masked: the stored value stays. null: removed. Anything else: replaced. */
export function mergeSecrets(sent: JsonObject, stored: JsonObject, path: readonly string[] = []): Merged {
  const secrets: Record<string, Json> = {};
  const kept: string[] = [];
  const unknownMasks: string[] = [];
  for (const name of new Set([...Object.keys(stored), ...Object.keys(sent)])) {
    const [is, was] = [sent[name], stored[name]];
    const here = [...path, name];
    if (isObject(was) || isObject(is)) {
      const inner = mergeSecrets(isObject(is) ? is : {}, isObject(was) ? was : {}, here);
      if (Object.keys(inner.secrets).length > 0) secrets[name] = inner.secrets;
      kept.push(...inner.kept);
      unknownMasks.push(...inner.unknownMasks);
    } else if (is === undefined || isMask(is)) {
      if (was === undefined) unknownMasks.push(here.join('.'));
      else {
        secrets[name] = was;
        kept.push(here.join('.'));
      }
    } else if (is !== null) secrets[name] = is;
  }
  return { secrets, kept, unknownMasks };
}

/** Options that say who gets to see the secret, and over what: a new value there must come with the secret itself. */
const addressNames = new Set([
  'host',
  'hostname',
  'server',
  'address',
  'port',
  'user',
  'username',
  'url',
  'uri',
  'endpoint',
  'socket',
  'socketpath',
  'ca',
  'cacert',
  'rejectunauthorized',
]);
/** Less of TLS, or another authority to trust, shows the secret to whoever sits on the way. */
const isAddress = (name: string): boolean => {
  const word = name.toLowerCase().replace(/[_-]/g, '');
  return addressNames.has(word) || /^(ssl|tls)/.test(word);
};

/** Paths of host, port, user, TLS and their like, at any depth, whose values differ. */
export function movedAddresses(before: JsonObject, after: JsonObject, path: readonly string[] = []): string[] {
  const moved: string[] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    const here = [...path, name];
    if (isObject(was) || isObject(is))
      moved.push(...movedAddresses(isObject(was) ? was : {}, isObject(is) ? is : {}, here));
    else if (isAddress(name) && JSON.stringify(was) !== JSON.stringify(is)) moved.push(here.join('.'));
  }
  return moved;
}
