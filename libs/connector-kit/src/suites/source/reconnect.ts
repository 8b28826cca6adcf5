import { isSluiceError } from '@sluice/connector-sdk';
import { describeError, ok } from '../../assert.js';
import type { Case, SourceLab, Trial } from '../../lab.js';
import { Reading, durable, lastCheckpoint, rowsOf } from '../../reading.js';
import { sourceTable } from '../../source-table.js';
import { sameRows } from '../../values.js';
import { missing } from './read.js';

export function reconnectCases(lab: SourceLab): Case[] {
  const { modes } = lab.plugin.can;
  const unproven = missing(lab, 'cut');
  return (['full', 'cursor'] as const)
    .filter((mode) => modes.includes(mode))
    .map((mode): Case => ({ id: `reconnect/${mode}`, unproven, run: (trial) => cutInMidRead(lab, trial, mode) }));
}

/** The connection is cut after the first batch: TransientError, then a new session goes on from the checkpoint. */
async function cutInMidRead(lab: SourceLab, trial: Trial, mode: 'full' | 'cursor'): Promise<void> {
  const first = await lab.open(trial);
  const table = await sourceTable(lab, trial, first.session);
  const reading = new Reading(first.session, table.reader(mode));
  await reading.next();
  await lab.options.peer.cut!();
  const error = await reading.all().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) trial.note('all had been fetched when the connection was cut');
  else
    ok(
      isSluiceError(error, 'transient'),
      `a cut connection ended the read with ${describeError(error)}, expected TransientError`,
    );
  const before = durable([...reading.seen]);
  await first
    .dispose()
    .catch((thrown: unknown) => ok(false, `disposing of a cut session threw ${describeError(thrown)}`));
  const { session } = await lab.open(trial);
  const complete = before.some(({ kind }) => kind === 'complete');
  const after = complete ? [] : await new Reading(session, table.reader(mode), lastCheckpoint(before)).all();
  sameRows([...rowsOf(before), ...rowsOf(after)], table.rows, table.types, 'rows before the cut and after the resume');
}
