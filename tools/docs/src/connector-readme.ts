import { type Plugin, configSchemaOf } from '@sluice/plugin-host';
import { withBlock } from './block.js';
import { configTable } from './config-table.js';
import { code, formatted, table } from './markdown.js';

/** The README of a connector with its generated blocks as its plugins are now. */
export async function connectorReadme(page: string, plugins: readonly Plugin[]): Promise<string> {
  const capabilities = withBlock(page, 'capabilities', await formatted(plugins.map(capabilitiesOf).join('\n\n')));
  return withBlock(capabilities, 'config', await formatted(plugins.map(optionsOf).join('\n\n')));
}

/** What a package without a README begins with. */
export const newReadme = (plugins: readonly Plugin[]): string => `# ${plugins[0]?.title ?? 'Connector'}\n`;

const heading = (plugin: Plugin, what: string): string => `### ${what} of the ${plugin.kind}`;
const optionsOf = (plugin: Plugin): string => `${heading(plugin, 'Options')}\n\n${configTable(configSchemaOf(plugin))}`;

function capabilitiesOf(plugin: Plugin): string {
  const list = (names: readonly string[]) => (names.length > 0 ? names.map(code).join(', ') : 'none');
  const variants = Object.entries(plugin.variants ?? {}).map(
    ([name, { description }]) => `${code(name)}: ${description}`,
  );
  const rows: string[][] = [
    ['connector type', list([plugin.id, ...Object.keys(plugin.variants ?? {}).filter((name) => name !== plugin.id)])],
    ['modes', list(plugin.can.modes)],
    ['encodings, besides rows', list(plugin.can.encodings)],
    ...(plugin.kind === 'source'
      ? [['one stream in several parts at once', plugin.can.split ? 'yes' : 'no']]
      : [
          ['data and checkpoint', commits[plugin.can.commit]],
          ['changes a target by itself', list(plugin.can.evolve)],
        ]),
    ...(variants.length > 0 ? [['variants', variants.join(' ')]] : []),
  ];
  return `${heading(plugin, 'Capabilities')}\n\n${table(['', ''], rows)}`;
}

const commits = {
  atomic: 'durable as one (exactly once)',
  idempotent: 'repeated without harm',
  'at-least-once': 'rows may come twice after a failure',
} as const;
