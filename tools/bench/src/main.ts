/** `npm run bench`: runs the scenarios, prints what came out, writes the raw data, lists what was missed. */
import { join } from 'node:path';
import { workspace, type Say } from './local-tools.js';
import { describeMachine, loadWarning, type Machine } from './measure/machine.js';
import { parseOptions, usage, type Options } from './options.js';
import { writeResult } from './report/results.js';
import { judge, verdictLine, type Verdict } from './report/targets.js';
import { gateway } from './scenarios/gateway.js';
import { latency } from './scenarios/latency.js';
import { manyTables } from './scenarios/many-tables.js';
import { mysqlPg, pgMariadb } from './scenarios/mariadb-pairs.js';
import { memory } from './scenarios/memory.js';
import { pgPg, rows } from './scenarios/pg-pg.js';
import type { Scenario } from './scenarios/scenario.js';
import { openStand, type Stand } from './stand.js';

const scenarios: readonly Scenario[] = [pgPg, mysqlPg, pgMariadb, rows, memory, latency, manyTables, gateway];
const ids = scenarios.map(({ id }) => id);

/** Results go to standard output, what is being done to standard error. */
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const say: Say = (line) => void process.stderr.write(`${line}\n`);

interface Done {
  readonly verdicts: readonly Verdict[];
  readonly failures: readonly string[];
}

const runScenario = async (scenario: Scenario, stand: Stand, machine: Machine): Promise<Done> => {
  const at = new Date();
  const { options, work, tools } = stand;
  say(`\n${scenario.id}: ${scenario.title}`);
  try {
    const outcome = await scenario.run(stand);
    const verdicts = judge(scenario.id, outcome.figures);
    print(work.scrub(`\n## ${scenario.title}\n\n${outcome.table}\n`));
    for (const note of outcome.notes) print(`- ${note}`);
    for (const verdict of verdicts) print(`- ${verdictLine(verdict)}`);
    const folder = options.results ?? join(workspace, 'tools/bench/results');
    const report = { scenario, outcome, verdicts, machine, versions: tools.versions, options, at, scrub: work.scrub };
    say(`raw data: ${writeResult(folder, report)}`);
    return { verdicts, failures: outcome.failures.map((failure) => work.scrub(`${scenario.id}: ${failure}`)) };
  } catch (error) {
    const failure = work.scrub(`${scenario.id}: ${error instanceof Error ? error.message : String(error)}`);
    say(`FAILED ${failure}`);
    return { verdicts: judge(scenario.id, {}), failures: [failure] };
  }
};

const printMachine = (
  { cpu, cores, memoryGb, kernel, node }: Machine,
  versions: Readonly<Record<string, string>>,
): void => {
  print(`# Sluice benchmark\n\n${cores} x ${cpu}, ${memoryGb} GB, Linux ${kernel}, Node ${node}\n`);
  for (const [program, version] of Object.entries(versions)) print(`- ${program}: ${version}`);
};

const summarize = (done: readonly Done[], warning: string | undefined): void => {
  print('\n## Targets\n');
  const verdicts = done.flatMap((one) => one.verdicts);
  const short = verdicts.filter(({ verdict }) => verdict !== 'reached');
  print(`${verdicts.length - short.length} of ${verdicts.length} reached.\n`);
  for (const verdict of short) print(`- ${verdictLine(verdict)}`);
  for (const failure of done.flatMap(({ failures }) => failures)) print(`- FAILED: ${failure}`);
  if (warning !== undefined) print(`\nWarning: at the start ${warning}.`);
};

/** @returns exit code */
const bench = async (options: Options): Promise<number> => {
  const machine = describeMachine();
  const warning = loadWarning(machine);
  if (warning !== undefined) say(`Warning: ${warning}`);
  const stopping = new AbortController();
  const stand = await openStand(options, say, stopping.signal);
  // Ctrl-C comes twice, from the terminal and from npm; stopping happens once.
  const stopOn = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) return;
    say(`${signal}: stopping the servers`);
    stopping.abort(new Error('stopped'));
    void stand.stop().finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stopOn);
  const done: Done[] = [];
  try {
    printMachine(machine, stand.tools.versions);
    for (const id of options.only) {
      const scenario = scenarios.find((one) => one.id === id);
      if (scenario && !stopping.signal.aborted) done.push(await runScenario(scenario, stand, machine));
    }
  } finally {
    await stand.stop();
  }
  summarize(done, warning);
  if (done.some(({ failures }) => failures.length > 0)) return 1;
  return options.strict && done.some(({ verdicts }) => verdicts.some(({ verdict }) => verdict !== 'reached')) ? 1 : 0;
};

const main = async (): Promise<void> => {
  try {
    const options = parseOptions(process.argv.slice(2), ids);
    if (options.help) return print(usage(ids));
    process.exitCode = await bench(options);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
};
void main();
