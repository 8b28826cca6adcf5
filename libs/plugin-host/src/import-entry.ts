import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The module's exports. CommonJS is required, ES modules are imported: Node itself warns when the one is done to the other. */
export async function importEntry(path: string): Promise<unknown> {
  if (isModule(path)) return import(pathToFileURL(path).href) as Promise<unknown>;
  return createRequire(path)(path) as unknown;
}

/** As Node decides: by extension, else by the nearest package.json. */
function isModule(path: string): boolean {
  if (/\.[cm][jt]s$/.test(path)) return /\.m[jt]s$/.test(path);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const type = typeOf(folder);
    if (type !== undefined) return type === 'module';
    if (folder === dirname(folder)) return false;
  }
}

/** The `type` of a folder's package.json, 'commonjs' when it says nothing; undefined when there is none. */
function typeOf(folder: string): unknown {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { type?: unknown };
    return manifest.type ?? 'commonjs';
  } catch {
    return undefined;
  }
}
