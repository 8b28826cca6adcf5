/**
 * A JSON array as PostgreSQL's text form of an array: '[1,null,"a"]' becomes '{1,NULL,"a"}'. Numbers keep their digits, as they
 * are never parsed. With `documents` the elements of the outermost array are JSON documents, and stay what they are.
 */
export function arrayLiteral(json: string, documents: boolean): string {
  const element = documents ? documentToken : scalarToken;
  let out = '';
  let depth = 0;
  for (let at = 0; at < json.length;) {
    const character = json[at]!;
    if (/\s/.test(character)) at++;
    else if (character === '[' && (depth === 0 || !documents)) [out, depth, at] = [`${out}{`, depth + 1, at + 1];
    else if (character === ']') [out, depth, at] = [`${out}}`, depth - 1, at + 1];
    else if (character === ',') [out, at] = [`${out},`, at + 1];
    else {
      const end = endOf(json, at);
      out += element(json.slice(at, end));
      at = end;
    }
  }
  if (depth !== 0 || !out.startsWith('{')) throw new RangeError('not a JSON array');
  return out;
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
const documentToken = (token: string): string => (token === 'null' ? 'NULL' : quoted(token));
function scalarToken(token: string): string {
  if (token === 'null') return 'NULL';
  return token.startsWith('"') ? quoted(JSON.parse(token) as string) : token;
}

/** Where the JSON value that begins at `start` ends. */
function endOf(json: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const character = json[at];
    if (character === undefined) throw new RangeError('not a JSON array');
    if (character === '"') at = endOfString(json, at);
    else {
      if (character === '[' || character === '{') depth++;
      if (character === ']' || character === '}') depth--;
      at++;
    }
  } while (at < json.length && (depth > 0 || !/[\s,\]}]/.test(json[at]!)));
  return at;
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === '\\') at++;
    else if (json[at] === '"') return at + 1;
  }
  throw new RangeError('not a JSON array');
}
