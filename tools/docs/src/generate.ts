import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findPlugins, loadPlugin } from '@sluice/plugin-host';
import { configurationPage } from './configuration-page.js';
import { withFiles } from './block.js';
import { connectorReadme, newReadme } from './connector-readme.js';
import { errorPage } from './error-page.js';
import { formatted } from './markdown.js';

interface Page {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/** Writes every generated page that is not up to date, or only says which with `check`. Answers their paths, from `root`. */
export async function generate({
  root,
  check,
}: {
  readonly root: string;
  readonly check: boolean;
}): Promise<readonly string[]> {
  const pages = [await errors(root), await configuration(root), tutorial(root), ...(await readmes(root))];
  const stale = pages.filter(({ path, text }) => !existsSync(path) || readFileSync(path, 'utf8') !== text);
  if (!check) for (const { path, text } of stale) writeFileSync(path, text);
  return stale.map(({ path }) => relative(root, path));
}

async function errors(root: string): Promise<Page> {
  const source = readFileSync(join(root, 'libs/connector-sdk/src/codes.ts'), 'utf8');
  return { path: join(root, 'docs/errors.md'), text: await formatted(errorPage(source)) };
}

async function configuration(root: string): Promise<Page> {
  return { path: join(root, 'docs/configuration.md'), text: await formatted(configurationPage()) };
}

/** The SDK's README, whose code is that of the examples: they are compiled and tested. */
function tutorial(root: string): Page {
  const path = join(root, 'libs/connector-sdk/README.md');
  const read = (name: string) => readFileSync(join(root, 'tools/docs/examples', name), 'utf8');
  return { path, text: withFiles(readFileSync(path, 'utf8'), read) };
}

/** Of our own connectors, in plugins/: those of others document themselves. Throws when one is refused. */
async function readmes(root: string): Promise<Page[]> {
  const { found, refusals } = findPlugins({ roots: [join(root, 'plugins')] });
  if (refusals[0]) throw new Error(`plugin package '${refusals[0].package}' is refused: ${refusals[0].reason}`);
  return Promise.all(
    found.map(async (one) => {
      const path = join(one.folder, 'README.md');
      const plugins = await loadPlugin(one);
      return {
        path,
        text: await connectorReadme(existsSync(path) ? readFileSync(path, 'utf8') : newReadme(plugins), plugins),
      };
    }),
  );
}
