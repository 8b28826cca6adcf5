/** Identifiers reach SQL text only through a quoter made here; values never do. */
import { ConfigError } from '@sluice/connector-sdk';

export interface IdentifierRules {
  /** The system's quote character: '"' or '`'. It is doubled inside a name. */
  readonly quote: '"' | '`';
  /** The longest name the system keeps; a longer one would be cut in silence, so it is refused. */
  readonly limit: { readonly bytes: number } | { readonly characters: number };
  /** For messages: 'PostgreSQL'. */
  readonly system: string;
}

/** Quotes one name, or the parts of a path joined by dots. Throws ConfigError for a name that the system cannot hold. */
export type Quote = (...path: readonly string[]) => string;

/** Makes the quoter of one system. */
export function identifierQuoter(rules: IdentifierRules): Quote {
  return (...path) => path.map((name) => quoteOne(name, rules)).join('.');
}

function quoteOne(name: string, { quote, limit, system }: IdentifierRules): string {
  const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name);
  if (name === '') throw new ConfigError(`An empty name is not a name in ${system}.`);
  if (name.includes('\0')) throw new ConfigError(`The name ${shown} holds a zero byte, which ${system} cannot store.`);
  const [size, most, unit] =
    'bytes' in limit
      ? [Buffer.byteLength(name), limit.bytes, 'bytes']
      : [[...name].length, limit.characters, 'characters'];
  if (size > most) {
    throw new ConfigError(`The name ${shown} has ${size} ${unit}; ${system} keeps ${most}.`, {
      fix: 'Map it to a shorter name in the pipeline.',
    });
  }
  return quote + name.replaceAll(quote, quote + quote) + quote;
}
