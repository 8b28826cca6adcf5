/** From a stage into its target, inside the transaction of the commit. */
import type { Target } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import { columnNames, type LoadTarget, refuseWarnings } from './load.js';

export interface Stage {
  readonly load: LoadTarget;
  readonly target: Target;
  readonly path: readonly string[];
  /** The target has unique indexes besides the key, so that ON DUPLICATE KEY UPDATE could hit the wrong row. */
  readonly otherUniques: boolean;
  rows: number;
}

export async function publish(link: Link, stage: Stage): Promise<void> {
  for (const sql of publishStatements(stage, link.server.flavour === 'singlestore')) {
    await refuseWarnings(link, stage.load.stream, await link.run(sql));
  }
}

export function publishStatements(stage: Stage, valuesFunction: boolean): readonly string[] {
  const columns = stage.load.stream.columns;
  const [to, from, names] = [quotePath(stage.path), quotePath(stage.load.path), columnNames(columns)];
  const insert = `INSERT INTO ${to} (${names}) SELECT ${names} FROM ${from}`;
  if (stage.target.mode === 'append') return [insert];
  const key = stage.target.key.map(quoteName);
  if (stage.otherUniques) {
    // An alias of the table to delete from is looked for in the session's default database, and there is none.
    const match = key.map((name) => `${to}.${name} = s.${name}`).join(' AND ');
    return [`DELETE ${to} FROM ${to} INNER JOIN ${from} AS s ON ${match}`, insert];
  }
  const rest = columns.map((column) => quoteName(column.name)).filter((name) => !key.includes(name));
  const value = (name: string): string => (valuesFunction ? `VALUES(${name})` : `s.${name}`);
  const sets = (rest.length > 0 ? rest : key).map((name) => `${to}.${name} = ${value(name)}`);
  const selected = columns.map((column) => `s.${quoteName(column.name)}`).join(', ');
  return [
    `INSERT INTO ${to} (${names}) SELECT ${selected} FROM ${from} AS s ON DUPLICATE KEY UPDATE ${sets.join(', ')}`,
  ];
}
