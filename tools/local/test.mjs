// @ts-check
/** `npm test`: everything that must hold before a change lands. */
import { bootstrap } from './bootstrap.mjs';
import { showHelp, wantsHelp } from './command-line.mjs';
import { UsageError, UserError, elapsed, runMain, say } from './say.mjs';
import { onStopSignal } from './stop-signals.mjs';
import { projectStage, stages } from './test-stages.mjs';

const usage = `
usage: npm test [-- [--only STAGES] [PROJECTS...] [Jest's own arguments]]

Everything that must hold before a change lands, against servers that it starts and throws away.

  npm test                         all stages: ${stages.map(({ name }) => name).join(', ')}
  npm test -- --only lint,unit     some of them
  npm test -- postgres -t "COPY"   Jest projects by name; other arguments go to Jest
`;

/** @typedef {{ name: string, outcome: import('./test-stages.mjs').Outcome, took: string }} Finished */

/** @param {string[]} argv */
const parse = (argv) => {
  const args = [...argv];
  const at = args.findIndex((arg) => arg === '--only' || arg.startsWith('--only='));
  const only =
    at < 0
      ? undefined
      : args
          .splice(at, args[at] === '--only' ? 2 : 1)
          .at(-1)
          ?.replace(/^--only=/, '')
          .split(',');
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  const names = firstOption < 0 ? args : args.slice(0, firstOption);
  const jestArgs = firstOption < 0 ? [] : args.slice(firstOption);
  const wanted = [...(only ?? []), ...names];
  const chosen = stages.filter(({ name }) => wanted.includes(name));
  const projects = wanted.filter((name) => !stages.some((stage) => stage.name === name));
  if (only?.[0] === '--only' || only?.includes('')) throw new UsageError('--only wants stages', usage);
  return {
    chosen: wanted.length === 0 ? [...stages] : [...chosen, ...(projects.length > 0 ? [projectStage(projects)] : [])],
    jestArgs,
  };
};

/** @param {Finished[]} finished */
const report = (finished) => {
  say('');
  for (const { name, outcome, took } of finished) {
    const { tests } = outcome;
    const counts = tests
      ? `${tests.passed} passed, ${tests.failed.length} failed, ${tests.skipped.length} skipped`
      : (outcome.note ?? '');
    say(`${outcome.ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${took.padStart(9)}  ${counts}`.trimEnd());
  }
  const all = finished.flatMap(({ outcome }) => outcome.tests ?? []);
  const failed = all.flatMap((tests) => tests.failed);
  const skipped = all.flatMap((tests) => tests.skipped);
  for (const name of failed) say(`failed: ${name}`);
  for (const name of skipped) say(`skipped: ${name}`);
  const broken = finished.filter(({ outcome }) => !outcome.ok).map(({ name }) => name);
  if (broken.length > 0) say(`stages that failed: ${broken.join(', ')}`);
  const passed = all.reduce((sum, tests) => sum + tests.passed, 0);
  say(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  return broken.length > 0 || failed.length > 0 ? 1 : 0;
};

await runMain(async () => {
  const argv = process.argv.slice(2);
  if (wantsHelp(argv)) showHelp(usage);
  const { chosen, jestArgs } = parse(argv);
  const { abort } = onStopSignal();
  await bootstrap({ projects: 'none', signal: abort });
  /** @type {Finished[]} */
  const finished = [];
  for (const { name, run } of chosen) {
    if (abort.aborted) break;
    const since = performance.now();
    say(`\n== ${name}`);
    const outcome = await run(jestArgs, abort).catch((error) => {
      say(error instanceof UserError ? error.message : String(error?.stack ?? error));
      return { ok: false, note: 'it could not be run' };
    });
    finished.push({ name, outcome, took: elapsed(since) });
  }
  const code = report(finished);
  return abort.aborted ? 130 : code;
});
