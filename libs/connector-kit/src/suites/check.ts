/** check and errors: findings, refusals of wrong configurations, and no secret in anything that is said. */
import { ConfigError, codes, isSluiceError } from '@sluice/connector-sdk';
import type {
  DestinationPlugin,
  DestinationSession,
  Finding,
  SourcePlugin,
  SourceSession,
} from '@sluice/connector-sdk';
import { describeError, ok, same } from '../assert.js';
import { type Case, type Lab, type Trial, valueOf } from '../lab.js';
import type { AnyOptions, Fault } from '../options.js';
import { at, edited, properties, validate } from '../schema.js';

export type AnyLab = Lab<SourcePlugin | DestinationPlugin, AnyOptions, SourceSession | DestinationSession>;

export function checkCases(lab: AnyLab): Case[] {
  return [
    { id: 'check/required', run: (trial) => required(lab, trial) },
    { id: 'check/strangers', run: () => strangers(lab) },
    { id: 'check/dial', unproven: namesServer(lab), run: (trial) => dials(lab, trial) },
    // Before any other: what an earlier check() left would be there already.
    { id: 'check/leaves-nothing', unproven: untold(lab), run: (trial) => leavesNothing(lab, trial) },
    { id: 'check/healthy', run: (trial) => healthy(lab, trial) },
    ...(lab.options.faults ?? []).map((fault): Case => ({
      id: `check/fault ${fault.name}`,
      run: (trial) => faulty(lab, trial, fault),
    })),
  ];
}

/** Runs last: by then the plugin has said all it has to say. */
export function secretCases(lab: AnyLab): Case[] {
  const secrets = () => properties(lab.schema).filter(({ schema }) => schema['writeOnly'] === true);
  return [
    {
      id: 'errors/wrong-secret',
      run: async (trial) => {
        for (const { path } of secrets()) await wrongSecret(lab, trial, path);
      },
    },
    {
      id: 'errors/no-secrets',
      run: async (trial) => {
        const values = secrets().map(({ path }) => at(lab.config, path));
        const needles = values.filter((value): value is string => typeof value === 'string' && value.length >= 6);
        if (needles.length < values.filter(Boolean).length)
          trial.note('a secret of the configuration is shorter than six characters and was not looked for');
        const found = lab.recorder.find([...needles, canary]);
        ok(found.length === 0, `a secret was heard in ${found.join('; ')}`);
      },
    },
  ];
}

/** Each required key taken away: the schema names it, so that the host's ConfigError can. */
async function required(lab: AnyLab, trial: Trial): Promise<void> {
  const keys = properties(lab.schema).filter(
    (property) => property.required && at(lab.config, property.path) !== undefined,
  );
  if (keys.length === 0) trial.note('no required option');
  for (const { path } of keys) {
    const without = edited(lab.config, path, (holder, key) => delete holder[key]);
    const name = path.join('.');
    const result = await validate(lab.plugin, without);
    ok('issues' in result, `the schema takes a configuration without the required '${name}'`);
    ok(result.paths.includes(name), `without '${name}' the issues name [${result.paths.join(', ')}] instead`);
  }
}

const namesServer = (lab: AnyLab): string | undefined => {
  const names = properties(lab.schema).map(({ path }) => path.join('.'));
  return names.includes('host') && names.includes('port') ? undefined : "the configuration has no 'host' with a 'port'";
};

/** A host that the platform refuses is not reached in any other way, and its refusal is what the user reads. */
async function dials(lab: AnyLab, trial: Trial): Promise<void> {
  let asked = 0;
  const dial = async (): Promise<never> => {
    asked++;
    throw new ConfigError('the kit refuses this host', { code: codes.outboundDenied, path: ['host'] });
  };
  const opening = lab.open(trial, { dial });
  const error: unknown = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  ok(asked > 0, 'open() connected without context.dial, or did not connect');
  ok(
    isSluiceError(error, 'config') && error.code === codes.outboundDenied,
    `the refusal of context.dial came out as ${error === undefined ? 'an open session' : describeError(error)}`,
  );
}

async function strangers(lab: AnyLab): Promise<void> {
  for (const config of [null, 'a text', 7, []]) {
    ok(
      'issues' in (await validate(lab.plugin, config)),
      `the schema takes ${JSON.stringify(config)} for a configuration`,
    );
  }
}

async function healthy(lab: AnyLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const findings = await session.check();
  findings.forEach(wellFormed);
  const errors = findings.filter(({ severity }) => severity === 'error');
  ok(
    errors.length === 0,
    `a working configuration has errors: ${errors.map(({ code, message }) => `${code}: ${message}`).join('; ')}`,
  );
}

function wellFormed(finding: Finding): void {
  ok(/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?$/.test(finding.code), `finding code '${finding.code}' is not kebab-case`);
  ok(['error', 'warning'].includes(finding.severity), `finding '${finding.code}' has severity '${finding.severity}'`);
  ok(finding.message.trim() !== '', `finding '${finding.code}' has no message`);
  ok(finding.fix === undefined || finding.fix.trim() !== '', `finding '${finding.code}' has an empty fix`);
}

const untold = ({ options: { peer } }: AnyLab): string | undefined =>
  (peer.leftovers ?? ('tables' in peer ? peer.tables : undefined)) ? undefined : "the peer has no 'leftovers'";

async function leavesNothing(lab: AnyLab, trial: Trial): Promise<void> {
  const { peer } = lab.options;
  const state = async () => ({
    left: await peer.leftovers?.(),
    tables: 'tables' in peer ? await peer.tables?.() : undefined,
  });
  const before = await state();
  const { session, dispose } = await lab.open(trial);
  await session.check();
  await dispose();
  same(await state(), before, 'what the system holds after check()');
}

/** A wrong configuration is refused by `open` as a ConfigError, or found by `check`; either way with the code expected. */
async function faulty(lab: AnyLab, trial: Trial, fault: Fault): Promise<void> {
  const codes = await complaints(lab, trial, valueOf(fault.config));
  ok(codes.includes(fault.code), `expected code '${fault.code}', got [${codes.join(', ')}]`);
}

async function complaints(lab: AnyLab, trial: Trial, config: unknown): Promise<string[]> {
  try {
    const { session } = await lab.open(trial, { config });
    const findings = await session.check();
    findings.forEach(wellFormed);
    return findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  } catch (error) {
    ok(
      isSluiceError(error, 'config') || isSluiceError(error, 'transient'),
      `refused with ${describeError(error)}, expected a ConfigError`,
    );
    ok(error.message.trim() !== '', 'refused without a message');
    return [error.code];
  }
}

const canary = 'kit-canary-7c1f';

async function wrongSecret(lab: AnyLab, trial: Trial, path: readonly string[]): Promise<void> {
  if (typeof at(lab.config, path) !== 'string')
    return trial.note(`'${path.join('.')}' is not set in the configuration`);
  const config = edited(lab.config, path, (holder, key) => (holder[key] = canary));
  if ('issues' in (await validate(lab.plugin, config)))
    return trial.note(`'${path.join('.')}' is checked by the schema`);
  const codes = await complaints(lab, trial, config);
  if (codes.length === 0) trial.note(`the system took a wrong '${path.join('.')}'`);
}
