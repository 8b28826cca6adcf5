// @ts-check
/**
 * Lints text as if it stood in a file of a package: reads `[{ fixture, in }]` from standard input, writes `[{ rules }]`.
 * A process of its own, because ESLint loads its configuration with `import()`, which Jest cannot.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A real source file of the package: the parser takes types only from files it knows. @param {string} folder */
const sourceOf = (folder) => {
  const names = readdirSync(join(root, folder, 'src')).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  return join(root, folder, 'src', names.includes('index.ts') ? 'index.ts' : (names[0] ?? 'index.ts'));
};

process.env.TSESTREE_SINGLE_RUN = 'false'; // else the parser would read the file from disk instead of the text
const eslint = new ESLint({ cwd: root });
/** @type {{ fixture: string, in: string }[]} */
const cases = JSON.parse(readFileSync(0, 'utf8'));
const answers = [];
for (const { fixture, in: where } of cases) {
  const text = readFileSync(new URL(`fixtures/${fixture}.ts`, import.meta.url), 'utf8');
  const [result] = await eslint.lintText(text, { filePath: sourceOf(where), warnIgnored: true });
  answers.push({ rules: result?.messages.map(({ ruleId, message }) => ruleId ?? message) ?? [] });
}
process.stdout.write(JSON.stringify(answers));
