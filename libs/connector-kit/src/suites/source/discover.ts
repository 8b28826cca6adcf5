import { isSluiceError, streamId } from '@sluice/connector-sdk';
import type { Stream } from '@sluice/connector-sdk';
import { ok, same } from '../../assert.js';
import names from '../../cases/names.json';
import type { Case, SourceLab, Trial } from '../../lab.js';
import { Reading, rowsOf } from '../../reading.js';
import { discovered, plainColumns, plainRows, sourceTable } from '../../source-table.js';
import { logicalTypes, sameRows } from '../../values.js';

export function discoverCases(lab: SourceLab): Case[] {
  const awkward = lab.options.peer.make ? Object.entries(names['table and column names']) : [];
  return [
    { id: 'discover/shape', run: (trial) => shape(lab, trial) },
    { id: 'discover/stable', run: (trial) => stable(lab, trial) },
    { id: 'discover/only', run: (trial) => only(lab, trial) },
    ...awkward.map(([what, name]): Case => ({
      id: `discover/name with ${what}`,
      unproven: lab.options.peer.cannotName?.(name),
      run: (trial) => named(lab, trial, name),
    })),
  ];
}

async function shape(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  await sourceTable(lab, trial, session);
  if (lab.options.peer.make) await sourceTable(lab, trial, session, { name: 'kit_other' });
  const streams = await session.discover();
  const ids = streams.map(({ id }) => id);
  same(new Set(ids).size, ids.length, 'distinct stream ids');
  same(ids, [...ids].sort(), 'streams ordered by id');
  streams.forEach((stream) => described(stream, lab.plugin.can.modes));
}

function described(stream: Stream, modes: readonly string[]): void {
  const columns = stream.columns.map(({ name }) => name);
  const where = `stream '${stream.id}'`;
  same(stream.id, streamId(stream.path), `the id of path ${JSON.stringify(stream.path)}`);
  same(new Set(columns).size, columns.length, `${where}: distinct column names`);
  for (const key of stream.key) ok(columns.includes(key), `${where}: key column '${key}' is none of its columns`);
  for (const cursor of stream.cursors)
    ok(columns.includes(cursor), `${where}: cursor '${cursor}' is none of its columns`);
  for (const mode of stream.modes)
    ok(modes.includes(mode), `${where} offers mode '${mode}', which can.modes does not have`);
  for (const column of stream.columns) {
    ok(logicalTypes.includes(column.type), `${where}: column '${column.name}' has the unknown type '${column.type}'`);
    same(typeof column.nullable, 'boolean', `${where}: the type of 'nullable' of column '${column.name}'`);
    ok(column.native !== '', `${where}: column '${column.name}' has no native type`);
  }
}

async function stable(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const { stream } = await sourceTable(lab, trial, session);
  const again = await (await lab.open(trial)).session.discover([stream.id]);
  // An estimate is a guess and may change.
  const fixed = ({ estimate, ...rest }: Stream) => rest;
  same(again.map(fixed), [fixed(stream)], 'a second discover of an unchanged stream');
}

async function only(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const { stream } = await sourceTable(lab, trial, session);
  if (lab.options.peer.make) await sourceTable(lab, trial, session, { name: 'kit_other' });
  const found = await session.discover([stream.id, 'kit_no_such_stream']);
  same(
    found.map(({ id }) => id),
    [stream.id],
    'streams answered by discover of one that exists and one that does not',
  );
}

/** A table and a column of this name are found under it, and read. */
async function named(lab: SourceLab, trial: Trial, name: string): Promise<void> {
  const { session } = await lab.open(trial);
  const columns = [...plainColumns, { name, type: 'int32', nullable: true } as const];
  const rows = plainRows(3).map((row, i) => [...row, i]);
  const table = await sourceTable(lab, trial, session, { name, columns, rows });
  ok(
    table.stream.columns.some((column) => column.name === name),
    `the column '${name}' is not among those discovered`,
  );
  const seen = await new Reading(session, table.reader('full')).all();
  sameRows(rowsOf(seen), table.rows, table.types, 'rows of the table');
}

/** A stream that is gone is refused by `read`, not read as empty. */
export async function gone(lab: SourceLab, trial: Trial): Promise<void> {
  const { session } = await lab.open(trial);
  const { stream } = await sourceTable(lab, trial, session);
  const lost: Stream = { ...stream, id: streamId(lab.path('kit_gone')), path: lab.path('kit_gone') };
  const mode = lab.plugin.can.modes.find((known) => known !== 'changes');
  if (!mode) return trial.note('only changes');
  const request = { stream: lost, mode, ...(mode === 'cursor' ? { cursor: stream.cursors[0]! } : {}) };
  const reading = new Reading(session, { requests: [request], codec: (encoding) => lab.codec(encoding) });
  let error: unknown;
  await reading.all().catch((thrown: unknown) => (error = thrown));
  ok(error !== undefined, 'a stream that does not exist was read as if it were empty');
  ok(isSluiceError(error), 'a stream that does not exist ends in an error that is none of the contract');
}

export { discovered };
