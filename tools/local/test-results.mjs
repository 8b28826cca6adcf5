// @ts-check
/** Counts and names of tests, from the runners' own reports. */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from 'node:test';
import { root } from './paths.mjs';
import { say } from './say.mjs';

/**
 * @typedef {object} TestResults
 * @property {number} passed
 * @property {string[]} failed names
 * @property {string[]} skipped names, with the reason where the runner knows it
 */

/** @typedef {{ status: string, fullName: string }} JestTest */
/** @typedef {{ name: string, status: string, message: string, assertionResults: JestTest[] }} JestFile */

/** @param {string} file @returns {TestResults | undefined} undefined when the run did not come to its end */
export const readJestReport = (file) => {
  if (!existsSync(file)) return undefined;
  /** @type {JestFile[]} */
  const files = JSON.parse(readFileSync(file, 'utf8')).testResults;
  const named = (/** @type {string[]} */ statuses) =>
    files.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => statuses.includes(status))
        .map(({ fullName }) => `${relative(root, name)}: ${fullName}`),
    );
  const broken = files
    .filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    )
    .map(({ name, message }) => `${relative(root, name)}: ${firstLine(message) || 'the file did not run'}`);
  return {
    passed: named(['passed']).length,
    failed: [...named(['failed']), ...broken],
    skipped: named(['pending', 'skipped', 'todo', 'disabled']),
  };
};

/** @param {string} text */
const firstLine = (text) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line && !line.startsWith('●')) ?? '';

/**
 * Runs files of Node's own test runner, each in a process of its own.
 * @param {string[]} files @param {AbortSignal} signal
 * @returns {Promise<{ ok: boolean, tests: TestResults }>}
 */
export const runNodeTests = async (files, signal) => {
  /** @type {TestResults} */
  const tests = { passed: 0, failed: [], skipped: [] };
  for await (const { type, data } of run({ files, signal, concurrency: 1, timeout: 300_000 })) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const name = `${relative(root, data.file ?? '')}: ${data.name}`;
    if (data.skip !== undefined && data.skip !== false)
      tests.skipped.push(`${name} (${data.skip === true || !data.skip ? 'no reason given' : data.skip})`);
    else if (type === 'test:pass') tests.passed++;
    else {
      tests.failed.push(name);
      const { error } = data.details;
      say(`✗ ${name}\n${error.cause instanceof Error ? error.cause.stack : String(error.cause ?? error.message)}`);
    }
  }
  return { ok: tests.failed.length === 0, tests };
};
