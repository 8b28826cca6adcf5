/** The folders under a root that may hold packages: a workspace, its node_modules, a folder of plugins, or one package. */
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Real paths, each once, in the order of discovery. A root that is not there has none. */
export function packageFolders(root: string): string[] {
  const manifest = readManifest(root);
  const folders =
    basename(root) === 'node_modules' || !manifest
      ? packagesIn(root)
      : [root, ...workspaces(root, manifest), ...packagesIn(join(root, 'node_modules'))];
  return [...new Set(folders.flatMap(realPath))];
}

/** The text and value of a package.json; `value` is undefined when it is no JSON object. */
export interface Manifest {
  readonly text: string;
  readonly value?: Readonly<Record<string, unknown>>;
  readonly error?: unknown;
}

export function readManifest(folder: string): Manifest | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8');
  } catch {
    return undefined; // No package, or none of ours to read.
  }
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? { text, value } : { text, error: new TypeError('not a JSON object') };
  } catch (error) {
    return { text, error };
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** 'libs/*' and 'tools/docs': the two forms npm workspaces have here; other globs are not expanded. */
function workspaces(root: string, manifest: Manifest): string[] {
  const declared = manifest.value?.['workspaces'];
  const patterns: unknown = isObject(declared) ? declared['packages'] : declared;
  if (!Array.isArray(patterns)) return [];
  return patterns
    .filter((pattern): pattern is string => typeof pattern === 'string')
    .flatMap((pattern) =>
      pattern.endsWith('/*') ? packagesIn(join(root, pattern.slice(0, -2))) : [join(root, pattern)],
    );
}

/** Sub-folders, and those of scopes; `.bin` and its like are none. */
function packagesIn(folder: string): string[] {
  return names(folder).flatMap((name) => {
    const path = join(folder, name);
    return name.startsWith('@') ? names(path).map((inner) => join(path, inner)) : [path];
  });
}

function names(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}

function realPath(folder: string): string[] {
  try {
    return [realpathSync(folder)];
  } catch {
    return []; // A link to nowhere.
  }
}
