/** From a stage into its target, inside the transaction of the commit. */
import type { Target } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import type { Bends } from './bends.js';
import { lostRow } from './fold.js';
import { mismatch } from './inspect.js';
import { type LoadTarget, bentValues, columnNames, refuseWarnings } from './load.js';

export interface Stage {
  readonly load: LoadTarget;
  readonly target: Target;
  readonly path: readonly string[];
  /** The target has unique indexes besides the key, so that ON DUPLICATE KEY UPDATE could hit the wrong row. */
  readonly otherUniques: boolean;
  /** The key as the target compares it, where that takes different texts for one; else empty. */
  readonly foldedKey: readonly string[];
  /** What columns of the target would change, by name. */
  readonly bends: ReadonlyMap<string, Bends>;
  /** Rows and changes that wait. */
  rows: number;
  /** What waits besides whole rows. */
  changes: { truncated: boolean; deletes: boolean; patches: boolean };
}
export const noChanges = (): Stage['changes'] => ({ truncated: false, deletes: false, patches: false });

/** What becomes of a staged row: 'u' it is written, 'd' its key is deleted, 'p' the columns of the masks are updated. */
export const opColumn = '_sluice_op';
/** Bit masks of the columns that an update sent, 60 columns each. */
export const givenColumn = (index: number): string => quoteName(`_sluice_given_${index}`);
const maskSize = 60;
export const maskCount = (columns: number): number => Math.ceil(columns / maskSize);
export function maskBits(sent: readonly number[], columns: number): readonly bigint[] {
  const masks = Array.from({ length: maskCount(columns) }, () => 0n);
  for (const at of sent) masks[Math.floor(at / maskSize)]! |= 1n << BigInt(at % maskSize);
  return masks;
}

export async function publish(link: Link, stage: Stage): Promise<void> {
  const { stream } = stage.load;
  const { truncated, deletes, patches } = stage.changes;
  await refuseBent(link, stage);
  await refuseFolded(link, stage);
  if (truncated) await link.run(`DELETE FROM ${quotePath(stage.path)}`);
  if (deletes) await link.run(deleteKeys(stage, 'd'));
  if (patches) await patch(link, stage);
  for (const sql of publishStatements(stage, link.server.flavour === 'singlestore')) {
    await refuseWarnings(link, stream, await link.run(sql));
  }
}

/** Before anything is written: the server would say nothing. (Invariant 9) */
async function refuseBent(link: Link, { load, target, bends }: Stage): Promise<void> {
  const upsert = target.mode === 'upsert';
  for (const [name, { value, null: fillsNull }] of bends) {
    const own = `s.${quoteName(name)}`;
    const bent = [
      ...(value ? [`${value(own)}${upsert ? ` AND ${op('d').replace('=', '<>')}` : ''}`] : []),
      ...(fillsNull ? [`${own} IS NULL${upsert ? ` AND ${op('u')}` : ''}`] : []),
    ];
    const found = await link.query(`SELECT 1 FROM ${quotePath(load.path)} AS s WHERE ${bent.join(' OR ')} LIMIT 1`);
    if (found.length > 0) throw bentValues(load.stream, name);
  }
}

/** Of two rows that the source keeps apart, the second would take the place of the first. (Invariant 6) */
async function refuseFolded(link: Link, { load, path, foldedKey }: Stage): Promise<void> {
  if (foldedKey.length === 0) return;
  const from = `${quotePath(load.path)} AS s WHERE ${op('d').replace('=', '<>')}`;
  const twins = await link.query(`SELECT 1 FROM ${from} GROUP BY ${foldedKey.join(', ')} HAVING COUNT(*) > 1 LIMIT 1`);
  if (twins.length === 0) return;
  throw mismatch(
    load.stream.id,
    `The key of ${path.join('.')} has a collation that takes texts for one which the source keeps apart; their rows would overwrite each other.`,
    `Give the key of ${path.join('.')} the collation that it has in the source.`,
  );
}

const op = (name: string): string => `s.${quoteName(opColumn)} = '${name}'`;

function onKey({ target, path }: Stage): string {
  const to = quotePath(path);
  return target.key
    .map(quoteName)
    .map((name) => `${to}.${name} = s.${name}`)
    .join(' AND ');
}

/** An alias of the table to delete from is looked for in the session's default database, and there is none. */
function deleteKeys(stage: Stage, name: 'd' | 'u'): string {
  const to = quotePath(stage.path);
  return `DELETE ${to} FROM ${to} INNER JOIN ${quotePath(stage.load.path)} AS s ON ${onKey(stage)} WHERE ${op(name)}`;
}

/** Each row must be there: one that is not would be lost. The driver counts rows found, not rows changed. */
async function patch(link: Link, stage: Stage): Promise<void> {
  const to = quotePath(stage.path);
  const from = quotePath(stage.load.path);
  const sets = stage.load.columns.flatMap(({ column, key }, i) => {
    const name = quoteName(column.name);
    const given = `(s.${givenColumn(Math.floor(i / maskSize))} & ${1n << BigInt(i % maskSize)}) <> 0`;
    return key ? [] : [`${to}.${name} = IF(${given}, s.${name}, ${to}.${name})`];
  });
  const [wanted] = await link.query(`SELECT COUNT(*) FROM ${from} AS s WHERE ${op('p')}`);
  const found = await link.query(
    `SELECT COUNT(*) FROM ${to} INNER JOIN ${from} AS s ON ${onKey(stage)} WHERE ${op('p')}`,
  );
  if (wanted?.[0] !== found[0]?.[0]) throw lostRow(stage.load.stream.id);
  if (sets.length === 0) return;
  const outcome = await link.run(
    `UPDATE ${to} INNER JOIN ${from} AS s ON ${onKey(stage)} SET ${sets.join(', ')} WHERE ${op('p')}`,
  );
  await refuseWarnings(link, stage.load.stream, outcome);
}

export function publishStatements(stage: Stage, valuesFunction: boolean): readonly string[] {
  const columns = stage.load.stream.columns;
  const [to, from, names] = [quotePath(stage.path), quotePath(stage.load.path), columnNames(columns)];
  const selected = columns.map((column) => `s.${quoteName(column.name)}`).join(', ');
  if (stage.target.mode === 'append') return [`INSERT INTO ${to} (${names}) SELECT ${selected} FROM ${from} AS s`];
  const insert = `INSERT INTO ${to} (${names}) SELECT ${selected} FROM ${from} AS s WHERE ${op('u')}`;
  if (stage.otherUniques) return [deleteKeys(stage, 'u'), insert];
  const key = stage.target.key.map(quoteName);
  const rest = columns.map((column) => quoteName(column.name)).filter((name) => !key.includes(name));
  const value = (name: string): string => (valuesFunction ? `VALUES(${name})` : `s.${name}`);
  const sets = (rest.length > 0 ? rest : key).map((name) => `${to}.${name} = ${value(name)}`);
  return [`${insert} ON DUPLICATE KEY UPDATE ${sets.join(', ')}`];
}
