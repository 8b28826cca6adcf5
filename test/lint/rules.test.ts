import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const boundaries = '@nx/enforce-module-boundaries';

/** A fixture, the package that it is linted in, and what must be said about it. */
const cases: readonly [fixture: string, where: string, rules: readonly string[]][] = [
  ['app-imports-plugin', 'apps/gateway', [boundaries]],
  ['app-imports-plugin', 'apps/runner', [boundaries]],
  ['app-imports-engine', 'apps/gateway', [boundaries]],
  ['app-imports-engine', 'apps/runner', []],
  ['plugin-imports-nest', 'plugins/postgres', [boundaries]],
  ['plugin-imports-nest', 'libs/engine', [boundaries]],
  ['plugin-imports-plugin', 'plugins/postgres', [boundaries]],
  ['plugin-imports-kit', 'plugins/postgres', [boundaries]],
  ['plugin-reads-environment', 'plugins/postgres', ['no-restricted-properties']],
  ['plugin-reads-environment', 'libs/engine', ['no-restricted-properties']],
  ['plugin-reads-environment', 'libs/connector-sdk', ['no-restricted-properties']],
  ['plugin-reads-environment', 'apps/gateway', []],
  ['sdk-imports-zod', 'libs/connector-sdk', [boundaries]],
  ['relative-into-another-package', 'libs/engine', [boundaries]],
  ['deep-import', 'plugins/postgres', [boundaries, 'no-restricted-imports']],
  ['deep-import', 'libs/engine', [boundaries, 'no-restricted-imports']],
  ['explicit-any', 'apps/catalog', ['@typescript-eslint/no-explicit-any']],
  ['floating-promise', 'apps/catalog', ['@typescript-eslint/no-floating-promises']],
  ['sql-from-strings', 'plugins/mysql', ['no-restricted-syntax']],
  ['type-import', 'plugins/mysql', ['@typescript-eslint/consistent-type-imports']],
  ['allowed', 'plugins/mysql', []],
  ['allowed', 'libs/engine', []],
];

/** The rule ids, per case. */
const lint = (): string[][] => {
  const input = JSON.stringify(cases.map(([fixture, where]) => ({ fixture, in: where })));
  const output = execFileSync(process.execPath, [join(__dirname, 'lint-fixtures.mjs')], { input, encoding: 'utf8' });
  return (JSON.parse(output) as { rules: string[] }[]).map(({ rules }) => rules);
};

let found: string[][];
beforeAll(() => {
  found = lint();
}, 120_000);

test.each(cases.map(([fixture, where, rules], index) => ({ fixture, where, rules, index })))(
  '$fixture in $where: $rules',
  ({ rules, index }) => {
    expect([...new Set(found[index])]).toEqual(rules);
  },
);
