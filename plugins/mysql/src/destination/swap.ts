/** Puts a shadow table in its target's place. Repeatable: killed at any point, it ends in the same state. (Invariant 5) */
import type { Lane } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quotePath, quoteText } from '../quote.js';
import type { Checkpoints, LaneRow, Swap } from './checkpoints.js';
import { oldName } from './names.js';

export async function tableExists(link: Link, path: readonly string[]): Promise<boolean> {
  const where = `TABLE_SCHEMA = ${quoteText(path[0]!)} AND TABLE_NAME = ${quoteText(path[1]!)}`;
  return (await link.query(`SELECT 1 FROM information_schema.TABLES WHERE ${where}`)).length > 0;
}

/** A shadow that is gone has been renamed already: only the old table is left to drop. */
async function swapTables(link: Link, { shadow, target }: Swap): Promise<void> {
  const old = [target[0]!, oldName(target[1]!)];
  if (await tableExists(link, shadow)) {
    for (const sql of renames(link, { shadow, target }, old, await tableExists(link, target))) await link.run(sql);
  }
  await link.run(dropTable(old));
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
