/** JSON with the same key twice means different things to different readers; a token that has one is refused. */

/** True when no object in `text`, which must be valid JSON, has a key twice. */
export function hasUniqueKeys(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
  let key: string | undefined;
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const keys = open.at(-1);
      if (keys === undefined || key === undefined) continue;
      if (keys.has(key)) return false;
      keys.add(key);
    }
    key = token.startsWith('"') ? (JSON.parse(token) as string) : undefined;
  }
  return true;
}
