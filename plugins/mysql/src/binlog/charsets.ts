/** Text of the log in the character set of its column, as Unicode: equal to what the server itself would convert it to. */
import type { Link } from '../link.js';
import { loadWideDecoder, wide } from './wide-charsets.js';

/** Undefined for bytes that are no text of the character set. */
export type DecodeText = (buffer: Buffer, start: number, end: number) => string | undefined;

export interface Charsets {
  /** Undefined for a character set that is not known. */
  decoder(charset: string): DecodeText | undefined;
  /** The character set of a collation's number. */
  ofCollation(id: number): string | undefined;
  /** Before a decoder is asked for: those with more than a byte for some characters are large, and fetched when one is met. */
  prepare(charsets: readonly string[], connect: () => Promise<Link>): Promise<void>;
}

/** A U+FFFD that is really there stays; one that stands for broken bytes is none. Invariant 9 */
const utf8: DecodeText = (buffer, start, end) => {
  const text = buffer.toString('utf8', start, end);
  return !text.includes('\uFFFD') || buffer.subarray(start, end).equals(Buffer.from(text)) ? text : undefined;
};
const wellFormed = (text: string): string | undefined =>
  (text as string & { isWellFormed(): boolean }).isWellFormed() ? text : undefined;
const utf16le: DecodeText = (buffer, start, end) =>
  (end - start) % 2 === 0 ? wellFormed(buffer.toString('utf16le', start, end)) : undefined;
const utf16: DecodeText = (buffer, start, end) => {
  if ((end - start) % 2 !== 0) return undefined;
  const swapped = Buffer.from(buffer.subarray(start, end)).swap16();
  return wellFormed(swapped.toString('utf16le'));
};
const utf32: DecodeText = (buffer, start, end) => {
  if ((end - start) % 4 !== 0) return undefined;
  let text = '';
  for (let at = start; at < end; at += 4) {
    const point = buffer.readUInt32BE(at);
    if (point > 0x10_ffff) return undefined;
    text += String.fromCodePoint(point);
  }
  return wellFormed(text);
};

const unicode: ReadonlyMap<string, DecodeText> = new Map([
  ['utf8', utf8],
  ['utf8mb3', utf8],
  ['utf8mb4', utf8],
  ['ascii', utf8],
  ['binary', utf8],
  ['ucs2', utf16],
  ['utf16', utf16],
  ['utf16le', utf16le],
  ['utf32', utf32],
]);

/** `characters`: what each of the 256 bytes stands for. */
export function tableDecoder(characters: readonly string[]): DecodeText {
  return (buffer, start, end) => {
    let high = false;
    for (let at = start; at < end && !high; at++) high = buffer[at]! > 0x7f;
    if (!high && isAscii(characters)) return buffer.toString('latin1', start, end);
    let text = '';
    for (let at = start; at < end; at++) text += characters[buffer[at]!]!;
    return text;
  };
}
const asciiTables = new WeakMap<readonly string[], boolean>();
function isAscii(characters: readonly string[]): boolean {
  let known = asciiTables.get(characters);
  if (known === undefined) {
    known = characters.slice(0, 128).every((character, i) => character === String.fromCharCode(i));
    asciiTables.set(characters, known);
  }
  return known;
}

export function makeCharsets(
  collations: ReadonlyMap<number, string>,
  tables: ReadonlyMap<string, readonly string[]>,
): Charsets {
  const decoders = new Map<string, DecodeText>(unicode);
  for (const [name, table] of tables) decoders.set(name, tableDecoder(table));
  return {
    decoder: (charset) => decoders.get(charset),
    ofCollation: (id) => collations.get(id),
    async prepare(charsets, connect) {
      const missing = [...new Set(charsets)].filter((name) => !decoders.has(name) && wide.has(name));
      if (missing.length === 0) return;
      await using link = await connect();
      for (const name of missing) decoders.set(name, await loadWideDecoder(link, name));
    },
  };
}

/** Collations and the tables of all character sets with one byte a character, by the server that wrote the log. */
export async function loadCharsets(link: Link): Promise<Charsets> {
  const sets = await link.query('SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS');
  const tables = new Map<string, readonly string[]>();
  for (const [name, length] of sets) {
    if (length !== '1' || unicode.has(name!)) continue;
    const [row] = await link.query(`SELECT HEX(CONVERT(_${name!} X'${allBytes}' USING utf8mb4))`);
    tables.set(name!, [...Buffer.from(row![0]!, 'hex').toString('utf8')]);
  }
  return makeCharsets(await loadCollations(link), tables);
}
const allBytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('hex');

async function loadCollations(link: Link): Promise<ReadonlyMap<number, string>> {
  // MariaDB names collations that fit several character sets once; this view has a number for each pair.
  const rows = await link
    .query('SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY')
    .catch(() => link.query('SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS'));
  return new Map(rows.flatMap(([id, name]) => (id === null || name === null ? [] : [[Number(id), name!] as const])));
}
