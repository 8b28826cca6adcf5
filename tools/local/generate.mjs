// @ts-check
/** `npm run generate`: writes the documents that are made from code; `-- --check` only says whether they are up to date. */
import { commandLine } from './command-line.mjs';
import { runAfterBuild } from './run-after-build.mjs';
import { runMain } from './say.mjs';

const api = 'docs/openapi.json';
const usage = `
usage: npm run generate [-- --check]

Writes the documents that are made from code: docs/errors.md, docs/configuration.md, ${api}, the code in the README of
connector-sdk, and the option tables of the plugins' READMEs.

  --check   write nothing; name what is out of date, with exit code 1
`;

await runMain(async () => {
  const { check } = commandLine(usage, { check: { type: 'boolean' } });
  const pages = await runAfterBuild('docs,gateway', 'tools/docs/dist/main.js', check ? ['--check'] : []);
  const document = await runAfterBuild('gateway', 'apps/gateway/dist/openapi.js', [check ? '--check' : '--write', api]);
  return pages === 0 ? document : pages;
});
