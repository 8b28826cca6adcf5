import type { DestinationPlugin, SourcePlugin } from '@sluice/connector-sdk';
import { within } from './assert.js';
import { type Case, DestinationLab, SourceLab, Trial } from './lab.js';
import type { AnyOptions, DestinationOptions, Runner, SourceOptions } from './options.js';
import { type Outcome, Report } from './report.js';
import { destinationCases } from './suites/destination/index.js';
import { sourceCases } from './suites/source/index.js';

/**
 * Registers the conformance suites of a plugin with the test runner: the whole test file of a connector. What `plugin.can`
 * claims is run, what it does not claim must be refused. What the peer has no means for is no test at all, so that nothing
 * unproven looks passed. The last case prints claims, passes, and what was waived or could not be proven.
 */
export function conformance(plugin: SourcePlugin, options: SourceOptions): void;
export function conformance(plugin: DestinationPlugin, options: DestinationOptions): void;
export function conformance(plugin: SourcePlugin | DestinationPlugin, options: AnyOptions): void {
  const { cases, report } = suite(plugin, options);
  const { describe, it } = options.runner ?? globalRunner();
  const timeout = options.timeout ?? 60_000;
  describe(`${plugin.kind} ${plugin.id}`, () => {
    for (const one of cases) {
      if (one.unproven) report.add({ id: one.id, state: 'not proven', notes: [one.unproven] });
      else
        it(
          nameOf(one, options),
          async () => settle(report.add(await attempt(one, options, timeout))),
          2 * timeout + 5000,
        );
    }
    it('the report has no waiver without a reason or a case', async () => {
      (options.print ?? ((text: string) => void process.stdout.write(text)))(report.text());
      report.judge(cases.map(({ id }) => id));
    });
  });
}

/** The same without a test runner: answers the outcome of every case. */
export async function runConformance(plugin: SourcePlugin, options: SourceOptions): Promise<Report>;
export async function runConformance(plugin: DestinationPlugin, options: DestinationOptions): Promise<Report>;
export async function runConformance(plugin: SourcePlugin | DestinationPlugin, options: AnyOptions): Promise<Report> {
  const { cases, report } = suite(plugin, options);
  for (const one of cases) {
    if (one.unproven) report.add({ id: one.id, state: 'not proven', notes: [one.unproven] });
    else report.add(await attempt(one, options, options.timeout ?? 60_000));
  }
  return report;
}

function suite(plugin: SourcePlugin | DestinationPlugin, options: AnyOptions): { cases: Case[]; report: Report } {
  const lab =
    plugin.kind === 'source'
      ? new SourceLab(plugin, options as SourceOptions)
      : new DestinationLab(plugin, options as DestinationOptions);
  const cases = lab instanceof SourceLab ? sourceCases(lab) : destinationCases(lab);
  return { cases, report: new Report(plugin, options.waivers ?? {}, lab.seed) };
}

async function attempt(one: Case, options: AnyOptions, timeout: number): Promise<Outcome> {
  const trial = new Trial();
  const waiver = options.waivers && Object.hasOwn(options.waivers, one.id) ? options.waivers[one.id] : undefined;
  try {
    await run(one, trial, timeout);
    return { id: one.id, state: waiver === undefined ? 'passed' : 'waived in vain', notes: trial.notes };
  } catch (error) {
    const state = waiver?.trim() ? 'waived' : 'failed';
    return { id: one.id, state, notes: waiver?.trim() ? [waiver, ...trial.notes] : trial.notes, error };
  }
}

/** A case that takes too long is undone under its feet: its sessions end, and the next case finds the system clean. */
async function run(one: Case, trial: Trial, timeout: number): Promise<void> {
  let failure: { error: unknown } | undefined;
  await within(timeout, one.run(trial), one.id).catch((error: unknown) => (failure = { error }));
  // What a failed case left may fail to be undone: the case's own error says more.
  await within(timeout, trial[Symbol.asyncDispose](), `undoing ${one.id}`).catch(
    (error: unknown) => (failure ??= { error }),
  );
  if (failure) throw failure.error;
}

/** A waived case is shown with its reason: it may have failed. */
function nameOf({ id }: Case, { waivers }: AnyOptions): string {
  const reason = waivers && Object.hasOwn(waivers, id) ? waivers[id]?.trim() : undefined;
  return reason ? `${id} (waived: ${reason})` : id;
}

function settle(outcome: Outcome): void {
  if (outcome.state === 'failed') throw outcome.error;
}

function globalRunner(): Runner {
  const { describe, it } = globalThis as Partial<Runner>;
  if (!describe || !it) throw new Error("no global 'describe' and 'it': pass them as the option 'runner'");
  return { describe, it };
}
