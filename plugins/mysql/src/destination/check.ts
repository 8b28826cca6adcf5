import { randomBytes } from 'node:crypto';
import { type Finding, codes } from '@sluice/connector-sdk';
import { checkServer } from '../check-server.js';
import type { DestinationConfig } from '../config.js';
import type { Link } from '../link.js';
import { nameProblem, quoteName, quotePath } from '../quote.js';
import { currentUser, hasDatabase } from '../account.js';
import { seesTriggers } from './grants.js';
import { dropTable } from './swap.js';

export interface CheckRequest {
  readonly link: Link;
  readonly config: DestinationConfig;
  readonly variant: string | undefined;
  readonly localInfile: boolean;
}

/** Every finding, not the first. Makes, fills, renames and drops a table of its own; leaves nothing behind. */
export async function check(request: CheckRequest): Promise<readonly Finding[]> {
  const { link, config, variant } = request;
  const common = [
    ...(await checkServer(link, config, variant)),
    ...checkLocalInfile(request),
    ...(await checkTriggers(request)),
  ];
  if (await hasDatabase(link, config.database)) return [...common, ...(await checkTables(request))];
  const message = `There is no database ${JSON.stringify(config.database)}, or the user may not see it.`;
  return [
    ...common,
    {
      code: codes.noSuchDatabase,
      severity: 'error',
      message,
      fix: `CREATE DATABASE ${quoteName(config.database)} CHARACTER SET utf8mb4`,
    },
  ];
}

function checkLocalInfile({ localInfile }: CheckRequest): readonly Finding[] {
  if (localInfile) return [];
  const message = 'LOAD DATA LOCAL is switched off: rows are written with INSERT, which is several times slower.';
  return [{ code: 'local-infile-off', severity: 'warning', message, fix: 'SET GLOBAL local_infile = ON' }];
}

async function checkTriggers({ link, config: { database } }: CheckRequest): Promise<readonly Finding[]> {
  if (nameProblem(database) !== undefined || (await seesTriggers(link, [database, '']))) return [];
  const message =
    'The user may not see triggers: a table that is there already cannot be replaced, as its triggers would be lost.';
  const fix = `GRANT TRIGGER, LOCK TABLES ON ${quoteName(database)}.* TO ${await currentUser(link)}`;
  return [{ code: codes.permission, severity: 'warning', message, fix }];
}

async function checkTables({ link, config }: CheckRequest): Promise<readonly Finding[]> {
  const name = `_sluice_check_${randomBytes(6).toString('hex')}`;
  const [table, renamed, stage] = ['', '_b', '_t'].map((suffix) => [config.database, name + suffix]) as [
    string[],
    string[],
    string[],
  ];
  const steps: readonly (readonly [what: string, right: string, sql: string])[] = [
    ['make a table', 'CREATE', `CREATE TABLE ${quotePath(table)} (a INT NOT NULL PRIMARY KEY)`],
    ['fill a table', 'INSERT', `INSERT INTO ${quotePath(table)} VALUES (1)`],
    ['read a table', 'SELECT', `SELECT a FROM ${quotePath(table)}`],
    ['update a table', 'UPDATE', `UPDATE ${quotePath(table)} SET a = 2`],
    ['delete from a table', 'DELETE', `DELETE FROM ${quotePath(table)}`],
    ['add a column', 'ALTER', `ALTER TABLE ${quotePath(table)} ADD COLUMN b INT`],
    ['rename a table', 'ALTER, DROP', `ALTER TABLE ${quotePath(table)} RENAME TO ${quotePath(renamed)}`],
    ['make a temporary table', 'CREATE TEMPORARY TABLES', `CREATE TEMPORARY TABLE ${quotePath(stage)} (a INT)`],
    ['drop a temporary table', 'CREATE TEMPORARY TABLES', `DROP TEMPORARY TABLE IF EXISTS ${quotePath(stage)}`],
  ];
  const findings: Finding[] = [];
  const user = await currentUser(link);
  for (const [what, right, sql] of steps) {
    try {
      await link.query(sql);
    } catch (error) {
      const message = `The user cannot ${what}: ${(error as Error).message.slice(0, 200)}`;
      findings.push({
        code: codes.permission,
        severity: 'error',
        message,
        fix: `GRANT ${right} ON ${quoteName(config.database)}.* TO ${user}`,
      });
      if (right === 'CREATE') break;
    }
  }
  for (const path of [renamed, table]) await drop(link, path, user, findings);
  return findings;
}

async function drop(link: Link, path: readonly string[], user: string, findings: Finding[]): Promise<void> {
  try {
    await link.run(dropTable(path));
  } catch (error) {
    const message = `The user cannot drop a table (${path.join('.')} may be left behind): ${(error as Error).message.slice(0, 200)}`;
    if (findings.some((finding) => finding.message.startsWith('The user cannot drop'))) return;
    findings.push({
      code: codes.permission,
      severity: 'error',
      message,
      fix: `GRANT DROP ON ${quoteName(path[0]!)}.* TO ${user}`,
    });
  }
}
