/** Reads JSON bodies: strict UTF-8, bounded depth, no keys that could reach a prototype, and nothing of the body in an error. */
import { badRequest } from './failure.js';

const decoder = new TextDecoder('utf-8', { fatal: true });
const maxDepth = 32;

/** The value of a JSON body; undefined for an empty one. Throws HttpFailure 400. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const value = parsed(decoded(bytes));
  checkTree(value);
  return value;
}

function decoded(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw badRequest('Malformed request body: it is not UTF-8');
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // Node's own text quotes the body, which may hold a password (Invariant 12): only the place is taken from it.
    const place = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    throw badRequest(
      `Malformed JSON in the request body${place === undefined ? '' : ` at character ${Number(place) + 1}`}`,
    );
  }
}

function checkTree(root: unknown): void {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { value, depth } = at;
    if (typeof value === 'string') checkText(value);
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= maxDepth) throw badRequest(`The request body is nested more than ${maxDepth} levels deep`);
    for (const [key, inner] of Object.entries(value)) {
      if (key === '__proto__') throw badRequest('The key "__proto__" is not allowed in a request body');
      checkText(key);
      open.push({ value: inner, depth: depth + 1 });
    }
  }
}

/** What no database could store as text, and what no UTF-8 could carry. */
function checkText(text: string): void {
  if (text.includes('\0')) throw badRequest('The request body has a NUL character in a text');
  if (/[\ud800-\udfff]/.test(text) && loneSurrogate.test(text))
    throw badRequest('The request body has half of a surrogate pair in a text');
}
const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
