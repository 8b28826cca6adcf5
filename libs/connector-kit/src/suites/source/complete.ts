import { ok, same } from '../../assert.js';
import { type Case, type SourceLab, type Trial } from '../../lab.js';
import { Reading } from '../../reading.js';
import { sourceTable } from '../../source-table.js';

export function completeCases(lab: SourceLab): Case[] {
  const { modes } = lab.plugin.can;
  return [
    ...(modes.includes('full')
      ? [
          { id: 'complete/once', run: (trial: Trial) => once(lab, trial, lab.rows) },
          { id: 'complete/empty', run: (trial: Trial) => once(lab, trial, 0) },
        ]
      : []),
    ...(modes.includes('cursor') ? [{ id: 'complete/full-only', run: (trial: Trial) => fullOnly(lab, trial) }] : []),
  ];
}

/** Exactly one, after the last data, with a checkpoint, for an empty stream too. */
async function once(lab: SourceLab, trial: Trial, count: number): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session, { count });
  const seen = await new Reading(session, table.reader('full')).all();
  const completes = seen.filter(({ kind }) => kind === 'complete');
  same(
    completes.map(({ stream }) => stream),
    [table.stream.id],
    `'complete' of a full read of ${count} rows`,
  );
  ok(seen.at(-1)?.kind === 'complete', "data came after 'complete'");
  ok(completes[0]?.checkpoint, "'complete' has no checkpoint");
}

async function fullOnly(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const seen = await new Reading(session, table.reader('cursor')).all();
  same(seen.filter(({ kind }) => kind === 'complete').length, 0, "'complete' in mode 'cursor'");
}
