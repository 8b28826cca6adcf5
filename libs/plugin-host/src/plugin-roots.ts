import { delimiter, resolve } from 'node:path';

/** The workspace this package lies in, or the node_modules it is installed in: what Sluice itself brings is there. */
const own = resolve(__dirname, '../../..');

/**
 * Absolute folders to look for plugins in: Sluice's own, always and first, so that a built-in plugin keeps its name; then
 * those of SLUICE_PLUGIN_ROOTS, separated like PATH.
 */
export function pluginRoots(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const added = (env['SLUICE_PLUGIN_ROOTS'] ?? '').split(delimiter).map((root) => root.trim());
  return [...new Set([own, ...added.filter((root) => root !== '').map((root) => resolve(root))])];
}
