/**
 * Makes texts fit to leave the process: errors of drivers quote what they were given, and a hostile server writes them. (Invariant 12)
 */
import type { Json } from '@sluice/connector-sdk';

export type Scrub = (text: string) => string;

/** Values below this length would blot out innocent text, and protect little. */
const shortest = 4;
/** Lines of a key in PEM form are secrets of their own from this length on. */
const shortestLine = 16;
/** Characters of one text; a server may send megabytes. */
const longest = 8 * 1024;

/** Takes out secret values in every form an error may have them in, and what would steer a terminal; caps the length. */
export function scrubber(...secrets: readonly Json[]): Scrub {
  const found = new Set<string>();
  for (const secret of secrets) collect(secret, found);
  const values = [...found].sort((a, b) => b.length - a.length);
  const hide = (text: string): string => values.reduce((scrubbed, value) => scrubbed.replaceAll(value, '***'), text);
  // Twice: a secret that control characters cut in two is whole again without them.
  return (text) => capped(hide(plain(hide(text))));
}

function collect(value: Json, into: Set<string>): void {
  if (typeof value === 'string') {
    for (const text of [value, ...linesOf(value)])
      for (const form of formsOf(text)) if (form.length >= shortest) into.add(form);
  } else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) collect(inner, into);
}
const linesOf = (value: string): string[] =>
  value.split(/[\r\n]+/).filter((line) => line.length >= shortestLine && !line.startsWith('-----'));

function formsOf(text: string): string[] {
  if (text.length < shortest) return [encodeURIComponent(text), JSON.stringify(text).slice(1, -1)];
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  return [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((lead) => base64Within(bytes, lead)),
  ];
}

/** The characters that stand for `bytes` alone in the base64 of a longer text, `lead` bytes (mod 3) after its beginning. */
function base64Within(bytes: Buffer, lead: number): string[] {
  const whole = Buffer.concat([Buffer.alloc(lead), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const shared = (lead + bytes.length) % 3 === 0 ? 0 : 1;
  const alone = whole.slice(Math.ceil((lead * 8) / 6), whole.length - shared);
  // Shorter ones are words by chance.
  return alone.length < 2 * shortest ? [] : [alone, alone.replaceAll('+', '-').replaceAll('/', '_')];
}

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const escapes = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)/g;
/** All but tab and line feed, which stacks have; and the marks that turn the direction of what follows. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const plain = (text: string): string => text.replace(escapes, '').replace(controls, '');
const capped = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}...` : text);

/** The same for every string inside a JSON value. */
export function scrubJson<T extends Json>(scrub: Scrub, value: T): T;
export function scrubJson(scrub: Scrub, value: Json): Json {
  if (typeof value === 'string') return scrub(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner: Json) => scrubJson(scrub, inner));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scrubJson(scrub, inner as Json)]));
}
