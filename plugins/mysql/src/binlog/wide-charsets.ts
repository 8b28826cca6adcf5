/**
 * East Asian character sets, by the tables of the server itself: its mappings are not those of the Encoding Standard in
 * every character, and a row of the log must be the row of a full read.
 */
import type { Link } from '../link.js';
import type { DecodeText } from './charsets.js';

export const wide: ReadonlySet<string> = new Set([
  'big5',
  'cp932',
  'eucjpms',
  'euckr',
  'gb18030',
  'gb2312',
  'gbk',
  'sjis',
  'ujis',
]);
/** In EUC-JP this byte stands before the two of a supplementary character. */
const shift = 0x8f;
const threes: ReadonlySet<string> = new Set(['ujis', 'eucjpms']);

const literals = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `SELECT X'${(from + i).toString(16).padStart(2, '0')}' AS b`).join(
    ' UNION ALL ',
  );

/** The characters of all codes that `codes` makes, by the code's bytes as one number. */
async function table(link: Link, charset: string, codes: string, from: string): Promise<ReadonlyMap<number, string>> {
  const sql = `SELECT HEX(${codes}), HEX(CONVERT(CONVERT(${codes} USING ${charset}) USING utf8mb4)) FROM ${from}`;
  const found = new Map<number, string>();
  for (const [code, text] of await link.query(sql)) {
    const characters = Buffer.from(text ?? '', 'hex').toString('utf8');
    // More than one is what the server makes of bytes that are no character of the set.
    if ([...characters].length === 1) found.set(parseInt(code!, 16), characters);
  }
  return found;
}

/** `charset` is one of `wide`. */
export async function loadWideDecoder(link: Link, charset: string): Promise<DecodeText> {
  const one = await table(link, charset, 'a.b', `(${literals(0, 0xff)}) a`);
  const pairs = `(${literals(0x80, 0xff)}) a JOIN (${literals(0x30, 0xff)}) c`;
  const two = await table(link, charset, 'CONCAT(a.b, c.b)', pairs);
  const three = threes.has(charset)
    ? await table(
        link,
        charset,
        `CONCAT(X'8f', a.b, c.b)`,
        `(${literals(0xa1, 0xfe)}) a JOIN (${literals(0xa1, 0xfe)}) c`,
      )
    : undefined;
  return wideDecoder({ one, two, three, four: charset === 'gb18030' });
}

export interface WideTables {
  readonly one: ReadonlyMap<number, string>;
  readonly two: ReadonlyMap<number, string>;
  readonly three?: ReadonlyMap<number, string> | undefined;
  /** GB 18030: four bytes, of which the second is a digit, reach the rest of Unicode by rule. */
  readonly four: boolean;
}

export function wideDecoder({ one, two, three, four }: WideTables): DecodeText {
  const rest = four ? new TextDecoder('gb18030', { fatal: true }) : undefined;
  return (buffer, start, end) => {
    let text = '';
    for (let at = start; at < end;) {
      const first = buffer[at]!;
      const second = at + 1 < end ? buffer[at + 1]! : 0;
      let character: string | undefined;
      if (first < 0x80) [character, at] = [one.get(first), at + 1];
      else if (rest !== undefined && second >= 0x30 && second <= 0x39) {
        if (at + 4 > end) return undefined;
        try {
          [character, at] = [rest.decode(buffer.subarray(at, at + 4)), at + 4];
        } catch {
          return undefined;
        }
      } else if (three !== undefined && first === shift) {
        if (at + 3 > end) return undefined;
        [character, at] = [three.get(buffer.readUIntBE(at, 3)), at + 3];
      } else {
        character = two.get(first * 256 + second);
        at += character === undefined ? 1 : 2;
        character ??= one.get(first);
      }
      if (character === undefined || at > end) return undefined;
      text += character;
    }
    return text;
  };
}
