import type { Json, ReadMode, Row, SourceSession } from '@sluice/connector-sdk';
import { ok, pause, refused, same } from '../../assert.js';
import { type Case, type SourceLab, type Trial, needs } from '../../lab.js';
import { Reading, type Seen, lastCheckpoint, rowsOf } from '../../reading.js';
import { plainColumns, plainRows, sourceTable } from '../../source-table.js';
import { sameRows } from '../../values.js';
import { gone } from './discover.js';

export function readCases(lab: SourceLab): Case[] {
  const { modes, split } = lab.plugin.can;
  const when = (claimed: boolean, ...cases: Case[]) => (claimed ? cases : []);
  const unclaimed = (['full', 'cursor', 'changes'] as const).filter((mode) => !modes.includes(mode));
  return [
    ...when(
      modes.includes('full'),
      { id: 'read/full', run: (trial) => whole(lab, trial, 'full') },
      { id: 'read/columns', run: (trial) => selected(lab, trial) },
      { id: 'read/two-streams', unproven: missing(lab, 'make'), run: (trial) => twoStreams(lab, trial) },
      { id: 'read/bounded', unproven: missing(lab, 'make'), run: (trial) => bounded(lab, trial) },
      { id: 'read/not-ahead', unproven: missing(lab, 'fetched'), run: (trial) => notAhead(lab, trial) },
      { id: 'read/return', run: (trial) => returned(lab, trial) },
    ),
    ...when(
      modes.includes('cursor'),
      { id: 'read/cursor', run: (trial) => whole(lab, trial, 'cursor') },
      {
        id: 'read/cursor-increment',
        unproven: lab.options.peer.make && missing(lab, 'add'),
        run: (trial) => increment(lab, trial),
      },
      { id: 'read/cursor-ties', unproven: missing(lab, 'make'), run: (trial) => ties(lab, trial) },
    ),
    ...when(split, { id: 'read/split', run: (trial) => parts(lab, trial) }),
    ...when(!split, { id: 'read/split-unclaimed', run: (trial) => unsplit(lab, trial) }),
    { id: 'read/no-such-stream', run: (trial) => gone(lab, trial) },
    ...unclaimed.map((mode): Case => ({ id: `read/${mode}-unclaimed`, run: (trial) => unread(lab, trial, mode) })),
  ];
}

export const missing = (
  lab: SourceLab,
  means: 'make' | 'add' | 'fetched' | 'cut' | 'lose' | 'change' | 'leftovers',
): string | undefined => (lab.options.peer[means] ? undefined : `the peer has no '${means}'`);

async function whole(lab: SourceLab, trial: Trial, mode: ReadMode): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const seen = await new Reading(session, table.reader(mode)).all();
  sameRows(rowsOf(seen), table.rows, table.types, `rows of a ${mode} read`);
}

/** A pipeline may select columns: rows then have those, in the order of the request. */
async function selected(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const columns = table.stream.columns.slice(0, -1).reverse();
  const seen = await new Reading(session, table.reader('full', { stream: { ...table.stream, columns } })).all();
  const pick = (row: Row) => columns.map((column) => row[table.stream.columns.indexOf(column)]);
  sameRows(
    rowsOf(seen),
    table.rows.map(pick),
    columns.map(({ type }) => type),
    'rows of the selected columns',
  );
}

async function twoStreams(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const one = await sourceTable(lab, trial, session, { name: 'kit_one', count: 5 });
  const two = await sourceTable(lab, trial, session, { name: 'kit_two', count: 9 });
  const reader = { ...one.reader('full'), requests: [one.request('full'), two.request('full')] };
  const seen = await new Reading(session, reader).all();
  for (const table of [one, two])
    sameRows(rowsOf(seen, table.stream.id), table.rows, table.types, `rows of '${table.stream.id}'`);
  const completed = seen.filter(({ kind }) => kind === 'complete').map(({ stream }) => stream);
  same(completed.sort(), [one.stream.id, two.stream.id].sort(), 'streams that were completed');
}

/** Twelve megabytes in rows of half a megabyte. */
async function bounded(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const limit = lab.options.maxBatchBytes ?? 2 ** 24;
  const columns = [plainColumns[0]!, { name: 'text', type: 'string', nullable: false } as const];
  const width = 2 ** 19;
  const rows = Array.from({ length: Math.ceil((1.5 * limit) / width) }, (_, i) => [i + 1, 'x'.repeat(width)]);
  const table = await sourceTable(lab, trial, session, { name: 'kit_wide', columns, rows });
  const reading = new Reading(session, table.reader('full'));
  let most = 0;
  for (let seen = await reading.next(); seen; seen = await reading.next())
    most = Math.max(most, seen.rows.length * width);
  ok(most > 0, 'no rows came');
  ok(most <= limit, `one batch held ${most} bytes; the limit is ${limit}, whatever the table`);
}

async function notAhead(lab: SourceLab, trial: Trial): Promise<void> {
  const fetched = needs(lab.options.peer.fetched?.bind(lab.options.peer), 'fetched');
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const start = fetched();
  const reading = new Reading(session, table.reader('full'));
  const first = await firstRows(reading);
  await pause(40);
  const ahead = fetched() - start - first.length;
  await reading.stop();
  ok(ahead <= Math.max(first.length, 1), `${ahead} rows were fetched ahead of a reader that took ${first.length}`);
}

async function firstRows(reading: Reading): Promise<readonly Row[]> {
  const seen = await reading.all((batches) => rowsOf(batches).length > 0);
  return rowsOf(seen);
}

/** The connection is free again after `return()`: the same session discovers. */
async function returned(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const reading = new Reading(session, table.reader('full'));
  await firstRows(reading);
  await reading.stop();
  same((await session.discover([table.stream.id])).length, 1, 'streams discovered after return()');
  const again = await new Reading(session, table.reader('full')).all();
  sameRows(rowsOf(again), table.rows, table.types, 'rows of a read after one that was returned');
}

async function increment(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const first = await new Reading(session, table.reader('cursor')).all();
  const after = lastCheckpoint(first);
  ok(after, 'a cursor read ended without a checkpoint');
  const nothing = await new Reading((await lab.open(trial)).session, table.reader('cursor'), after).all();
  sameRows(rowsOf(nothing), [], table.types, 'rows of a second read when nothing is new');
  const added = await table.add(7);
  const second = await new Reading(
    (await lab.open(trial)).session,
    table.reader('cursor'),
    lastCheckpoint([...first, ...nothing]),
  ).all();
  sameRows(rowsOf(second), added, table.types, 'rows of a read after seven were added');
}

/** Rows that share a cursor value, in mid table and at its end, stopped after every batch. */
async function ties(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const rows = plainRows(lab.rows).map((row, i) => [...row, Math.floor(i / 10)]);
  const columns = [...plainColumns, { name: 'version', type: 'int64', nullable: false } as const];
  const table = await sourceTable(lab, trial, session, { name: 'kit_ties', columns, rows });
  if (!table.stream.cursors.includes('version')) return trial.note("'version' is no cursor candidate");
  const reader = table.reader('cursor', { cursor: 'version' });
  const got: Row[] = [];
  let checkpoint: ReturnType<typeof lastCheckpoint>;
  for (let round = 0; ; round++) {
    ok(round <= lab.rows, 'a cursor read stopped after every checkpoint never ends');
    const reading = new Reading((await lab.open(trial)).session, reader, checkpoint);
    const seen: readonly Seen[] = await reading.all((batches) => batches.at(-1)?.checkpoint !== undefined);
    await reading.stop();
    got.push(...rowsOf(seen));
    if (rowsOf(seen).length === 0) break;
    checkpoint = lastCheckpoint(seen) ?? checkpoint;
  }
  sameRows(got, table.rows, table.types, 'rows of a cursor read with ties');
}

async function parts(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  ok(session.split, 'can.split is true, but the session has no split()');
  const pieces = await session.split(table.stream, 4);
  ok(pieces.length >= 1 && pieces.length <= 4, `split into at most 4 parts answered ${pieces.length}`);
  trial.note(`${pieces.length} parts`);
  const all: Row[] = [];
  for (const part of pieces) all.push(...(await readPart(lab, trial, table, part)));
  sameRows(all, table.rows, table.types, 'rows of all parts together');
}

async function readPart(
  lab: SourceLab,
  trial: Trial,
  table: Awaited<ReturnType<typeof sourceTable>>,
  part: Json,
): Promise<Row[]> {
  const { session, dispose } = await lab.open(trial);
  const seen = await new Reading(
    session,
    table.reader('full', { part: JSON.parse(JSON.stringify(part)) as Json }),
  ).all();
  await dispose();
  same(seen.filter(({ kind }) => kind === 'complete').length, 1, `'complete' of part ${JSON.stringify(part)}`);
  return rowsOf(seen);
}

async function unsplit(lab: SourceLab, trial: Trial): Promise<void> {
  const session: SourceSession = (await lab.open(trial)).session;
  const { split } = session;
  if (split === undefined) return;
  const { stream } = await sourceTable(lab, trial, session);
  await refused(() => session.split?.(stream, 2), 'split(), which is not claimed');
}

async function unread(lab: SourceLab, trial: Trial, mode: ReadMode): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const cursor = mode === 'cursor' ? { cursor: table.stream.columns[0]!.name } : {};
  const request = { stream: table.stream, mode, ...cursor };
  const reading = async () => new Reading(session, { ...table.reader('full'), requests: [request] }).raw();
  await refused(reading, `mode '${mode}', which is not claimed,`);
}
