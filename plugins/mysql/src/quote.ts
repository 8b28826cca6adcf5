/** The only place where names and values become SQL text. */
import { ConfigError, codes } from '@sluice/connector-sdk';

const longest = 64;

/** `name` in backticks. Throws ConfigError for a name that the MySQL family cannot hold. */
export function quoteName(name: string): string {
  const problem =
    name === ''
      ? 'is empty'
      : [...name].length > longest
        ? `has ${[...name].length} characters; the MySQL family allows ${longest}`
        : name.includes('\0')
          ? 'contains a NUL character'
          : /[\t-\r ]$/.test(name)
            ? 'ends with white space'
            : undefined;
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
