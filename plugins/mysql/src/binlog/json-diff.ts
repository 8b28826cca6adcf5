/** PARTIAL_JSON: what changed inside a JSON value, applied to the value before. */
import { Bytes, MalformedEvent } from './bytes.js';
import { type JsonNode, readJson, renderJson } from './json-binary.js';

const op = { replace: 0, insert: 1, remove: 2 } as const;
type Leg = string | number;

/** The text of `before` after all differences. */
export function applyJsonDiffs(before: Buffer, diffs: Buffer): string {
  let root = readJson(before);
  const body = new Bytes(diffs);
  while (body.left > 0) {
    const what = body.u8();
    const path = parsePath(body.text(body.packed()));
    if (what > op.remove) throw new MalformedEvent('a change inside JSON is of an unknown kind');
    const value = what === op.remove ? undefined : readJson(body.take(body.packed()));
    root = apply(root, what, path, value);
  }
  return renderJson(root);
}

function apply(root: JsonNode, what: number, path: readonly Leg[], value: JsonNode | undefined): JsonNode {
  const last = path.at(-1);
  if (last === undefined) {
    if (what !== op.replace || value === undefined) throw new MalformedEvent('a change inside JSON has no place');
    return value;
  }
  const parent = path.slice(0, -1).reduce(step, root);
  if (typeof last === 'string') changeMember(parent, what, last, value);
  else changeItem(parent, what, last, value);
  return root;
}

const nowhere = (): MalformedEvent => new MalformedEvent('a change inside JSON names a place that is not there');

function step(node: JsonNode, leg: Leg): JsonNode {
  const next =
    typeof leg === 'string'
      ? node.kind === 'object' && node.entries.find(([key]) => key === leg)?.[1]
      : node.kind === 'array' && node.items[leg];
  if (!next) throw nowhere();
  return next;
}

/** Keys are ordered by length in bytes, then by bytes. */
function before(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length ? left.compare(right) < 0 : left.length < right.length;
}

function changeMember(parent: JsonNode, what: number, key: string, value: JsonNode | undefined): void {
  if (parent.kind !== 'object') throw nowhere();
  const at = parent.entries.findIndex(([name]) => name === key);
  if (what === op.insert && at < 0) {
    const next = parent.entries.findIndex(([name]) => before(key, name));
    parent.entries.splice(next < 0 ? parent.entries.length : next, 0, [key, value!]);
  } else if (at < 0 || what === op.insert) throw nowhere();
  else if (what === op.remove) parent.entries.splice(at, 1);
  else parent.entries[at] = [key, value!];
}

function changeItem(parent: JsonNode, what: number, index: number, value: JsonNode | undefined): void {
  if (parent.kind !== 'array') throw nowhere();
  if (what === op.insert) parent.items.splice(index, 0, value!);
  else if (index >= parent.items.length) throw nowhere();
  else if (what === op.remove) parent.items.splice(index, 1);
  else parent.items[index] = value!;
}

/** `$.name."quoted name"[3]` */
function parsePath(text: string): Leg[] {
  const legs: Leg[] = [];
  const leg = /\.("(?:[^"\\]|\\.)*")|\.([^.[\]"\s]+)|\[(\d+)\]/suy;
  if (!text.startsWith('$')) throw new MalformedEvent('a path inside JSON does not begin at the root');
  for (leg.lastIndex = 1; leg.lastIndex < text.length;) {
    const match = leg.exec(text);
    if (match === null) throw new MalformedEvent('a path inside JSON cannot be read');
    const [, inQuotes, plain, index] = match;
    if (index !== undefined) legs.push(Number(index));
    else legs.push(inQuotes === undefined ? plain! : unquote(inQuotes));
  }
  return legs;
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new MalformedEvent('a name in a path inside JSON cannot be read');
  }
}
