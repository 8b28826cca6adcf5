/** Turns names of several parts into one string and back, so that a dot or a quote inside a part is never ambiguous. */

const plain = /^[^."]+$/;

/** ['public', 'orders'] -> 'public.orders'; a part with a dot or a quote is written in double quotes: 'public."a.b"'. */
export const streamId = (path: readonly string[]): string =>
  path.map((part) => (plain.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');

/** The inverse of `streamId`. Throws RangeError on an empty part or an unbalanced quote. */
export function parsePath(text: string): string[] {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    const [part, end] = text[at] === '"' ? quotedPart(text, at) : plainPart(text, at);
    if (part === '') throw new RangeError(`empty name at character ${at + 1} of ${JSON.stringify(text)}`);
    parts.push(part);
    if (end === text.length) return parts;
    at = end + 1;
  }
}

function plainPart(text: string, start: number): [string, number] {
  const dot = text.indexOf('.', start);
  const end = dot < 0 ? text.length : dot;
  const part = text.slice(start, end);
  if (part.includes('"')) throw new RangeError(`a quote inside an unquoted name in ${JSON.stringify(text)}`);
  return [part, end];
}

function quotedPart(text: string, start: number): [string, number] {
  let part = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') part += text[at];
    else if (text[at + 1] === '"') part += text[at++];
    else if (at + 1 === text.length || text[at + 1] === '.') return [part, at + 1];
    else break;
  }
  throw new RangeError(`unbalanced quote in ${JSON.stringify(text)}`);
}
