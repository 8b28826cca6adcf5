// @ts-check
/** `npm run generate`: writes the documents that are made from code; `-- --check` only says whether they are up to date. */
import { runAfterBuild } from './run-after-build.mjs';
import { runMain } from './say.mjs';

await runMain(() => runAfterBuild('docs', 'tools/docs/dist/main.js', process.argv.slice(2)));
