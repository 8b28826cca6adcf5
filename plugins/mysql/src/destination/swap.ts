/** Puts a shadow table in its target's place. Repeatable: killed at any point, it ends in the same state. (Invariant 5) */
import { ConfigError, type Lane, codes, isSluiceError } from '@sluice/connector-sdk';
import { errorNumber, toSluiceError } from '../errors.js';
import type { Link } from '../link.js';
import { quotePath, quoteText } from '../quote.js';
import type { Checkpoints, LaneRow, Swap } from './checkpoints.js';
import { nameForeignKeys } from './foreign-keys.js';
import { oldName } from './names.js';
import { keepCounter } from './shape.js';
import { hangOn, takeNames, triggersOf } from './triggers.js';

export async function tableExists(link: Link, path: readonly string[]): Promise<boolean> {
  const where = `TABLE_SCHEMA = ${quoteText(path[0]!)} AND TABLE_NAME = ${quoteText(path[1]!)}`;
  return (await link.query(`SELECT 1 FROM information_schema.TABLES WHERE ${where}`)).length > 0;
}

/**
 * The new table comes in with all that readers and writers meet: rows, indexes, foreign keys, triggers. Only names that the old table
 * still holds are given to it when that is gone. A shadow that is gone has been renamed already.
 */
async function swapTables(link: Link, due: Swap): Promise<void> {
  const { shadow, target } = due;
  if (due.refilled === true) return void (await link.run(dropTable(shadow)));
  const old = [target[0]!, oldName(target[1]!)];
  let triggers = due.triggers ?? [];
  if (await tableExists(link, shadow)) {
    const replaces = await tableExists(link, target);
    if (replaces) {
      triggers = await triggersOf(link, target);
      await keepCounter(link, target, shadow);
      await hangOn(link, shadow, triggers);
    }
    for (const sql of renames(link, due, old, replaces)) await link.run(sql);
  } else if (await tableExists(link, old)) triggers = await triggersOf(link, old);
  await dropOld(link, due, old);
  await takeNames(link, target, triggers);
  await nameForeignKeys(link, target, due.foreignKeys ?? []);
}

export const dropTable = (path: readonly string[]): string => `DROP TABLE IF EXISTS ${quotePath(path)}`;

function renames(link: Link, { shadow, target }: Swap, old: readonly string[], replaces: boolean): readonly string[] {
  const [from, to, aside] = [quotePath(shadow), quotePath(target), quotePath(old)];
  if (link.server.flavour === 'singlestore') {
    // One statement renames one table there: readers may meet a moment without the table.
    return [
      ...(replaces ? [dropTable(old), `ALTER TABLE ${to} RENAME TO ${aside}`] : []),
      `ALTER TABLE ${from} RENAME TO ${to}`,
    ];
  }
  return replaces
    ? [dropTable(old), `RENAME TABLE ${to} TO ${aside}, ${from} TO ${to}`]
    : [`RENAME TABLE ${from} TO ${to}`];
}

/** A foreign key that the user may not see has gone with the old table: the swap is taken back, and it comes back with it. */
async function dropOld(link: Link, { shadow, target }: Swap, old: readonly string[]): Promise<void> {
  try {
    await link.run(dropTable(old));
  } catch (error) {
    if (![1217, 1451, 3730].includes(errorNumber(error) ?? 0)) throw error;
    await link.run(
      `RENAME TABLE ${quotePath(target)} TO ${quotePath(shadow)}, ${quotePath(old)} TO ${quotePath(target)}`,
    );
    throw new ConfigError(
      `A foreign key that the user may not see points at ${target.join('.')}, and would go with the old table when it is replaced.`,
      {
        code: codes.targetMismatch,
        cause: error,
        fix: 'Drop that foreign key; or let the user read the table that has it, and start the load over.',
      },
    );
  }
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((part, i) => part === b[i]);

/**
 * Runs the swap that is due in `row`, and returns the row without it. DDL commits whatever is open on its connection, so it has
 * one of its own (`ddl`); the caller holds the row's lock on another, which keeps every other runner out meanwhile.
 */
export async function settle(ddl: Link, row: LaneRow): Promise<LaneRow> {
  const { due } = row;
  if (due === undefined) return row;
  await swapTables(ddl, due);
  return { ...row, due: undefined, shadows: row.shadows.filter((shadow) => !same(shadow.path, due.shadow)) };
}

/** As `settle`; a lane that starts over is not held up by a swap that cannot be. */
export async function settleOrForget(ddl: Link, row: LaneRow, forgets: boolean): Promise<LaneRow> {
  try {
    return await settle(ddl, row);
  } catch (error) {
    const known = toSluiceError(error);
    const hopeless = isSluiceError(known, 'config') || isSluiceError(known, 'data');
    if (!forgets || !hopeless) throw error;
    return { ...row, due: undefined };
  }
}

/** After the commit that decided on it. The fence was checked there, and is checked again. (Invariant 4) */
export async function finishSwap(control: Link, ddl: Link, checkpoints: Checkpoints, lane: Lane): Promise<void> {
  await inTransaction(control, async () => {
    const row = await checkpoints.lockAsHolder(control, lane);
    await checkpoints.update(control, lane, await settle(ddl, row));
  });
}

export async function inTransaction<T>(link: Link, work: () => Promise<T>): Promise<T> {
  await link.run('START TRANSACTION');
  try {
    const result = await work();
    await link.run('COMMIT');
    return result;
  } catch (error) {
    if (!link.lost) await link.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
