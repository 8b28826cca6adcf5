/**
 * A target that foreign keys of other tables point at is not renamed: in InnoDB they would go with the old table. It is emptied and
 * filled from the shadow inside the transaction of the commit instead, so that readers see the old rows until then. (Invariants 1, 5)
 */
import type { Link } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import type { Swap } from './checkpoints.js';
import type { ColumnSpec } from './ddl.js';
import { type ForeignKey, foreignKeysOf, referencesTo, refuseOrphans, withoutForeignKeys } from './foreign-keys.js';
import { type Existing, fits, mismatch } from './inspect.js';
import { refuseWarnings } from './load.js';
import { isOwn } from './names.js';
import { narrower } from './narrower.js';
import { type Filling, targetChanged } from './shadow.js';
import { targetShape } from './shape.js';
import { type Trigger, triggersOf } from './triggers.js';

/** What the last commit of a load has to do besides storing its checkpoint. */
export interface Publication {
  readonly due: Swap;
  readonly foreignKeys: readonly ForeignKey[];
  /** Of other tables, on the target. */
  readonly children: readonly ForeignKey[];
}

/** Foreign keys of other tables on the target. Throws DataError when it must be refilled for them, and cannot be. */
export async function childrenOf(
  link: Link,
  stream: string,
  path: readonly string[],
  existing: Existing | undefined,
  specs: readonly ColumnSpec[],
): Promise<readonly ForeignKey[]> {
  const children = existing === undefined ? [] : await referencesTo(link, path);
  const [child] = children;
  if (existing === undefined || child === undefined) return [];
  const why = `is pointed at by the foreign key ${JSON.stringify(child.name)} of ${child.table.join('.')}, so its rows are replaced in place`;
  const fires = (await triggersOf(link, path)).find((trigger: Trigger) => !trigger.when.endsWith('UPDATE'));
  if (fires !== undefined)
    throw mismatch(
      stream,
      `${path.join('.')} ${why}; its trigger ${JSON.stringify(fires.name)} would fire for each of them.`,
      `Drop the trigger or the foreign key, or load this table in mode upsert.`,
    );
  const byName = new Map(existing.columns.map((column) => [column.name.toLowerCase(), column]));
  const misfit = specs.find((spec) => {
    const now = byName.get(spec.column.name.toLowerCase());
    return now === undefined || (!now.generated && (!fits(spec.column, now) || narrower(spec, now)));
  });
  if (misfit === undefined) return children;
  const verb = byName.has(misfit.column.name.toLowerCase()) ? 'MODIFY' : 'ADD';
  throw mismatch(
    stream,
    `${path.join('.')} ${why}; its column ${JSON.stringify(misfit.column.name)} is missing or too narrow.`,
    `ALTER TABLE ${quotePath(path)} ${verb} COLUMN ${quoteName(misfit.column.name)} ${misfit.type}`,
  );
}

/** What the target is at the end of the load. Throws DataError when it is not what the shadow was made after. */
export async function planPublication(link: Link, filling: Filling): Promise<Publication> {
  const { stream, target, shadow, columns } = filling;
  const shape = await targetShape(link, stream.id, target);
  if (shape?.print !== shadow.shape) throw targetChanged(stream.id, target);
  const swap = { shadow: shadow.path, target };
  if (shape === undefined) return { due: swap, foreignKeys: [], children: [] };
  const children = await childrenOf(link, stream.id, target, shape.existing, columns);
  const foreignKeys = await foreignKeysOf(link, target);
  const due: Swap =
    children.length > 0
      ? { ...swap, refilled: true }
      : { ...swap, foreignKeys, triggers: await triggersOf(link, target) };
  return { due, foreignKeys, children };
}

/** Inside the transaction of the commit, when all rows are in the shadow. */
export async function publishShadow(link: Link, filling: Filling, publication: Publication): Promise<void> {
  const { stream, target, shadow } = filling;
  for (const key of publication.foreignKeys) {
    const own = key.referenced.every((part, i) => part === target[i]);
    await refuseOrphans(link, stream.id, key, shadow.path, own ? shadow.path : key.referenced);
  }
  if (publication.due.refilled !== true) return;
  await withoutForeignKeys(link, () => refill(link, filling));
  for (const key of publication.children) {
    // Half-filled tables of other loads are held to their keys when they are full.
    if (!isOwn(key.table[1]!)) await refuseOrphans(link, stream.id, key, key.table, target);
  }
}

async function refill(link: Link, { stream, target, shadow, columns }: Filling): Promise<void> {
  const names = columns
    .filter((spec) => spec.generated !== true)
    .map((spec) => quoteName(spec.column.name))
    .join(', ');
  await link.run(`DELETE FROM ${quotePath(target)}`);
  const sql = `INSERT INTO ${quotePath(target)} (${names}) SELECT ${names} FROM ${quotePath(shadow.path)}`;
  await refuseWarnings(link, stream, await link.run(sql));
}
