/** types, raw and telemetry: values arrive exactly, whichever way they take. (Invariants 6 and 9) */
import type { Column, Encoding, LogicalType, Row, StreamRequest } from '@sluice/connector-sdk';
import { isSluiceError } from '@sluice/connector-sdk';
import { ok, refused, same } from '../../assert.js';
import { random, randomValue } from '../../generate.js';
import { type Case, type SourceLab, type Trial } from '../../lab.js';
import type { KitCodec, PeerColumn, PeerTable } from '../../peer.js';
import { Reading, rowsOf } from '../../reading.js';
import { plainColumns, sourceTable } from '../../source-table.js';
import { type NamedValue, logicalTypes, malformed, sameRows, typeCase } from '../../values.js';

const id = plainColumns[0]!;

export function typeCases(lab: SourceLab): Case[] {
  const { can } = lab.plugin;
  const mode = can.modes.includes('full') ? 'full' : can.modes.includes('cursor') ? 'cursor' : undefined;
  if (!mode) return [];
  const ways: (Encoding | undefined)[] = [undefined, ...(mode === 'full' ? can.encodings : [])];
  return [
    ...ways.flatMap((encoding) => typed(lab, mode, encoding)),
    { id: 'telemetry/forms', run: (trial) => forms(lab, trial, mode) },
    ...(mode === 'full'
      ? can.encodings.map((encoding): Case => ({
          id: `telemetry/${encoding} rows`,
          run: (trial) => counted(lab, trial, encoding),
        }))
      : []),
    { id: 'raw/unclaimed', run: (trial) => unclaimed(lab, trial, mode) },
  ];
}

/** The cases of one way the values can take: as rows, or in an encoding. */
function typed(lab: SourceLab, mode: 'full' | 'cursor', encoding: Encoding | undefined): Case[] {
  const prefix = encoding ? `raw/${encoding}` : 'types';
  const { peer } = lab.options;
  const why = (type: LogicalType) =>
    !peer.make ? "the peer has no 'make'" : peer.types?.[type] === null ? 'the system has no such type' : undefined;
  const run = (trial: Trial, table: Pick<PeerTable, 'columns' | 'rows'>) => compare(lab, trial, table, mode, encoding);
  return [
    ...logicalTypes.map((type): Case => ({
      id: `${prefix} ${type}`.replace('types ', 'types/'),
      unproven: why(type),
      run: (trial) => oneType(lab, trial, type, mode, encoding),
    })),
    {
      id: encoding ? `${prefix} random` : 'types/random',
      unproven: peer.make ? undefined : "the peer has no 'make'",
      run: (trial) => run(trial, randomTable(lab)),
    },
  ];
}

async function compare(
  lab: SourceLab,
  trial: Trial,
  wanted: Pick<PeerTable, 'columns' | 'rows'>,
  mode: 'full' | 'cursor',
  encoding?: Encoding,
): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session, { name: 'kit_types', ...wanted });
  const seen = await new Reading(session, table.reader(mode, encoding ? { encoding } : {})).all();
  if (encoding)
    ok(
      seen.some(({ kind }) => kind === 'raw'),
      `a read with encoding '${encoding}' had no raw batch`,
    );
  sameRows(rowsOf(seen), table.rows, table.types, encoding ? `values through '${encoding}'` : 'values');
}

/** All values of one type that the system can hold; what the encoding has no form for must be refused, not bent. */
async function oneType(
  lab: SourceLab,
  trial: Trial,
  type: LogicalType,
  mode: 'full' | 'cursor',
  encoding?: Encoding,
): Promise<void> {
  const { column, values } = typeCase(type);
  const columns = [id, column];
  const native = columns.map((one) => ({ ...one, native: one.type }));
  const held = values.filter(({ name, value }) => {
    const why = lab.options.peer.cannotHold?.(column, value);
    if (why) trial.note(`without ${name}: ${why}`);
    return !why;
  });
  const says = (each: NamedValue) => sayable(lab, native, each, encoding);
  const rows = held.filter(says).map(({ value }, i): Row => [i + 1, value]);
  await compare(lab, trial, { columns, rows }, mode, encoding);
  for (const each of held.filter((one) => !says(one))) {
    const bent = () => compare(lab, trial, { columns, rows: [[1, each.value]] }, mode, encoding);
    await refused(bent, `${each.name}, for which '${encoding}' has no form,`, 'data');
    trial.note(`${each.name} refused, as it must: '${encoding}' has no form for it`);
  }
}

/** Whether the encoding has a form for the value: the codec is its page. */
export function sayable(lab: Encodes, columns: readonly Column[], { value }: NamedValue, encoding?: Encoding): boolean {
  if (!encoding) return true;
  const codec = lab.codec(encoding);
  try {
    codec.encoder(columns).rows([[1, value]]);
    return true;
  } catch (error) {
    if (!isSluiceError(error, 'data')) throw error;
    return false;
  }
}
interface Encodes {
  codec(encoding: string): KitCodec;
}

/** Forty rows of all types the system has, made from the seed. */
export function randomTable(lab: {
  readonly seed: number;
  readonly options: {
    readonly peer:
      | SourceLab['options']['peer']
      | { types?: SourceLab['options']['peer']['types']; cannotHold?: SourceLab['options']['peer']['cannotHold'] };
  };
}): { columns: PeerColumn[]; rows: Row[] } {
  const next = random(lab.seed);
  const { peer } = lab.options;
  const columns = logicalTypes
    .filter((type) => peer.types?.[type] !== null)
    .map((type): PeerColumn => ({ ...typeCase(type).column, name: `v_${type}` }));
  const value = (column: PeerColumn) => {
    const made = randomValue(column.type, next);
    return peer.cannotHold?.(column, made) ? null : made;
  };
  return { columns: [id, ...columns], rows: Array.from({ length: 40 }, (_, i) => [i + 1, ...columns.map(value)]) };
}

/** Every value has the one form of docs/encodings/rows.md, and every row as many values as the stream has columns. */
async function forms(lab: SourceLab, trial: Trial, mode: 'full' | 'cursor'): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const seen = await new Reading(session, table.reader(mode)).all();
  for (const row of rowsOf(seen)) {
    same(row.length, table.types.length, 'values of a row');
    row.forEach((value, i) => {
      ok(
        value !== undefined,
        `column '${table.stream.columns[i]!.name}' is undefined in a row; only an update may leave a value out`,
      );
      const why = malformed(table.types[i]!, value);
      ok(why === undefined, `column '${table.stream.columns[i]!.name}': ${why}`);
    });
  }
}

async function counted(lab: SourceLab, trial: Trial, encoding: Encoding): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const seen = await new Reading(session, table.reader('full', { encoding })).all();
  for (const batch of seen)
    if (batch.kind === 'raw') same(batch.counted, batch.rows.length, 'rows() of a raw batch, and the rows of its body');
  sameRows(rowsOf(seen), table.rows, table.types, `rows through '${encoding}'`);
}

async function unclaimed(lab: SourceLab, trial: Trial, mode: 'full' | 'cursor'): Promise<void> {
  const { session } = await lab.open(trial);
  const table = await sourceTable(lab, trial, session);
  const more: Partial<StreamRequest> = { encoding: 'kit-unknown/1' };
  await refused(
    async () => new Reading(session, table.reader(mode, more)).raw(),
    "encoding 'kit-unknown/1', which is not claimed,",
  );
}
