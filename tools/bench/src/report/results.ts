/** The raw data of a scenario as a file that others can compute from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, type Machine } from '../measure/machine.js';
import type { Options } from '../options.js';
import type { Outcome, Scenario } from '../scenarios/scenario.js';
import type { Verdict } from './targets.js';

export interface Report {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly verdicts: readonly Verdict[];
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly options: Options;
  readonly at: Date;
}

/** @returns the file's path */
export const writeResult = (folder: string, report: Report): string => {
  const { scenario, outcome, verdicts, machine, versions, options, at } = report;
  const { rows, rounds, large, without } = options;
  const { table: _, ...data } = outcome;
  const file = join(folder, `${at.toISOString().slice(0, 10)}-${scenario.id}.json`);
  mkdirSync(folder, { recursive: true });
  const content = {
    scenario: scenario.id,
    title: scenario.title,
    at: at.toISOString(),
    commit: commit(),
    machine,
    versions,
    options: { rows, rounds, large, without },
    verdicts: verdicts.map(({ target, value, verdict }) => ({ ...target, value, verdict })),
    ...data,
  };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
};
