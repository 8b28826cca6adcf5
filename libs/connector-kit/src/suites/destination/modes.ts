/** append, upsert, and the refusal of modes that are not claimed. */
import type { Row, WriteMode } from '@sluice/connector-sdk';
import { refused } from '../../assert.js';
import { deliver, newGoal, newLane, rowData, writer } from '../../goal.js';
import type { Case, DestinationLab, Trial } from '../../lab.js';
import { plainColumns, plainRow, plainRows } from '../../source-table.js';

export function modeCases(lab: DestinationLab): Case[] {
  const { modes } = lab.plugin.can;
  const append: Case[] = [
    { id: 'append/rows', run: (trial) => added(lab, trial) },
    { id: 'append/keyless', run: (trial) => keyless(lab, trial) },
  ];
  const upsert: Case[] = [
    { id: 'upsert/rows', run: (trial) => upserted(lab, trial) },
    { id: 'upsert/last-wins', run: (trial) => lastWins(lab, trial) },
    { id: 'upsert/composite-key', run: (trial) => composite(lab, trial) },
    { id: 'upsert/needs-key', run: (trial) => needsKey(lab, trial) },
  ];
  const unclaimed = (['append', 'upsert', 'replace'] as const).filter((mode) => !modes.includes(mode));
  return [
    ...(modes.includes('append') ? append : []),
    ...(modes.includes('upsert') ? upsert : []),
    ...unclaimed.map((mode): Case => ({ id: `${mode}/unclaimed`, run: (trial) => unprepared(lab, trial, mode) })),
  ];
}

async function added(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'append' });
  await deliver(lab, trial, goal, [rowData(goal, plainRows(30))]);
  await deliver(lab, trial, goal, [rowData(goal, plainRows(30, 30))]);
  await goal.holds(plainRows(60), 'after two loads of thirty rows');
}

/** Without a key equal rows are different rows. */
async function keyless(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'append', key: [] });
  await deliver(lab, trial, goal, [rowData(goal, [...plainRows(3), ...plainRows(3)])]);
  await deliver(lab, trial, goal, [rowData(goal, plainRows(3))]);
  await goal.holds([...plainRows(3), ...plainRows(3), ...plainRows(3)], 'three loads of equal rows without a key');
}

async function upserted(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'upsert' });
  await deliver(lab, trial, goal, [rowData(goal, plainRows(20))]);
  const news = Array.from({ length: 20 }, (_, i) => plainRow(10 + i, `new ${i}`));
  await deliver(lab, trial, goal, [rowData(goal, news)]);
  await goal.holds([...plainRows(10), ...news], 'after ten rows were replaced and ten added');
}

/** Invariant 8: of one key's rows in one commit, in one write or in several, the last one stays. */
async function lastWins(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'upsert' });
  const version = (text: string): Row[] => [plainRow(1, text), plainRow(2, text)];
  const writes = [[...version('a'), ...version('b')], version('c'), [...version('d'), ...version('last')]];
  await deliver(
    lab,
    trial,
    goal,
    writes.map((rows) => rowData(goal, rows)),
  );
  await goal.holds(version('last'), 'rows of two keys that were written five times');
}

async function composite(lab: DestinationLab, trial: Trial): Promise<void> {
  const columns = [{ name: 'region', type: 'string', nullable: false, length: 20 } as const, ...plainColumns];
  const goal = newGoal(lab, trial, { mode: 'upsert', columns, key: ['region', 'id'] });
  const rows = (text: string): Row[] =>
    ['a', 'A', 'b'].flatMap((region) => [1, 2].map((n) => [region, ...plainRow(n, text)]));
  await deliver(lab, trial, goal, [rowData(goal, rows('old'))]);
  const news = rows('new').filter((row) => row[0] !== 'b');
  await deliver(lab, trial, goal, [rowData(goal, news)]);
  await goal.holds([...news, ...rows('old').filter((row) => row[0] === 'b')], 'rows keyed by two columns');
}

async function needsKey(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = newGoal(lab, trial, { mode: 'upsert', key: [] });
  await refused(() => writer(lab, trial, goal, newLane(lab, trial)), "mode 'upsert' without a key", 'config', 'data');
}

async function unprepared(lab: DestinationLab, trial: Trial, mode: WriteMode): Promise<void> {
  const goal = newGoal(lab, trial, { mode });
  await refused(
    () => writer(lab, trial, goal, newLane(lab, trial)),
    `mode '${mode}', which is not claimed,`,
    'config',
    'data',
  );
}
