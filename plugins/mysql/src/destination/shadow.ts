/** Mode 'replace': the table beside the target that fills up unseen, and takes its place in the end. */
import { DataError, LostPositionError, type Lane, type Stream, type Target, codes } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quotePath, quoteText } from '../quote.js';
import type { Shadow } from './checkpoints.js';
import { type ColumnSpec, addColumn, columnSpecs, createTable } from './ddl.js';
import { foreignKeysOf, withoutForeignKeys } from './foreign-keys.js';
import { type Existing, inspect, mismatch, missingColumns } from './inspect.js';
import { buildingName, shadowName } from './names.js';
import { quoteName } from '../quote.js';
import { childrenOf } from './refill.js';
import { type TargetShape, asMade, makeLike, targetShape } from './shape.js';
import { dropTable, tableExists } from './swap.js';
import { rehearse, triggersOf } from './triggers.js';

export interface Filling {
  readonly stream: Stream;
  readonly target: readonly string[];
  readonly columns: readonly ColumnSpec[];
  readonly shadow: Shadow;
  /** The shadow has foreign keys, which its rows are held to when all are there. */
  readonly foreignKeys: boolean;
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
  /** Recorded by every part of the lane: what they filled, the lane without a part completes. */
  readonly ofParts: readonly Shadow[];
  readonly before: Filling | undefined;
}
interface Plan extends ShadowRequest {
  readonly specs: readonly ColumnSpec[];
  readonly shape: TargetShape | undefined;
}
interface Prepared {
  readonly filling: Filling;
  readonly statements: readonly string[];
}

export async function prepareShadow(request: ShadowRequest): Promise<Prepared> {
  const { control, lane, stream, path } = request;
  const shape = await targetShape(control, stream.id, path);
  const plan = { ...request, shape, specs: columnSpecs(stream, request.target.key, control.server) };
  await childrenOf(control, stream.id, path, shape?.existing, plan.specs);
  const own = request.before?.shadow ?? newest(request, request.recorded);
  const others = newest(request, request.ofParts);
  const known = own ?? (others && { ...others, filled: false });
  const shadow: Shadow = known ?? {
    stream: stream.id,
    generation: lane.generation,
    copy: 0,
    path: [path[0]!, shadowName(lane, stream.id, 0)],
    filled: false,
    ...(shape === undefined ? {} : { shape: shape.print }),
  };
  const existing = await inspect(control, shadow.path);
  const committed = request.target.committed === true;
  if (existing === undefined) {
    if (committed || (shadow.filled && lane.part === undefined)) throw gone(stream.id, shadow.path);
    return made(plan, shadow, await build(plan, shadow.path));
  }
  const dirty = request.before?.dirty ?? false;
  const shared = request.ofParts.some(({ path: [, table], filled }) => filled && table === shadow.path[1]);
  const disposable = !committed && !shadow.filled && !shared && !dirty && lane.part === undefined;
  const missing = extension(plan, shadow, existing, disposable);
  // What no commit knows of may be half made, or made after a target that has changed since.
  if (missing === 'anew' || (known === undefined && disposable)) {
    await control.run(dropTable(shadow.path));
    return made(plan, { ...shadow, ...printOf(shape) }, await build(plan, shadow.path));
  }
  if (dirty && missing.length > 0) return copyShadow(plan, shadow);
  const statements = missing.map((each) => addColumn(shadow.path, each));
  for (const sql of statements) await control.run(sql);
  return made(plan, shadow, statements);
}

const printOf = (shape: TargetShape | undefined): { shape?: string } =>
  shape === undefined ? {} : { shape: shape.print };

async function made(
  { control, before, stream, path, specs }: Plan,
  shadow: Shadow,
  statements: readonly string[],
): Promise<Prepared> {
  const columns = asMade(specs, (await inspect(control, shadow.path))!);
  const foreignKeys = (await foreignKeysOf(control, shadow.path)).length > 0;
  const dirty = before?.dirty ?? false;
  return { filling: { stream, target: path, columns, shadow, foreignKeys, dirty }, statements };
}

/** A copy is recorded with the commit that it is part of; within a session the newest counts. */
const newest = ({ stream, lane }: ShadowRequest, recorded: readonly Shadow[]): Shadow | undefined =>
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

/** The target is not what the shadow was made after: an index or a column of it would be lost. */
export const targetChanged = (stream: string, path: readonly string[]): DataError =>
  mismatch(
    stream,
    `${path.join('.')} was changed while the table that replaces it was loaded.`,
    'Start the load over.',
  );

function extension(
  { shape, path, specs }: Plan,
  shadow: Shadow,
  existing: Existing,
  anew: boolean,
): readonly ColumnSpec[] | 'anew' {
  if (shadow.shape !== shape?.print) {
    if (anew) return 'anew';
    throw targetChanged(shadow.stream, path);
  }
  const written = asMade(specs, existing).filter((spec) => spec.generated !== true);
  try {
    const names = new Set(
      missingColumns(shadow.stream, shadow.path, existing, written).map((spec) => spec.column.name),
    );
    return specs.filter((spec) => names.has(spec.column.name));
  } catch (error) {
    if (anew) return 'anew';
    const message = `${shadow.stream} has changed in the middle of its load in a way that the rows loaded so far do not fit.`;
    throw new DataError(message, {
      stream: shadow.stream,
      code: codes.targetMismatch,
      cause: error,
      fix: 'Start the load over.',
    });
  }
}

/** Made under another name, and named when it is whole: parts of a lane, and runs that were killed, find it whole or not at all. */
async function build(plan: Plan, path: readonly string[]): Promise<readonly string[]> {
  const { control, stream, target, specs, shape } = plan;
  if (shape === undefined) {
    const sql = createTable({ path, columns: specs, key: target.key }, control.server);
    await control.run(sql);
    return [sql];
  }
  return alone(control, path, async () => {
    if (await tableExists(control, path)) return [];
    const building = [path[0]!, buildingName(path[1]!)];
    await control.run(dropTable(building));
    const request = { link: control, stream, key: target.key, specs, target: plan.path, shadow: building };
    try {
      const statements = await makeLike(request, shape);
      await rehearse(control, plan.path, building, await triggersOf(control, plan.path));
      const rename = `ALTER TABLE ${quotePath(building)} RENAME TO ${quotePath(path)}`;
      await control.run(rename);
      return [...statements, rename];
    } catch (error) {
      if (!control.lost) await control.run(dropTable(building)).catch(() => undefined);
      throw error;
    }
  });
}

async function alone<T>(link: Link, path: readonly string[], work: () => Promise<T>): Promise<T> {
  if (link.server.flavour === 'singlestore') return work();
  const name = quoteText(path[1]!);
  await link.query(`SELECT GET_LOCK(${name}, 60)`);
  try {
    return await work();
  } finally {
    if (!link.lost) await link.query(`SELECT RELEASE_LOCK(${name})`);
  }
}

/**
 * The shape changes while uncommitted rows are in the shadow: DDL on it would wait for them, or commit them. A copy in the new
 * shape, filled in the same transaction, takes its part instead.
 */
async function copyShadow(plan: Plan, shadow: Shadow): Promise<Prepared> {
  const { control, loading, lane, stream, path, before } = plan;
  if (lane.part !== undefined)
    throw mismatch(stream.id, `${stream.id} has changed in the middle of a load in parts.`, 'Start the load over.');
  const copy = shadow.copy + 1;
  const copied: Shadow = { ...shadow, copy, path: [path[0]!, shadowName(lane, stream.id, copy)] };
  await control.run(dropTable(copied.path));
  const prepared = await made(plan, copied, await build(plan, copied.path));
  const names = before!.columns
    .filter((spec) => spec.generated !== true)
    .map((spec) => quoteName(spec.column.name))
    .join(', ');
  const fill = `INSERT INTO ${quotePath(copied.path)} (${names}) SELECT ${names} FROM ${quotePath(shadow.path)}`;
  await withoutForeignKeys(loading, () => loading.run(fill));
  return { filling: prepared.filling, statements: [...prepared.statements, fill] };
}
