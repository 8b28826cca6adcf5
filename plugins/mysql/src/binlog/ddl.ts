/** Which tables a statement of the log makes, changes, empties or takes away. Reads names only, and knows no more SQL than that. */
import type { Query } from './events.js';

type Name = readonly [schema: string, table: string];
export type Ddl =
  | { readonly kind: 'create'; readonly table: Name; readonly mayExist: boolean }
  | { readonly kind: 'alter'; readonly table: Name; readonly newName?: Name; readonly takesRows: boolean }
  | { readonly kind: 'drop'; readonly tables: readonly Name[] }
  | { readonly kind: 'drop-schema'; readonly schema: string }
  | { readonly kind: 'rename'; readonly pairs: readonly (readonly [from: Name, to: Name])[] }
  | { readonly kind: 'truncate'; readonly table: Name };

/** `text` in upper case for a bare word; a name in quotes is `quoted`. */
export interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

const noBackslash = 1n << 20n;
const isWord = /[\p{L}\p{N}_$]/u;

/** Words, names and signs; comments are left out, but those that the server runs (`/*!`, `/*M!`) are not. At most `limit` tokens. */
export function tokens({ sql, sqlMode }: Pick<Query, 'sql' | 'sqlMode'>, limit = Infinity): Token[] {
  const escapes = (sqlMode & noBackslash) === 0n;
  const found: Token[] = [];
  for (let at = 0; at < sql.length && found.length < limit;) {
    const after = afterBlank(sql, at);
    if (after > at) at = after;
    else if (`\`'"`.includes(sql[at]!)) {
      const [text, end] = quotedText(sql, at, escapes && sql[at] !== '`');
      found.push({ text, quoted: true });
      at = end;
    } else {
      let end = at + 1;
      if (isWord.test(sql[at]!)) while (end < sql.length && isWord.test(sql[end]!)) end++;
      found.push({ text: sql.slice(at, end), quoted: false });
      at = end;
    }
  }
  return found;
}

/** Past white space, comments, and the edges of comments that the server runs. */
function afterBlank(sql: string, at: number): number {
  if (/\s/.test(sql[at]!)) return at + 1;
  const run = /\/\*M?!\d*/y;
  run.lastIndex = at;
  if (run.test(sql)) return run.lastIndex;
  if (sql.startsWith('*/', at)) return at + 2;
  const [start, stop] = sql.startsWith('/*', at)
    ? ['/*', '*/']
    : sql[at] === '#'
      ? ['#', '\n']
      : /^--\s/.test(sql.slice(at, at + 3))
        ? ['--', '\n']
        : ['', ''];
  if (start === '') return at;
  const end = sql.indexOf(stop, at + start.length);
  return end < 0 ? sql.length : end + stop.length;
}

function quotedText(sql: string, start: number, escapes: boolean): readonly [text: string, end: number] {
  const quote = sql[start]!;
  let text = '';
  for (let at = start + 1; at < sql.length; at++) {
    const character = sql[at]!;
    if (escapes && character === '\\') text += sql[++at] ?? '';
    else if (character !== quote) text += character;
    else if (sql[at + 1] === quote) text += sql[at++]!;
    else return [text, at + 1];
  }
  return [text, sql.length];
}

class Words {
  at = 0;
  constructor(
    readonly all: readonly Token[],
    readonly schema: string,
  ) {}
  is(...words: readonly string[]): boolean {
    return words.every((word, i) => {
      const token = this.all[this.at + i];
      return token !== undefined && !token.quoted && token.text.toUpperCase() === word;
    });
  }
  /** Takes the words if they come next. */
  take(...words: readonly string[]): boolean {
    if (!this.is(...words)) return false;
    this.at += words.length;
    return true;
  }
  name(): Name | undefined {
    const first = this.all[this.at]?.text;
    if (first === undefined) return undefined;
    this.at++;
    if (!this.take('.')) return [this.schema, first];
    const second = this.all[this.at++]?.text;
    return second === undefined ? undefined : [first, second];
  }
  /** Moves on to the next such words. */
  seek(...words: readonly string[]): boolean {
    for (; this.at < this.all.length; this.at++) if (this.take(...words)) return true;
    return false;
  }
}

/** Undefined for what touches no table that lasts. */
export function readDdl(query: Query): Ddl | undefined {
  const words = new Words(tokens(query), query.schema);
  if (words.take('SET', 'STATEMENT')) words.seek('FOR');
  if (words.take('CREATE')) return create(words);
  if (words.take('ALTER')) return alter(words);
  if (words.take('DROP')) return drop(words);
  if (words.take('RENAME')) return rename(words);
  if (!words.take('TRUNCATE')) return undefined;
  words.take('TABLE');
  const table = words.name();
  return table && { kind: 'truncate', table };
}

function create(words: Words): Ddl | undefined {
  words.take('OR', 'REPLACE');
  if (!words.take('TABLE')) return undefined;
  const mayExist = words.take('IF', 'NOT', 'EXISTS');
  const table = words.name();
  return table && { kind: 'create', table, mayExist };
}

function alter(words: Words): Ddl | undefined {
  while (words.take('ONLINE') || words.take('IGNORE'));
  if (!words.take('TABLE')) return undefined;
  words.take('IF', 'EXISTS');
  const table = words.name();
  if (table === undefined) return undefined;
  const from = words.at;
  const takesRows = ['TRUNCATE', 'DROP', 'EXCHANGE', 'CONVERT'].some(
    (verb) => ((words.at = from), words.seek(verb, 'PARTITION')),
  );
  const space = ['DISCARD', 'IMPORT'].some((verb) => ((words.at = from), words.seek(verb)));
  const newName = newNameOf(words, from);
  return { kind: 'alter', table, takesRows: takesRows || space, ...(newName === undefined ? {} : { newName }) };
}

function newNameOf(words: Words, from: number): Name | undefined {
  for (words.at = from; words.seek('RENAME');) {
    if (['COLUMN', 'INDEX', 'KEY'].some((what) => words.is(what))) continue;
    if (!words.take('TO')) words.take('AS');
    return words.name();
  }
  return undefined;
}

function drop(words: Words): Ddl | undefined {
  if (words.take('DATABASE') || words.take('SCHEMA')) {
    words.take('IF', 'EXISTS');
    const schema = words.all[words.at]?.text;
    return schema === undefined ? undefined : { kind: 'drop-schema', schema };
  }
  if (!words.take('TABLE') && !words.take('TABLES')) return undefined;
  words.take('IF', 'EXISTS');
  const tables: Name[] = [];
  do {
    const table = words.name();
    if (table !== undefined) tables.push(table);
  } while (words.take(','));
  return { kind: 'drop', tables };
}

function rename(words: Words): Ddl | undefined {
  if (!words.take('TABLE') && !words.take('TABLES')) return undefined;
  words.take('IF', 'EXISTS');
  const pairs: (readonly [Name, Name])[] = [];
  do {
    const from = words.name();
    if (from === undefined || !words.seek('TO')) break;
    const to = words.name();
    if (to !== undefined) pairs.push([from, to]);
  } while (words.take(','));
  return { kind: 'rename', pairs };
}

/** The table of a plain `DELETE FROM table`, which takes all its rows. */
export function readEmptying(query: Query): Name | undefined {
  const words = new Words(tokens(query, 7), query.schema);
  if (!words.take('DELETE', 'FROM')) return undefined;
  const table = words.name();
  return words.at === words.all.length ? table : undefined;
}

const changingRows = /^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|WITH)$/i;
/** True for a statement that changes rows and is logged as text: its session does not log rows. */
export function changesRows(query: Query): boolean {
  const words = new Words(tokens(query, 200), query.schema);
  if (words.take('SET', 'STATEMENT')) words.seek('FOR');
  const first = words.all[words.at];
  return first !== undefined && !first.quoted && changingRows.test(first.text);
}
