/** Mode 'replace': the table beside the target that fills up unseen, and takes its place in the end. */
import { DataError, LostPositionError, type Lane, type Stream, type Target, codes } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quotePath } from '../quote.js';
import type { Shadow } from './checkpoints.js';
import { type ColumnSpec, addColumn, columnSpecs, createTable } from './ddl.js';
import { inspect, mismatch, missingColumns } from './inspect.js';
import { columnNames } from './load.js';
import { shadowName } from './names.js';
import { dropTable } from './swap.js';

export interface Filling {
  readonly stream: Stream;
  readonly target: readonly string[];
  readonly columns: readonly ColumnSpec[];
  readonly shadow: Shadow;
  /** Rows of the open transaction are in it. */
  dirty: boolean;
}

export interface ShadowRequest {
  /** Where DDL runs: never where rows are staged. */
  readonly control: Link;
  /** Where rows are staged. */
  readonly loading: Link;
  readonly lane: Lane;
  readonly stream: Stream;
  readonly target: Target;
  readonly path: readonly string[];
  readonly recorded: readonly Shadow[];
  readonly before: Filling | undefined;
}

export async function prepareShadow(
  request: ShadowRequest,
): Promise<{ filling: Filling; statements: readonly string[] }> {
  const { control, lane, stream, target, path } = request;
  await refuseUnswappable(control, stream.id, path);
  const columns = columnSpecs(stream, target.key, control.server);
  const known = current(request);
  const shadow: Shadow = known ?? {
    stream: stream.id,
    generation: lane.generation,
    copy: 0,
    path: [path[0]!, shadowName(lane, stream.id, 0)],
    filled: false,
  };
  const existing = await inspect(control, shadow.path);
  const spec = { path: shadow.path, columns, key: target.key };
  const filling: Filling = { stream, target: path, columns, shadow, dirty: request.before?.dirty ?? false };
  if (existing === undefined) {
    if (target.committed === true || (shadow.filled && lane.part === undefined)) throw gone(stream.id, shadow.path);
    return { filling, statements: await runAll(control, [createTable(spec, control.server)]) };
  }
  const missing = extension(shadow, existing, columns, filling.dirty || target.committed === true);
  if (missing === 'anew')
    return { filling, statements: await runAll(control, [dropTable(shadow.path), createTable(spec, control.server)]) };
  if (missing.length === 0) return { filling, statements: [] };
  if (!filling.dirty)
    return {
      filling,
      statements: await runAll(
        control,
        missing.map((each) => addColumn(shadow.path, each)),
      ),
    };
  return copyShadow(request, filling);
}

/** A copy is recorded with the commit that it is part of; within a session the newest counts. */
const current = ({ recorded, before, stream, lane }: ShadowRequest): Shadow | undefined =>
  before?.shadow ??
  recorded
    .filter((shadow) => shadow.stream === stream.id && shadow.generation === lane.generation)
    .toSorted((a, b) => b.copy - a.copy)[0];

/** Invariant 7: an empty table in its place would lack, in silence, every row that was committed before. */
export const gone = (stream: string, path: readonly string[]): LostPositionError =>
  new LostPositionError(
    `Rows of ${stream} were committed to ${path.join('.')} before, and that table is gone.`,
    path.join('.'),
    'no such table',
  );

function extension(
  shadow: Shadow,
  existing: NonNullable<Awaited<ReturnType<typeof inspect>>>,
  columns: readonly ColumnSpec[],
  dirty: boolean,
): readonly ColumnSpec[] | 'anew' {
  try {
    return missingColumns(shadow.stream, shadow.path, existing, columns);
  } catch (error) {
    if (!shadow.filled && !dirty) return 'anew';
    const message = `${shadow.stream} has changed in the middle of its load in a way that the rows loaded so far do not fit.`;
    throw new DataError(message, {
      stream: shadow.stream,
      code: codes.targetMismatch,
      cause: error,
      fix: 'Start the load over.',
    });
  }
}

/**
 * The shape changes while uncommitted rows are in the shadow: DDL on it would wait for them, or commit them. A copy in the new
 * shape, filled in the same transaction, takes its part instead.
 */
async function copyShadow(
  request: ShadowRequest,
  filling: Filling,
): Promise<{ filling: Filling; statements: readonly string[] }> {
  const { control, loading, lane, target } = request;
  if (lane.part !== undefined) {
    const { id } = filling.stream;
    throw mismatch(id, `${id} has changed in the middle of a load in parts.`, 'Start the load over.');
  }
  const copy = filling.shadow.copy + 1;
  const path = [filling.target[0]!, shadowName(lane, filling.stream.id, copy)];
  const create = createTable({ path, columns: filling.columns, key: target.key }, control.server);
  const statements = await runAll(control, [dropTable(path), create]);
  const names = columnNames(request.before!.stream.columns);
  const fill = `INSERT INTO ${quotePath(path)} (${names}) SELECT ${names} FROM ${quotePath(filling.shadow.path)}`;
  await loading.run(fill);
  return { filling: { ...filling, shadow: { ...filling.shadow, copy, path } }, statements: [...statements, fill] };
}

async function refuseUnswappable(control: Link, stream: string, path: readonly string[]): Promise<void> {
  const target = await inspect(control, path);
  if (target?.view === true)
    throw mismatch(
      stream,
      `${path.join('.')} is a view, which no table can take the place of.`,
      `DROP VIEW ${quotePath(path)}`,
    );
  const [child] = target?.referencedBy ?? [];
  if (child !== undefined) {
    throw mismatch(
      stream,
      `A foreign key of ${child} points at ${path.join('.')}, and would follow the old table when it is replaced.`,
      `Drop the foreign key of ${child}, or load this table in mode upsert.`,
    );
  }
}

async function runAll(link: Link, statements: readonly string[]): Promise<readonly string[]> {
  for (const sql of statements) await link.run(sql);
  return statements;
}
