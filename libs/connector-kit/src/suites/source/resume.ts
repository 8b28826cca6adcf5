import type { Checkpoint } from '@sluice/connector-sdk';
import { ok, refused, same } from '../../assert.js';
import type { Case, SourceLab, Trial } from '../../lab.js';
import { Reading, type Reader, type Seen, durable, lastCheckpoint, rowsOf } from '../../reading.js';
import { type SourceTable, sourceTable } from '../../source-table.js';
import { sameRows } from '../../values.js';

/** Boundaries tried per mode; more than that are sampled evenly. */
const most = 100;

export function resumeCases(lab: SourceLab): Case[] {
  const { modes, encodings } = lab.plugin.can;
  const full = modes.includes('full');
  const every = (id: string, reader: (table: SourceTable) => Reader): Case => ({
    id: `resume/${id}`,
    run: (trial) => everyBatch(lab, trial, reader),
  });
  return [
    ...(full ? [every('full', (table) => table.reader('full'))] : []),
    ...(modes.includes('cursor') ? [every('cursor', (table) => table.reader('cursor'))] : []),
    ...(full ? encodings.map((encoding) => every(encoding, (table) => table.reader('full', { encoding }))) : []),
    { id: 'resume/checkpoints', run: (trial) => plain(lab, trial) },
    ...(full ? [{ id: 'resume/anew', run: (trial: Trial) => anew(lab, trial) }] : []),
    { id: 'resume/unknown-version', run: (trial) => unknown(lab, trial) },
  ];
}

/** Stopped after each batch in turn and opened again from the last checkpoint: what was durable and what comes is the whole. */
async function everyBatch(lab: SourceLab, trial: Trial, reader: (table: SourceTable) => Reader): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const whole = await new Reading(session, reader(table)).all();
  const last = whole.length - 1;
  trial.note(`${whole.length} batches, ${whole.filter(({ checkpoint }) => checkpoint).length} checkpoints`);
  const step = Math.max(1, Math.ceil(last / most));
  for (let stop = 1; stop <= last; stop += step) await stoppedAfter(lab, trial, table, reader(table), stop);
}

async function stoppedAfter(
  lab: SourceLab,
  trial: Trial,
  table: SourceTable,
  reader: Reader,
  stop: number,
): Promise<void> {
  const first = await lab.open(trial);
  const reading = new Reading(first.session, reader);
  const before = durable(await reading.all((seen) => seen.length >= stop));
  await reading.stop();
  await first.dispose();
  const second = await lab.open(trial);
  const after = await new Reading(second.session, reader, lastCheckpoint(before)).all();
  await second.dispose();
  const rows = [...rowsOf(before), ...rowsOf(after)];
  sameRows(rows, table.rows, table.types, `stopped after batch ${stop} and resumed`);
}

/** Checkpoints are JSON with a whole `v`, and are the same after a way through JSON. */
async function plain(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const mode = lab.plugin.can.modes.find((known) => known !== 'changes');
  if (!mode) return trial.note('only changes');
  const reading = new Reading(session, table.reader(mode));
  let count = 0;
  for (let batch = await reading.raw(); batch; batch = await reading.raw()) {
    if (!('checkpoint' in batch) || !batch.checkpoint) continue;
    count++;
    ok(Number.isInteger(batch.checkpoint.v), `a checkpoint's v is ${String(batch.checkpoint.v)}, not a whole number`);
    jsonOnly(batch.checkpoint, 'checkpoint');
  }
  ok(count > 0, 'a whole read had no checkpoint');
}

function jsonOnly(value: unknown, where: string): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number') return ok(Number.isFinite(value), `${where} is ${value}, which JSON cannot say`);
  ok(typeof value === 'object', `${where} is a ${typeof value}, which JSON cannot say`);
  const proto: unknown = Object.getPrototypeOf(value);
  ok(
    Array.isArray(value) ||
      proto === null ||
      (proto as { constructor?: { name?: string } }).constructor?.name === 'Object',
    `${where} is an object of a class`,
  );
  for (const [key, item] of Object.entries(value)) jsonOnly(item, `${where}.${key}`);
}

async function anew(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const first: readonly Seen[] = await new Reading(session, table.reader('full')).all();
  same(first.at(-1)?.kind, 'complete', 'the last batch of a full read');
  const again = await new Reading((await lab.open(trial)).session, table.reader('full'), lastCheckpoint(first)).all();
  sameRows(rowsOf(again), table.rows, table.types, 'a full read after one that was completed');
}

/** A checkpoint of a version the source never wrote is a lost position, said before the first batch. (Invariant 7) */
async function unknown(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const never: Checkpoint = { v: 999_999 };
  for (const mode of lab.plugin.can.modes) {
    const reading = async () => new Reading(session, table.reader(mode), never).raw();
    await refused(reading, `mode '${mode}' from a checkpoint of version 999999`, 'lost-position');
  }
}
