/** Takes secret values out of texts on their way out: errors of drivers quote what they were given. (Invariant 12) */
import type { Json } from '@sluice/connector-sdk';

export type Scrub = (text: string) => string;

/** Values below this length would blot out innocent text, and protect little. */
const shortest = 4;

export function scrubber(...secrets: readonly Json[]): Scrub {
  const found = new Set<string>();
  for (const secret of secrets) collect(secret, found);
  const values = [...found].sort((a, b) => b.length - a.length);
  return (text) => values.reduce((scrubbed, value) => scrubbed.replaceAll(value, '***'), text);
}

function collect(value: Json, into: Set<string>): void {
  if (typeof value === 'string') {
    for (const form of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
      if (form.length >= shortest) into.add(form);
  } else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) collect(inner, into);
}

/** The same for every string inside a JSON value. */
export function scrubJson<T extends Json>(scrub: Scrub, value: T): T;
export function scrubJson(scrub: Scrub, value: Json): Json {
  if (typeof value === 'string') return scrub(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner: Json) => scrubJson(scrub, inner));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scrubJson(scrub, inner as Json)]));
}
