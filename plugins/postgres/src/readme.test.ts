import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtins } from './types.js';

const path = join(__dirname, '../README.md');
const begin = '<!-- types -->\n';
const end = '<!-- /types -->';

/** One row per type, in the order of the type map. */
function table(): string {
  const rows = [...builtins].map(([name, { type, travels, since }]) => {
    const version = since === undefined ? '' : `, from version ${since}`;
    return `| \`${name}\` | ${type} | ${travels ? `travels${version}` : 'numeric'} |`;
  });
  const head = ['| PostgreSQL | logical type | in a PostgreSQL target |', '| --- | --- | --- |'];
  return ['', ...head, ...rows, '', ''].join('\n');
}

/** The formatter aligns tables; that is no difference. */
const unaligned = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');

test('the type table of the README is that of the code (UPDATE_README=1 writes it)', () => {
  const text = readFileSync(path, 'utf8');
  const wanted = text.slice(0, text.indexOf(begin) + begin.length) + table() + text.slice(text.indexOf(end));
  if (process.env['UPDATE_README']) writeFileSync(path, wanted);
  expect(unaligned(readFileSync(path, 'utf8'))).toBe(unaligned(wanted));
});
