// @ts-check
/** `npm run generate`: writes the documents that are made from code; `-- --check` only says whether they are up to date. */
import { runAfterBuild } from './run-after-build.mjs';
import { runMain } from './say.mjs';

const api = 'docs/openapi.json';

await runMain(async () => {
  const args = process.argv.slice(2);
  const pages = await runAfterBuild('docs,gateway', 'tools/docs/dist/main.js', args);
  const flag = args.includes('--check') ? '--check' : '--write';
  const document = await runAfterBuild('gateway', 'apps/gateway/dist/openapi.js', [flag, api]);
  return pages === 0 ? document : pages;
});
