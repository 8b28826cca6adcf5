/** types, raw and telemetry: values arrive exactly, by rows and by bytes. (Invariants 6 and 9) */
import type { Data, Encoding, LogicalType, RawData, Row } from '@sluice/connector-sdk';
import { isSluiceError } from '@sluice/connector-sdk';
import { describeError, ok, refused, same } from '../../assert.js';
import { type Goal, deliver, newGoal, newLane, plainMode, rowData, writer } from '../../goal.js';
import type { Case, DestinationLab, Trial } from '../../lab.js';
import type { PeerColumn } from '../../peer.js';
import { plainColumns, plainRows } from '../../source-table.js';
import { type NamedValue, logicalTypes, typeCase } from '../../values.js';
import { randomTable, sayable } from '../source/types.js';

const id = plainColumns[0]!;

export function typeCases(lab: DestinationLab): Case[] {
  const { encodings } = lab.plugin.can;
  const ways: (Encoding | undefined)[] = [undefined, ...encodings];
  return [
    ...ways.flatMap((encoding) => [
      ...logicalTypes.map((type): Case => ({
        id: `${prefix(encoding)}${type}`,
        run: (trial) => typed(lab, trial, type, encoding),
      })),
      { id: `${prefix(encoding)}random`, run: (trial: Trial) => mixed(lab, trial, encoding) },
    ]),
    ...encodings.flatMap((encoding): Case[] => [
      { id: `raw/${encoding} edges`, run: (trial) => edges(lab, trial, encoding) },
      { id: `raw/${encoding} torn`, run: (trial) => torn(lab, trial, encoding) },
      { id: `raw/${encoding} garbage`, run: (trial) => garbage(lab, trial, encoding) },
      { id: `telemetry/${encoding}`, run: (trial) => counted(lab, trial, encoding) },
    ]),
    { id: 'telemetry/rows', run: (trial) => counted(lab, trial) },
    { id: 'raw/unclaimed', run: (trial) => unclaimed(lab, trial) },
  ];
}

const prefix = (encoding: Encoding | undefined): string => (encoding ? `raw/${encoding} ` : 'types/');

/** All values of one type that the system can hold arrive; each that it cannot is refused. */
async function typed(lab: DestinationLab, trial: Trial, type: LogicalType, encoding?: Encoding): Promise<void> {
  const { column, values } = typeCase(type);
  const goal = typesGoal(lab, trial, [id, column], encoding);
  if (lab.options.peer.types?.[type] === null) {
    await refused(
      () => writer(lab, trial, goal, newLane(lab, trial)),
      `type '${type}', which the system lacks,`,
      'data',
      'config',
    );
    return trial.note('refused, as it must: the system has no such type');
  }
  const why = ({ value }: NamedValue) => lab.options.peer.cannotHold?.(column, value);
  const held = values
    .filter((each) => !why(each) && sayable(lab, goal.stream.columns, each, encoding))
    .map(({ value }, i): Row => [i + 1, value]);
  if (!(await load(lab, trial, goal, held, encoding))) return;
  await goal.holds(held, encoding ? `values through '${encoding}'` : 'values');
  for (const each of values.filter((one) => why(one) && sayable(lab, goal.stream.columns, one, encoding))) {
    await unbent(lab, trial, column, each, encoding);
    trial.note(`${each.name} refused, as it must: ${why(each)}`);
  }
}

/** A body is of a stream with native types: several formats are only accepted for those. */
const typesGoal = (
  lab: DestinationLab,
  trial: Trial,
  columns: readonly PeerColumn[],
  encoding?: Encoding,
  name = 'kit_types',
): Goal => newGoal(lab, trial, { mode: plainMode(lab), columns, name, native: encoding !== undefined });

/** What the system cannot hold is refused as a DataError. */
async function unbent(
  lab: DestinationLab,
  trial: Trial,
  column: PeerColumn,
  { name, value }: NamedValue,
  encoding?: Encoding,
): Promise<void> {
  const goal = typesGoal(lab, trial, [id, column], encoding, 'kit_refused');
  await refused(() => load(lab, trial, goal, [[1, value]], encoding), `${name}, which the system cannot hold,`, 'data');
  await lab.options.peer.drop?.(goal.target.table);
}

/** Loads as rows, or as a body; false when the destination does not accept the encoding for this stream. */
async function load(
  lab: DestinationLab,
  trial: Trial,
  goal: Goal,
  rows: readonly Row[],
  encoding?: Encoding,
): Promise<boolean> {
  if (!encoding) {
    await deliver(lab, trial, goal, [rowData(goal, rows)]);
    return true;
  }
  if (!(await accepted(lab, trial, goal, encoding))) {
    trial.note(`'${encoding}' is not accepted for this stream`);
    return false;
  }
  await deliver(lab, trial, goal, [rawData(lab, trial, goal, encoding, rows)]);
  return true;
}

async function accepted(lab: DestinationLab, trial: Trial, goal: Goal, encoding: Encoding): Promise<boolean> {
  const { session, dispose } = await lab.open(trial);
  const encodings = session.accepts(goal.stream, goal.target);
  await dispose();
  for (const each of encodings)
    ok(lab.plugin.can.encodings.includes(each), `accepts() has '${each}', which can.encodings does not`);
  return encodings.includes(encoding);
}

/** A body in chunks of `size` bytes. Rows that the format cannot say are left out of `rows` by the caller's own choice. */
function rawData(
  lab: DestinationLab,
  trial: Trial,
  goal: Goal,
  encoding: Encoding,
  rows: readonly Row[],
  size = 65_536,
): RawData {
  const bytes = encoded(lab, goal, encoding, rows);
  async function* chunks() {
    for (let from = 0; from < bytes.length; from += size) yield Uint8Array.from(bytes.subarray(from, from + size));
  }
  return { kind: 'raw', stream: goal.stream.id, encoding, body: chunks(), rows: () => rows.length };
}

function encoded(lab: DestinationLab, goal: Goal, encoding: Encoding, rows: readonly Row[]): Buffer {
  const encoder = lab.codec(encoding).encoder(goal.stream.columns);
  return Buffer.concat([encoder.begin(), encoder.rows(rows), encoder.end()]);
}

async function mixed(lab: DestinationLab, trial: Trial, encoding?: Encoding): Promise<void> {
  const { columns, rows } = randomTable(lab);
  const goal = typesGoal(lab, trial, columns, encoding);
  if (await load(lab, trial, goal, rows, encoding)) await goal.holds(rows, `random values of seed ${lab.seed}`);
}

/** Chunk edges mean nothing: one byte at a time is the same body. */
async function edges(lab: DestinationLab, trial: Trial, encoding: Encoding): Promise<void> {
  const rows = plainRows(8).map((row, i): Row => [...row, `"a",\\N\t\n${'🐟'.repeat(i)}`]);
  const columns: PeerColumn[] = [...plainColumns, { name: 'text', type: 'string', nullable: true }];
  const goal = typesGoal(lab, trial, columns, encoding);
  if (!(await accepted(lab, trial, goal, encoding))) return trial.note('not accepted for this stream');
  for (const [n, size] of [1, 2, 3, 7].entries()) {
    const again = rows.map((row): Row => [Number(row[0]) + n * 100, ...row.slice(1)]);
    const each = typesGoal(lab, trial, columns, encoding, `kit_edges_${size}`);
    await deliver(lab, trial, each, [rawData(lab, trial, each, encoding, again, size)]);
    await each.holds(again, `a body in chunks of ${size} bytes`);
  }
}

/** A body that throws is not whole: the write fails with its reason, and nothing of it is ever committed. */
async function torn(lab: DestinationLab, trial: Trial, encoding: Encoding): Promise<void> {
  const goal = typesGoal(lab, trial, plainColumns, encoding);
  if (!(await accepted(lab, trial, goal, encoding))) return trial.note('not accepted for this stream');
  const lane = newLane(lab, trial);
  const one = await writer(lab, trial, goal, lane);
  const reason = new Error('the body was cut by the kit');
  const bytes = encoded(lab, goal, encoding, plainRows(1000));
  async function* cut() {
    yield Uint8Array.from(bytes.subarray(0, bytes.length / 2));
    throw reason;
  }
  const data: RawData = { kind: 'raw', stream: goal.stream.id, encoding, body: cut(), rows: () => 1000 };
  const error: unknown = await one.session.write(data).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  ok(error !== undefined, 'a write whose body was cut short succeeded');
  ok(mentions(error, reason), `a write whose body was cut short threw ${describeError(error)}, not the body's reason`);
  await one.crash();
  const two = await writer(lab, trial, goal, { ...lane, fence: 2n });
  same(two.at, undefined, 'the checkpoint after a body was cut short');
  await two.load(plainRows(3), 1, goal.target.mode === 'replace');
  await goal.holds(plainRows(3), 'rows after a body was cut short');
}

function mentions(error: unknown, reason: Error): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause)
    if (one === reason || one.message.includes(reason.message)) return true;
  return false;
}

/** Bytes that are not of the format are refused, and the body is given back to the source. */
async function garbage(lab: DestinationLab, trial: Trial, encoding: Encoding): Promise<void> {
  const goal = typesGoal(lab, trial, plainColumns, encoding);
  if (!(await accepted(lab, trial, goal, encoding))) return trial.note('not accepted for this stream');
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  let returned = false;
  async function* body() {
    try {
      for (let i = 0; i < 200; i++) yield new Uint8Array(1000).fill(i === 0 ? 0x7b : 0xfe);
      yield Uint8Array.of(10);
    } finally {
      returned = true;
    }
  }
  const data: Data = { kind: 'raw', stream: goal.stream.id, encoding, body: body(), rows: () => 1 };
  const error: unknown = await one.session
    .write(data)
    .then(() => one.commit(1, goal.target.mode === 'replace'))
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  ok(error !== undefined, `bytes that are not '${encoding}' were committed`);
  ok(isSluiceError(error), `bytes that are not '${encoding}' ended in ${describeError(error)}`);
  ok(returned, 'the body of a failed write was neither read to its end nor returned');
}

/** Invariant 6: what `write` says it took is what it was given. */
async function counted(lab: DestinationLab, trial: Trial, encoding?: Encoding): Promise<void> {
  const goal = typesGoal(lab, trial, plainColumns, encoding);
  if (encoding && !(await accepted(lab, trial, goal, encoding))) return trial.note('not accepted for this stream');
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  let [rows, bytes] = [0, 0];
  for (const from of [0, 100]) {
    const some = plainRows(100, from);
    const written = await one.session.write(encoding ? rawData(lab, trial, goal, encoding, some) : rowData(goal, some));
    rows += written.rows;
    bytes += written.bytes;
  }
  await one.commit(1, goal.target.mode === 'replace');
  same(rows, 200, 'rows that write() says it took');
  ok(bytes > 0, 'write() counts no bytes');
  same((await goal.read())?.length, 200, 'rows in the target');
}

async function unclaimed(lab: DestinationLab, trial: Trial): Promise<void> {
  const goal = typesGoal(lab, trial, plainColumns);
  const one = await writer(lab, trial, goal, newLane(lab, trial));
  async function* body() {
    yield Uint8Array.of(1, 2, 3);
  }
  const data: Data = { kind: 'raw', stream: goal.stream.id, encoding: 'kit-unknown/1', body: body(), rows: () => 1 };
  await refused(() => one.session.write(data), "encoding 'kit-unknown/1', which is not claimed,", 'config', 'data');
}
