/** Modes 'append' and 'upsert': the target as the stream needs it, and a temporary table that rows wait in until the commit. */
import { ConfigError, type Stream, type Target, codes } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import { type Bends, bendsOf } from './bends.js';
import { type ColumnSpec, addColumn, collation, columnSpecs, createTable } from './ddl.js';
import { type Existing, inspect, mismatch, missingColumns } from './inspect.js';
import { gone } from './shadow.js';
import { type Stage, givenColumn, maskCount, noChanges, opColumn } from './publish.js';

export interface StageRequest {
  readonly control: Link;
  readonly loading: Link;
  readonly stream: Stream;
  readonly target: Target;
  readonly path: readonly string[];
  /** Unique within the session. */
  readonly name: string;
}

export async function prepareStage(request: StageRequest): Promise<{ stage: Stage; statements: readonly string[] }> {
  const { control, loading, stream, target, path } = request;
  const upsert = target.mode === 'upsert';
  if (upsert) refuseKeyless(stream, target);
  const key = target.key;
  const columns = columnSpecs(stream, key, control.server);
  const existing = await inspect(control, path);
  if (existing === undefined && target.committed === true) throw gone(stream.id, path);
  if (existing?.view === true)
    throw mismatch(
      stream.id,
      `${path.join('.')} is a view; rows are written to tables only.`,
      `DROP VIEW ${quotePath(path)}`,
    );
  const statements =
    existing === undefined
      ? [createTable({ path, columns, key: upsert ? key : [] }, control.server)]
      : missingColumns(stream.id, path, existing, columns).map((spec) => addColumn(path, spec));
  if (existing !== undefined && upsert) refuseWithoutKey(stream.id, path, key, existing.uniques);
  if (existing !== undefined && upsert && stream.system !== 'mysql')
    refuseFolding(stream.id, path, existing, columns, collation(control.server));
  for (const sql of statements) await control.run(sql);
  const load = { stream, path: [path[0]!, request.name], columns, replace: upsert };
  // The server drops it with the connection: what was staged and never committed is gone by itself.
  const bookkeeping = upsert ? stageColumns(columns.length) : [];
  await loading.run(
    createTable({ path: load.path, columns, key: upsert ? key : [], temporary: true, bookkeeping }, loading.server),
  );
  const otherUniques = (existing?.uniques ?? []).some((unique) => !sameSet(unique, key));
  const bends = bendsIn(existing, columns);
  const foldedKey = upsert ? foldedKeyOf(existing, key) : [];
  return { stage: { load, target, path, otherUniques, foldedKey, bends, rows: 0, changes: noChanges() }, statements };
}

function bendsIn(existing: Existing | undefined, columns: readonly ColumnSpec[]): ReadonlyMap<string, Bends> {
  const found = new Map<string, Bends>();
  for (const { column } of columns) {
    const now = existing?.columns.find(({ name }) => name.toLowerCase() === column.name.toLowerCase());
    const bends = now && bendsOf(column, now, true);
    if (bends !== undefined) found.set(column.name, bends);
  }
  return found;
}

function foldedKeyOf(existing: Existing | undefined, key: readonly string[]): readonly string[] {
  const own = key.map((name) => existing?.columns.find((column) => column.name.toLowerCase() === name.toLowerCase()));
  if (!own.some((column) => column?.folds === true)) return [];
  return key.map((name, i) => {
    const [text, collation] = [`s.${quoteName(name)}`, own[i]?.folds === true ? own[i].collation : undefined];
    const charset = collation?.split('_')[0];
    return charset === undefined ? text : `CONVERT(${text} USING ${charset}) COLLATE ${quoteName(collation!)}`;
  });
}

/** Rows that are loaded as they are leave these out: they are to be written whole. */
const stageColumns = (columns: number): readonly string[] => [
  `${quoteName(opColumn)} CHAR(1) NOT NULL DEFAULT 'u'`,
  ...Array.from({ length: maskCount(columns) }, (_, i) => `${givenColumn(i)} BIGINT NOT NULL DEFAULT 0`),
];

function refuseKeyless(stream: Stream, target: Target): void {
  if (target.key.length === 0) {
    throw new ConfigError(`${stream.id} has no key, and mode upsert needs one.`, {
      code: codes.targetMismatch,
      fix: 'Choose key columns for the stream, or another load mode.',
    });
  }
  const absent = target.key.find((name) => !stream.columns.some((column) => column.name === name));
  if (absent !== undefined)
    throw new ConfigError(`${stream.id} has no column ${JSON.stringify(absent)} to be a key.`, {
      code: codes.targetMismatch,
    });
}

/** Keys that only the target takes for one would overwrite each other. A source of the family folds its own keys. (Invariant 9) */
function refuseFolding(
  stream: string,
  path: readonly string[],
  existing: Existing,
  columns: readonly ColumnSpec[],
  exact: string,
): void {
  for (const { column, type, key } of columns) {
    const own = existing.columns.find(({ name }) => name.toLowerCase() === column.name.toLowerCase());
    if (!key || column.type !== 'string' || own?.folds !== true) continue;
    const name = quoteName(own.name);
    throw mismatch(
      stream,
      `The key column ${JSON.stringify(own.name)} of ${path.join('.')} has a collation that takes different texts for one; their rows would overwrite each other.`,
      `ALTER TABLE ${quotePath(path)} MODIFY ${name} ${type} CHARACTER SET utf8mb4 COLLATE ${exact} NOT NULL`,
    );
  }
}

const sameSet = (unique: readonly string[], key: readonly string[]): boolean =>
  unique.length === key.length && key.every((name) => unique.includes(name.toLowerCase()));

function refuseWithoutKey(
  stream: string,
  path: readonly string[],
  key: readonly string[],
  uniques: readonly (readonly string[])[],
): void {
  if (uniques.some((unique) => sameSet(unique, key))) return;
  throw mismatch(
    stream,
    `${path.join('.')} has no primary key or unique index of exactly ${key.map((name) => JSON.stringify(name)).join(', ')}.`,
    `ALTER TABLE ${quotePath(path)} ADD UNIQUE (${key.map(quoteName).join(', ')})`,
  );
}
