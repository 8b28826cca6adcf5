/** The raw data of a scenario as a file that others can compute from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, loadWarning, type Machine } from '../measure/machine.js';
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
  /** Takes out what must not leave this machine. */
  readonly scrub: (text: string) => string;
}

/** More digits than any clock here has. */
const rounded = (_: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toFixed(4)) : value);

/** @returns the file's path */
export const writeResult = (folder: string, report: Report): string => {
  const { scenario, outcome, verdicts, machine, versions, options, at, scrub } = report;
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
    ...(loadWarning(machine) !== undefined && { warning: loadWarning(machine) }),
    versions,
    options: { rows, rounds, large, without },
    verdicts: verdicts.map(({ target, value, verdict }) => ({ ...target, value, verdict })),
    ...data,
  };
  writeFileSync(file, scrub(`${JSON.stringify(content, rounded, 2)}\n`));
  return file;
};
