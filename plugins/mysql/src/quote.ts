/** The only place where names and values become SQL text. */
import { ConfigError, codes } from '@sluice/connector-sdk';

const longest = 64;

/** Why nothing in the MySQL family can have this name; undefined when something can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  const size = [...name].length;
  if (size > longest) return `has ${size} characters; the MySQL family allows ${longest}`;
  if (name.includes('\0')) return 'contains a NUL character';
  if (/[\t-\r ]$/.test(name)) return 'ends with white space';
  return /[\u{10000}-\u{10ffff}]/u.test(name)
    ? 'has a character beyond U+FFFF, which the MySQL family allows in no name'
    : undefined;
}

/** `name` in backticks. Throws ConfigError for a name that the MySQL family cannot hold. */
export function quoteName(name: string): string {
  const problem = nameProblem(name);
  if (problem !== undefined) {
    const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name);
    throw new ConfigError(`The name ${shown} ${problem}.`, {
      code: codes.targetMismatch,
      fix: 'Choose another target name for it in the pipeline.',
    });
  }
  return `\`${name.replaceAll('`', '``')}\``;
}

/** ['db', 'table'] -> `db`.`table`. */
export const quotePath = (path: readonly string[]): string => path.map(quoteName).join('.');

/** A string value, whatever the session's sql_mode says about backslashes and quotes; a column it is compared with sets the collation. */
export const quoteText = (text: string): string => `_utf8mb4 ${quoteBytes(Buffer.from(text, 'utf8'))}`;

/** A binary value. An empty one has no hexadecimal literal of its own. */
export const quoteBytes = (bytes: Uint8Array): string =>
  bytes.length === 0 ? `''` : `X'${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}'`;
