/** `node tools/docs/dist/main.js [--check] [--root FOLDER]`: writes the generated pages; `--check` only names those that differ. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { generate } from './generate.js';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, root: { type: 'string' } } });
  const root = resolve(values.root ?? resolve(__dirname, '../../..'));
  const stale = await generate({ root, check: values.check });
  for (const path of stale)
    console.log(values.check ? `out of date: ${path} (run npm run generate)` : `written: ${path}`);
  if (values.check && stale.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
