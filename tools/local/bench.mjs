// @ts-check
/** `npm run bench`: builds everything, then runs the benchmark; arguments are its own (`npm run bench -- --help`). */
import { runAfterBuild } from './run-after-build.mjs';
import { runMain } from './say.mjs';

await runMain(() => runAfterBuild('all', 'tools/bench/dist/main.js', process.argv.slice(2)));
