/**
 * Changes on their way into the stage of a stream in mode 'upsert'. The stage has one row per key: what shall become of it. So
 * later changes of a key take the place of earlier ones, and the order of the source is kept. (Invariant 8)
 */
import { type Change, type Column, DataError, type Row, type Value, type Written, codes } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import { type Key, fold, lostRow } from './fold.js';
import { literalOf } from './insert.js';
import { type LoadTarget, refuseWarnings } from './load.js';
import { type Stage, givenColumn, maskBits, opColumn } from './publish.js';

export type LoadRows = (link: Link, target: LoadTarget, rows: readonly Row[]) => Promise<Written>;

const op: Column = { name: opColumn, type: 'string', nullable: false, native: 'char(1)', length: 1 };

/** Stages changes of one stream, in order. Answers bytes. */
export async function stageChanges(
  link: Link,
  stage: Stage,
  changes: readonly Change[],
  load: LoadRows,
): Promise<number> {
  const { stream } = stage.load;
  if (stage.target.mode !== 'upsert') {
    const message = `${stream.id}: changes need mode upsert, not ${stage.target.mode}.`;
    throw new DataError(message, { stream: stream.id, code: codes.unsupported });
  }
  const key: Key = stage.target.key.map((name) => stream.columns.findIndex((column) => column.name === name));
  const folded = fold(stream.id, changes, key);
  if (folded.truncated) {
    await link.run(`DELETE FROM ${quotePath(stage.load.path)}`);
    stage.changes = { truncated: true, deletes: false, patches: false };
  }
  const patches = folded.operations.filter((each) => each.op === 'p').map((each) => each.row);
  const whole = folded.operations.filter((each) => each.op !== 'p').map((each) => [...each.row, each.op]);
  stage.changes.deletes ||= folded.operations.some((each) => each.op === 'd');
  stage.changes.patches ||= patches.length > 0;
  let bytes = 0;
  if (whole.length > 0) bytes += (await load(link, withOp(stage.load), whole)).bytes;
  for (const row of patches) bytes += await stagePatch(link, stage, row);
  if (patches.length > 0) await refuseLost(link, stage);
  return bytes;
}

const withOp = (target: LoadTarget): LoadTarget => ({
  ...target,
  stream: { ...target.stream, columns: [...target.stream.columns, op] },
  columns: [...target.columns, { column: op, type: 'CHAR(1)', key: false }],
});

/** An update that leaves columns out joins what is staged of its key, or waits to join the target's row. */
async function stagePatch(link: Link, stage: Stage, row: Row): Promise<number> {
  const { path, columns, stream } = stage.load;
  const sent = columns.flatMap((spec, i) => (row[i] === undefined ? [] : [{ spec, at: i, value: row[i] as Value }]));
  const masks = maskBits(
    sent.map(({ at }) => at),
    columns.length,
  );
  const names = [
    ...sent.map(({ spec }) => quoteName(spec.column.name)),
    quoteName(opColumn),
    ...masks.map((_, i) => givenColumn(i)),
  ];
  const values = [...sent.map(({ spec, value }) => literalOf(spec, value)), `'p'`, ...masks.map(String)];
  // A row that is staged to be deleted has nothing to join: 'x' marks it, and refuseLost refuses it.
  const sets = [
    `${quoteName(opColumn)} = IF(${quoteName(opColumn)} = 'd', 'x', ${quoteName(opColumn)})`,
    ...sent
      .filter(({ spec }) => !spec.key)
      .map(({ spec, value }) => `${quoteName(spec.column.name)} = ${literalOf(spec, value)}`),
    ...masks.map((mask, i) => `${givenColumn(i)} = ${givenColumn(i)} | ${mask}`),
  ];
  const sql = `INSERT INTO ${quotePath(path)} (${names.join(', ')}) VALUES (${values.join(', ')}) ON DUPLICATE KEY UPDATE ${sets.join(', ')}`;
  await refuseWarnings(link, stream, await link.run(sql));
  return values.join(',').length;
}

async function refuseLost(link: Link, stage: Stage): Promise<void> {
  const sql = `SELECT 1 FROM ${quotePath(stage.load.path)} WHERE ${quoteName(opColumn)} = 'x' LIMIT 1`;
  if ((await link.query(sql)).length > 0) throw lostRow(stage.load.stream.id);
}
