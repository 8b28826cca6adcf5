/** Cases of sources that claim 'changes': transactions, order, idle, parity, a lost position. */
import type { Change, Checkpoint, Row, Value } from '@sluice/connector-sdk';
import { ok, refused, same } from '../../assert.js';
import type { Case, SourceLab, Trial } from '../../lab.js';
import { Reading, type Seen, durable, lastCheckpoint, rowsOf } from '../../reading.js';
import { type SourceTable, plainRow, sourceTable } from '../../source-table.js';
import { canonical, sameRows } from '../../values.js';
import { missing } from './read.js';

export function changeCases(lab: SourceLab): Case[] {
  if (!lab.plugin.can.modes.includes('changes')) return [];
  const unproven = missing(lab, 'make') ?? missing(lab, 'change');
  const unclaimed = lab.plugin.can.modes.includes('full') ? undefined : "'full' is not claimed";
  return [
    { id: 'changes/applied', unproven, run: (trial) => applied(lab, trial) },
    { id: 'changes/order', unproven, run: (trial) => order(lab, trial) },
    { id: 'changes/images', unproven, run: (trial) => images(lab, trial) },
    { id: 'changes/resume', unproven, run: (trial) => resumed(lab, trial) },
    { id: 'transactions/boundary', unproven, run: (trial) => boundary(lab, trial) },
    { id: 'idle/boundary', unproven, run: (trial) => idle(lab, trial) },
    { id: 'parity/snapshot-and-change', unproven: unproven ?? unclaimed, run: (trial) => parity(lab, trial) },
    { id: 'lost-position/changes', unproven: unproven ?? missing(lab, 'lose'), run: (trial) => lost(lab, trial) },
    { id: 'confirm/never', unproven, run: (trial) => resumed(lab, trial, false) },
  ];
}

/** An empty table whose change stream is open, with its first checkpoint: from there on the kit makes the changes. */
async function follow(lab: SourceLab, trial: Trial, name = 'kit_changes') {
  const abort = new AbortController();
  const opened = await lab.open(trial, { abort });
  const table = await sourceTable(lab, trial, opened.session, { name, rows: [] });
  const reading = new Reading(opened.session, table.reader('changes'));
  trial.defer(() => {
    // A read that waits for changes ends with its signal; return() alone would wait with it.
    abort.abort(new Error('the kit is done'));
    return reading.stop();
  });
  await reading.all((seen) => lastCheckpoint(seen) !== undefined);
  const start = lastCheckpoint(reading.seen);
  ok(start, "a read in mode 'changes' ended before its first checkpoint");
  return { ...opened, table, reading, start };
}

/** What the kit commits, in its own columns; the plugin's rows are in the stream's, recast. */
const change = (lab: SourceLab, changes: readonly Change[]) => lab.options.peer.change!(changes);
const insert = (table: SourceTable, n: number, text?: string): Change => ({
  op: 'insert',
  stream: table.stream.id,
  after: plainRow(n, text),
});
const inserts = (table: SourceTable, count: number, from = 0): Change[] =>
  Array.from({ length: count }, (_, i) => insert(table, from + i));
const update = (table: SourceTable, n: number, text: string): Change => ({
  op: 'update',
  stream: table.stream.id,
  before: plainRow(n),
  after: plainRow(n, text),
});

const changesOf = (seen: readonly Seen[]): Change[] => seen.flatMap(({ changes }) => changes);
const count = (seen: readonly Seen[]): number => changesOf(seen).length;

/** What a table holds after these changes, by the first column. An unchanged value keeps what was there. */
function applyAll(changes: readonly Change[]): Row[] {
  const rows = new Map<string, Row>();
  const key = (row: Row) => canonical('int64', row[0]);
  for (const step of changes) {
    if (step.op === 'truncate') rows.clear();
    if (step.op === 'delete') rows.delete(key(step.before));
    if (step.op === 'insert') rows.set(key(step.after), step.after);
    if (step.op !== 'update') continue;
    const old = rows.get(key(step.before ?? step.after));
    if (step.before) rows.delete(key(step.before));
    rows.set(
      key(step.after),
      step.after.map((value, i): Value => (value === undefined ? old?.[i] : value)),
    );
  }
  return [...rows.values()];
}

async function applied(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading } = await follow(lab, trial);
  const made = [
    ...inserts(table, 10),
    update(table, 2, 'changed'),
    { op: 'delete', stream: table.stream.id, before: plainRow(4) } as const,
  ];
  await change(lab, made);
  await reading.all((seen) => count(seen) >= made.length && seen.at(-1)?.checkpoint !== undefined);
  const order = table.stream.columns.map(({ name }) => ['id', 'name', 'amount', 'seen_at'].indexOf(name));
  const expected = applyAll(made).map((row) => order.map((at) => row[at]));
  sameRows(applyAll(changesOf(reading.seen)), expected, table.types, 'the table after its changes');
}

/** Invariant 8: the values of one key come in the order they were committed. */
async function order(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading } = await follow(lab, trial);
  const texts = Array.from({ length: 8 }, (_, i) => `version ${i}`);
  await change(lab, [insert(table, 0, 'first')]);
  for (const text of texts) await change(lab, [update(table, 0, text)]);
  await reading.all((seen) => count(seen) >= texts.length + 1);
  const at = table.stream.columns.findIndex(({ name }) => name === 'name');
  const came = changesOf(reading.seen).map((step) => ('after' in step ? step.after[at] : step.op));
  same(came, ['first', ...texts], 'values of one key in their order');
}

/** A delete has at least the key; an update that moves the key has `before`; only an update may leave values out. */
async function images(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading } = await follow(lab, trial);
  const moved: Change = {
    op: 'update',
    stream: table.stream.id,
    before: plainRow(1),
    after: [99, ...plainRow(1).slice(1)],
  };
  const made: Change[] = [...inserts(table, 2), moved, { op: 'delete', stream: table.stream.id, before: plainRow(0) }];
  await change(lab, made);
  await reading.all((seen) => count(seen) >= made.length);
  const at = table.stream.columns.findIndex(({ name }) => name === 'id');
  for (const step of changesOf(reading.seen)) {
    if (step.op === 'insert') ok(!step.after.includes(undefined), 'an insert leaves a value out');
    if (step.op === 'delete') ok(step.before[at] !== undefined && step.before[at] !== null, 'a delete lacks its key');
    if (step.op === 'update' && step.after[at] === 99)
      same(step.before?.[at], 2, 'the key before an update that moves it');
  }
}

/** Stopped after each batch and opened again: every change comes, none twice. With `confirm` called, and never. */
async function resumed(lab: SourceLab, trial: Trial, confirm = true): Promise<void> {
  const { table, reading, start, dispose } = await follow(lab, trial);
  await reading.stop();
  await dispose();
  for (let i = 0; i < 4; i++) await change(lab, inserts(table, 15, i * 15));
  const got: Change[] = [];
  let at: Checkpoint = start;
  for (let round = 0; got.length < 60; round++) {
    ok(round < 500, 'a change stream stopped after every batch never ends');
    const next = await nextDurable(lab, trial, table, at, confirm, round % 3);
    got.push(...changesOf(next));
    at = lastCheckpoint(next) ?? at;
  }
  const order = table.stream.columns.map(({ name }) => ['id', 'name', 'amount', 'seen_at'].indexOf(name));
  const expected = Array.from({ length: 60 }, (_, n) => plainRow(n)).map((row) => order.map((i) => row[i]));
  const rows = got.flatMap((step) => ('after' in step ? [step.after] : []));
  sameRows(rows, expected, table.types, 'changes of a stream that was stopped again and again');
}

/** Reads on to the next checkpoint and `beyond` batches more, which are lost with the session. */
async function nextDurable(
  lab: SourceLab,
  trial: Trial,
  table: SourceTable,
  at: Checkpoint,
  confirm: boolean,
  beyond: number,
): Promise<readonly Seen[]> {
  const { session, dispose } = await lab.open(trial);
  const reading = new Reading(session, table.reader('changes'), at);
  await reading.all((seen) => count(seen) > 0 && seen.at(-1)?.checkpoint !== undefined);
  const kept = durable([...reading.seen]);
  if (confirm) await session.confirm?.(lastCheckpoint(kept)!);
  // More may not come when this was the last: only what is already there is asked for.
  if (beyond > 0 && count(kept) < 15) await reading.next();
  await reading.stop();
  await dispose();
  return kept;
}

/** Invariant 3: each checkpoint stands at the end of a transaction, whatever its size. */
async function boundary(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading } = await follow(lab, trial);
  const sizes = [1, 200, 3, 100, 1];
  let from = 0;
  for (const size of sizes) {
    await change(lab, inserts(table, size, from));
    from += size;
  }
  await reading.all((seen) => count(seen) >= from && seen.at(-1)?.checkpoint !== undefined);
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
  let sum = 0;
  for (const seen of reading.seen) {
    sum += seen.changes.length;
    if (seen.checkpoint && sum > 0)
      ok(
        ends.includes(sum),
        `a checkpoint after ${sum} changes splits a transaction; they end after ${ends.join(', ')}`,
      );
  }
}

/** The position moves on while other tables are busy, and never in the middle of a transaction. */
async function idle(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading, start } = await follow(lab, trial);
  const { session } = await lab.open(trial);
  const other = await sourceTable(lab, trial, session, { name: 'kit_other', rows: [] });
  await change(lab, inserts(other, 5));
  await reading.all((seen) => JSON.stringify(lastCheckpoint(seen)) !== JSON.stringify(start));
  await change(lab, inserts(table, 150));
  await reading.all((seen) => count(seen) >= 150 && seen.at(-1)?.checkpoint !== undefined);
  let staged = false;
  for (const seen of reading.seen) {
    ok(!(seen.kind === 'idle' && staged), "'idle' between the batches of a transaction would publish half of it");
    staged =
      seen.kind !== 'idle' && seen.checkpoint === undefined && (staged || seen.changes.length + seen.rows.length > 0);
  }
}

/** A row read by snapshot equals the same row read as a change. */
async function parity(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading } = await follow(lab, trial);
  await change(lab, inserts(table, 20));
  await reading.all((seen) => count(seen) >= 20);
  const { session } = await lab.open(trial);
  const whole = await new Reading(session, table.reader('full')).all();
  sameRows(
    applyAll(changesOf(reading.seen)),
    rowsOf(whole),
    table.types,
    'rows as changes, against rows of a full read',
  );
}

/** Invariant 7: what the log no longer has is said, before any batch. */
async function lost(lab: SourceLab, trial: Trial): Promise<void> {
  const { table, reading, start, dispose } = await follow(lab, trial);
  await reading.stop();
  await dispose();
  await change(lab, inserts(table, 5));
  await lab.options.peer.lose!();
  const { session } = await lab.open(trial);
  const error = await refused(
    async () => new Reading(session, table.reader('changes'), start).raw(),
    'a checkpoint older than the log',
    'lost-position',
  );
  ok('asked' in error && 'available' in error, 'LostPositionError does not say what was asked for and what is there');
}
