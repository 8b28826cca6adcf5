import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { type Findings, type Found, type Refusal, contractVersion } from './found.js';
import { type Manifest, isObject, packageFolders, readManifest } from './package-folders.js';

/**
 * Packages with the key `"sluice": { "contract": 1, "plugin": "./dist/index.js" }` in their package.json. Each root may be a
 * workspace (its packages and its node_modules, scopes included), a node_modules, a folder of plugins, or one package.
 * Imports nothing. A package that wants to be a plugin and cannot is a refusal with its reason, and so is a root that holds
 * none: somebody named it for a reason. Ordered by root, then by name.
 */
export function findPlugins({ roots }: { readonly roots: readonly string[] }): Findings {
  const found: Found[] = [];
  const refusals: Refusal[] = [];
  const seen = new Set<string>();
  for (const root of roots.map((path) => resolve(path))) {
    const folders = packageFolders(root);
    const answers = folders.map((folder) => ({ folder, answer: examine(folder) }));
    if (answers.every(({ answer }) => answer === undefined)) refusals.push(nothingIn(root));
    for (const { folder, answer } of answers) {
      if (!answer || seen.has(folder)) continue;
      seen.add(folder);
      if ('reason' in answer) refusals.push(answer);
      else found.push(answer);
    }
  }
  return { found, refusals };
}

const nothingIn = (root: string): Refusal => ({
  package: root,
  folder: root,
  reason: existsSync(root)
    ? 'no package in this folder has the key "sluice" in its package.json'
    : 'there is no such folder',
});

function examine(folder: string): Found | Refusal | undefined {
  const manifest = readManifest(folder);
  if (!manifest) return undefined;
  if (!manifest.value) return damaged(folder, manifest);
  if (!Object.hasOwn(manifest.value, 'sluice')) return undefined;
  const { name, version, sluice } = manifest.value;
  const called = typeof name === 'string' && name !== '' ? name : basename(folder);
  const refuse = (reason: string): Refusal => ({ package: called, folder, reason });
  if (!isObject(sluice)) return refuse('the key "sluice" of its package.json is not an object');
  if (sluice['contract'] !== contractVersion) {
    return refuse(
      `it is written for contract ${JSON.stringify(sluice['contract'] ?? null)}; this host speaks ${contractVersion}`,
    );
  }
  const entry = entryOf(folder, sluice['plugin']);
  if ('reason' in entry) return refuse(entry.reason);
  const provides = sluice['provides'];
  if (provides !== undefined && !isNames(provides)) return refuse('"sluice.provides" is not a list of names');
  const shared = { package: called, version: typeof version === 'string' ? version : '', folder, entry: entry.path };
  return provides === undefined ? shared : { ...shared, provides };
}

/** A damaged package.json is only of interest when it speaks of us. */
const damaged = (folder: string, { text, error }: Manifest): Refusal | undefined =>
  text.includes('"sluice"')
    ? { package: basename(folder), folder, reason: 'its package.json is not a JSON object', cause: error }
    : undefined;

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');

/** The module's real path: a file inside the package, whatever links and dots lead to it. */
function entryOf(folder: string, plugin: unknown): { readonly path: string } | { readonly reason: string } {
  if (typeof plugin !== 'string' || plugin === '') return { reason: '"sluice.plugin" does not name a module' };
  const outside = { reason: `"sluice.plugin" leads out of the package: ${plugin}` };
  const path = resolve(folder, plugin);
  if (isAbsolute(plugin) || !isInside(folder, path)) return outside;
  if (!existsSync(path)) return { reason: `"sluice.plugin" names ${plugin}, which does not exist` };
  const real = realpathSync(path);
  if (!isInside(folder, real)) return outside;
  return statSync(real).isFile() ? { path: real } : { reason: `"sluice.plugin" names ${plugin}, which is not a file` };
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
