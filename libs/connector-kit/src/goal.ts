/** Targets for a destination to write: a stream of the kit's own, a table of the peer's, a lane that is dropped at the end. */
import { streamId } from '@sluice/connector-sdk';
import type { Checkpoint, Data, DestinationSession, Lane, Row, Stream, Target, WriteMode } from '@sluice/connector-sdk';
import { ok, within } from './assert.js';
import type { DestinationLab, Trial } from './lab.js';
import type { PeerColumn } from './peer.js';
import { plainColumns } from './source-table.js';
import { recast, sameRows } from './values.js';

export interface Goal {
  readonly stream: Stream;
  readonly target: Target;
  /** The rows of the target, arranged as the stream's columns; undefined when there is no table. */
  read(): Promise<Row[] | undefined>;
  /** Expects exactly these rows in the target, in any order; `undefined`: no table, or an empty one. */
  holds(rows: readonly Row[] | undefined, what: string): Promise<void>;
}
interface Wanted {
  readonly mode: WriteMode;
  readonly name?: string;
  readonly columns?: readonly PeerColumn[];
  readonly key?: readonly string[];
  /** As a stream of the destination's own system, with the types of the option `native`. */
  readonly native?: boolean;
}

let made = 0;
/** A lane nobody had before, dropped at the end of the trial with whatever the plugin keeps for it. */
export function newLane(lab: DestinationLab, trial: Trial, part: Partial<Lane> = {}): Lane {
  const id = `kit-${lab.seed}-${process.pid}-${Date.now().toString(36)}-${++made}`;
  trial.defer(async () => {
    const { session, dispose } = await lab.open(trial);
    await session.drop({ id });
    await dispose();
  });
  return { id, fence: 1n, generation: 1, ...part };
}

export function newGoal(
  lab: DestinationLab,
  trial: Trial,
  { mode, name = 'kit_rows', columns = plainColumns, key = ['id'], native = false }: Wanted,
): Goal {
  const table = lab.path(name);
  trial.defer(() => lab.options.peer.drop?.(table));
  const path = ['kit', name];
  const own = native ? lab.options.native : undefined;
  const stream: Stream = {
    id: streamId(path),
    path,
    ...(own ? { system: own.system } : {}),
    columns: columns.map((column) => ({ ...column, native: own ? own.type(column) : column.type })),
    key,
    modes: ['full'],
    cursors: [],
  };
  return goalOf(lab, stream, { table, mode, key });
}

/** The same target for a stream of another shape. */
export const reshaped = (lab: DestinationLab, goal: Goal, columns: readonly PeerColumn[]): Goal =>
  goalOf(lab, { ...goal.stream, columns: columns.map((column) => ({ ...column, native: column.type })) }, goal.target);

function goalOf(lab: DestinationLab, stream: Stream, target: Target): Goal {
  // A reader that has to wait for a lock of the writer would wait for long.
  const found = async () =>
    within(10_000, lab.options.peer.read(target.table), 'reading the target, which a writer may have locked,');
  const arranged = ({ columns, rows }: NonNullable<Awaited<ReturnType<typeof found>>>) => {
    const at = stream.columns.map(({ name }) => columns.findIndex((column) => column.name === name));
    const missing = stream.columns.filter((_, i) => at[i] === -1).map(({ name }) => name);
    ok(missing.length === 0, `the target has no column ${missing.map((name) => `'${name}'`).join(', ')}`);
    return { types: at.map((i) => columns[i]!.type), rows: rows.map((row): Row => at.map((i) => row[i])) };
  };
  return {
    stream,
    target,
    read: async () => {
      const table = await found();
      return table && arranged(table).rows;
    },
    holds: async (rows, what) => {
      const table = await found();
      if (!table) return ok(rows === undefined, `${what}: there is no target table`);
      const { types, rows: actual } = arranged(table);
      const expected = (rows ?? []).map((row) =>
        row.map((value, i) => recast(value, stream.columns[i]!.type, types[i]!)),
      );
      sameRows(actual, expected, types, what);
    },
  };
}

/** An open session that has taken the lane and prepared the goal. */
export interface Writer {
  readonly session: DestinationSession;
  readonly goal: Goal;
  /** What `resume` answered. */
  readonly at: Checkpoint | undefined;
  write(rows: readonly Row[]): Promise<void>;
  /** Writes and commits; `complete` swaps, in mode 'replace'. */
  load(rows: readonly Row[], n: number, complete?: boolean): Promise<void>;
  commit(n: number, complete?: boolean): Promise<void>;
  /** Ends the session as a crash of the runner would: nothing more is committed. */
  crash(): Promise<void>;
}

/** Checkpoints of the kit: `n` tells them apart; the rest is what a destination has to keep unchanged. */
export const checkpointOf = (n: number): Checkpoint => ({
  v: 1,
  n,
  text: `it's "quoted" \\n \u{1f41f} é`,
  nested: { list: [1, null, true, { deep: '' }], large: 9_007_199_254_740_991 },
});

export async function writer(lab: DestinationLab, trial: Trial, goal: Goal, lane: Lane): Promise<Writer> {
  const { session, dispose } = await lab.open(trial);
  const at = await session.resume(lane);
  await session.prepare(goal.stream, goal.target);
  const write = async (rows: readonly Row[]) => {
    if (rows.length > 0) await session.write(rowData(goal, rows));
  };
  const commit = (n: number, complete = false) =>
    session.commit(checkpointOf(n), complete ? goal.stream.id : undefined);
  const load = async (rows: readonly Row[], n: number, complete = false) => {
    await write(rows);
    await commit(n, complete);
  };
  return { session, goal, at, write, load, commit, crash: dispose };
}

export const rowData = ({ stream }: Goal, rows: readonly Row[]): Data => ({ kind: 'rows', stream: stream.id, rows });

/** The mode whose commits are visible at once, else 'replace'. */
export const plainMode = (lab: DestinationLab): WriteMode =>
  (['append', 'upsert', 'replace'] as const).find((mode) => lab.plugin.can.modes.includes(mode)) ?? 'append';

/** One load of all this data into the goal, from taking the lane to a commit that shows it. */
export async function deliver(
  lab: DestinationLab,
  trial: Trial,
  goal: Goal,
  data: readonly Data[],
  lane = newLane(lab, trial),
): Promise<void> {
  const one = await writer(lab, trial, goal, lane);
  for (const each of data) await one.session.write(each);
  await one.commit(1, goal.target.mode === 'replace');
  await one.crash();
}
