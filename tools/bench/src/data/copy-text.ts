/** Reads PostgreSQL's COPY text: tab between fields, newline after rows, \N for NULL, backslash escapes. */
import type { TextRow } from './canonical.js';

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

export const parseCopyLine = (line: string): TextRow =>
  line.split('\t').map((field) => {
    if (field === '\\N') return null;
    return field.includes('\\') ? field.replaceAll(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter) : field;
  });
