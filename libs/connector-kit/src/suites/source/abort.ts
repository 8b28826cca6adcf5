import { ok, same } from '../../assert.js';
import type { Case, SourceLab, Trial } from '../../lab.js';
import { Reading, decode, rowsOf } from '../../reading.js';
import { plainRow, sourceTable } from '../../source-table.js';
import { leakFree } from '../leaks.js';

export function abortCases(lab: SourceLab): Case[] {
  const { modes, encodings } = lab.plugin.can;
  if (!modes.includes('full')) return [];
  return [
    { id: 'abort/rows', run: (trial) => betweenBatches(lab, trial) },
    { id: 'abort/before', run: (trial) => before(lab, trial) },
    { id: 'abort/no-complete', run: (trial) => noComplete(lab, trial) },
    ...encodings.flatMap((encoding): Case[] => [
      { id: `abort/${encoding}`, run: (trial) => midBody(lab, trial, encoding) },
      { id: `raw/${encoding} return`, run: (trial) => returnedBody(lab, trial, encoding) },
    ]),
  ];
}

/** After an abort no further data comes, and the read ends by itself. */
async function betweenBatches(lab: SourceLab, trial: Trial): Promise<void> {
  const abort = new AbortController();
  const { session } = await lab.open(trial, { abort });
  const table = await sourceTable(lab, trial, session);
  const reading = new Reading(session, table.reader('full'));
  const before = await reading.next();
  abort.abort(new Error('aborted by the kit'));
  const after = (await reading.all()).slice(before ? 1 : 0);
  same(rowsOf(after).length, 0, 'rows that came after the abort');
}

async function before(lab: SourceLab, trial: Trial): Promise<void> {
  const abort = new AbortController();
  const { session } = await lab.open(trial, { abort });
  const table = await sourceTable(lab, trial, session);
  abort.abort(new Error('aborted by the kit'));
  const seen = await new Reading(session, table.reader('full')).all();
  same(rowsOf(seen).length, 0, 'rows that came after an abort before the read');
}

/** Invariant 5: wherever the abort comes, no `complete` follows it. */
async function noComplete(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const batches = (await new Reading(session, table.reader('full')).all()).length - 1;
  const stops = [...new Set([0, 1, Math.floor(batches / 2), batches])].filter((stop) => stop <= batches);
  for (const stop of stops) {
    const abort = new AbortController();
    const opened = await lab.open(trial, { abort });
    const reading = new Reading(opened.session, table.reader('full'));
    await reading.all((seen) => seen.length >= stop);
    abort.abort(new Error('aborted by the kit'));
    const seen = await reading.all();
    await opened.dispose();
    ok(!seen.some(({ kind }) => kind === 'complete'), `aborted after batch ${stop}, the read still said 'complete'`);
  }
}

/** Rows wide enough that a body has several chunks. */
const wideTable = (lab: SourceLab, trial: Trial, session: Parameters<typeof sourceTable>[2]) =>
  lab.options.peer.make
    ? sourceTable(lab, trial, session, {
        name: 'kit_wide',
        rows: Array.from({ length: 5_000 }, (_, i) => plainRow(i, `${i} `.padEnd(190, '.'))),
      })
    : sourceTable(lab, trial, session);

/** A body that an abort cuts short throws; one that ends nevertheless must be whole. */
async function midBody(lab: SourceLab, trial: Trial, encoding: string): Promise<void> {
  const abort = new AbortController();
  const { session } = await lab.open(trial, { abort });
  const table = await wideTable(lab, trial, session);
  const reader = table.reader('full', { encoding: encoding as `${string}/${number}` });
  const reading = new Reading(session, reader);
  const batch = await reading.raw();
  ok(batch?.kind === 'raw', `a read with encoding '${encoding}' began with '${batch?.kind ?? 'nothing'}'`);
  const chunks: Uint8Array[] = [];
  let cut = false;
  try {
    for await (const chunk of batch.body) {
      chunks.push(Uint8Array.from(chunk));
      abort.abort(new Error('aborted by the kit'));
    }
  } catch {
    cut = true;
  }
  if (!cut) {
    const rows = decode(reader, table.stream.id, encoding, chunks).length;
    same(batch.rows(), rows, 'the count of a body that ended after an abort');
    ok(
      chunks.length === 1 || rows >= table.rows.length,
      `aborted after its first chunk, the body ended as if whole, with ${rows} of ${table.rows.length} rows`,
    );
    trial.note('the body was whole before the abort could cut it');
  }
  const rest = await reading.all().catch(() => []);
  same(
    rest.map(({ kind }) => kind),
    [],
    'batches after the abort',
  );
}

/** A writer that fails returns the body: the query ends and the connection is free. */
async function returnedBody(lab: SourceLab, trial: Trial, encoding: string): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await wideTable(lab, trial, session);
  const reading = new Reading(session, table.reader('full', { encoding: encoding as `${string}/${number}` }));
  const batch = await reading.raw();
  ok(batch?.kind === 'raw', `a read with encoding '${encoding}' began with '${batch?.kind ?? 'nothing'}'`);
  for await (const _ of batch.body) break;
  await reading.stop();
  same((await session.discover([table.stream.id])).length, 1, 'streams discovered after a body was returned');
}

/** Every way to end a session gives all back: done, returned, aborted. */
export function sourceLeakCases(lab: SourceLab): Case[] {
  return [
    { id: 'leaks/process', run: (trial) => leakFree(() => threeEnds(lab, trial)) },
    {
      id: 'leaks/system',
      unproven: lab.options.peer.leftovers ? undefined : "the peer has no 'leftovers'",
      run: async (trial) => {
        const before = await lab.options.peer.leftovers!();
        await threeEnds(lab, trial);
        const { session, dispose } = await lab.open(trial);
        const reported = (await session.drop?.()) ?? [];
        await dispose();
        const left = (await lab.options.peer.leftovers!()).filter((thing) => !before.includes(thing));
        ok(left.length <= reported.length, `left in the system, and not reported by drop(): ${left.join(', ')}`);
      },
    },
  ];
}

async function threeEnds(lab: SourceLab, trial: Trial): Promise<void> {
  const mode = lab.plugin.can.modes.find((known) => known !== 'changes');
  for (const end of ['done', 'returned', 'aborted'] as const) {
    const abort = new AbortController();
    const { session, dispose } = await lab.open(trial, { abort });
    const table = await sourceTable(lab, trial, session);
    if (mode) {
      const reading = new Reading(session, table.reader(mode));
      await reading.all((seen) => end !== 'done' && seen.length > 0);
      if (end === 'returned') await reading.stop();
      if (end === 'aborted') abort.abort(new Error('aborted by the kit'));
    }
    await dispose();
  }
}
