/**
 * Equality across engines: every row in one canonical text, a 64-bit hash of it, summed per bucket. Reads nothing through
 * product code.
 */
import { createHash } from 'node:crypto';

export type Kind = 'integer' | 'float' | 'text' | 'date';
/** What a server sends as the text of a value; null is NULL. */
export type TextRow = readonly (string | null)[];

/** Buckets of the sum: they say where a difference is. */
const buckets = 64;

const canonicalFloat = (text: string): string => {
  const number = Number(text);
  if (Object.is(number, -0)) return '0';
  if (Number.isFinite(number)) return String(number); // the shortest text that gives the same number
  return /nan/i.test(text) ? 'NaN' : text.startsWith('-') ? '-Infinity' : 'Infinity';
};

/** NULL is a marker of its own; tabs and backslashes are escaped, so that no two rows share a text. */
export const canonicalField = (kind: Kind, text: string | null): string => {
  if (text === null) return '\\N';
  if (kind === 'float') return canonicalFloat(text);
  if (kind === 'integer') return BigInt(text).toString();
  return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t');
};

export interface Canonical {
  add(row: TextRow): void;
  /** Rows, and the sum of each bucket in hex. */
  result(): { readonly rows: number; readonly sums: readonly string[] };
}

export const canonicalSum = (kinds: readonly Kind[]): Canonical => {
  const sums = new BigUint64Array(buckets); // adds modulo 2^64
  let rows = 0;
  return {
    add(row) {
      const texts = kinds.map((kind, index) => canonicalField(kind, row[index] ?? null));
      const hash = createHash('md5').update(texts.join('\t')).digest();
      const bucket = bucketOf(texts[0] ?? '');
      sums[bucket] = (sums[bucket] ?? 0n) + hash.readBigUInt64BE(0);
      rows++;
    },
    result: () => ({ rows, sums: [...sums].map((sum) => sum.toString(16)) }),
  };
};

/** By the key, so that a changed row stays in its bucket. */
const bucketOf = (key: string): number => {
  let hash = 0;
  for (let index = 0; index < key.length; index++) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) >>> 0;
  return hash % buckets;
};

/** @returns what differs, or nothing */
export const difference = (
  left: ReturnType<Canonical['result']>,
  right: ReturnType<Canonical['result']>,
): string | undefined => {
  if (left.rows !== right.rows) return `${left.rows} rows against ${right.rows}`;
  const differing = left.sums.filter((sum, index) => sum !== right.sums[index]).length;
  return differing === 0 ? undefined : `${differing} of ${buckets} buckets differ`;
};
