import { type Finding, codes } from '@sluice/connector-sdk';
import { errorNumber } from '../errors.js';
import type { Link } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import { currentUser, hasDatabase } from '../account.js';
import { checkServer } from '../check-server.js';
import type { SourceState } from './source.js';

const probed = 100;

/** Every finding, not the first. Runs SELECT and SHOW only. */
export async function check(state: SourceState): Promise<readonly Finding[]> {
  const { link, config } = state;
  const { database } = config;
  const common = await checkServer(link, config, state.context.variant);
  if (database !== undefined && !(await hasDatabase(link, database))) {
    return [...common, missing(database, await currentUser(link))];
  }
  return [...common, ...(await checkTables(state)), ...(await checkWrites(link)), ...(await checkOpen(state))];
}

const missing = (database: string, user: string): Finding => ({
  code: codes.noSuchDatabase,
  severity: 'error',
  message: `There is no database ${JSON.stringify(database)}, or the user may not see it.`,
  fix: `GRANT SELECT ON ${quoteName(database)}.* TO ${user}`,
});

/** Tries each table; a table that may be listed may not always be read. */
async function checkTables({ link, discover }: SourceState): Promise<readonly Finding[]> {
  const streams = await discover();
  const user = await currentUser(link);
  const findings: Finding[] = [];
  for (const { path, id } of streams.slice(0, probed)) {
    try {
      await link.query(`SELECT 1 FROM ${quotePath(path)} LIMIT 0`);
    } catch (error) {
      const denied = [1142, 1143, 1044].includes(errorNumber(error) ?? 0);
      findings.push({
        code: denied ? codes.permission : 'mysql.unreadable',
        severity: 'warning',
        message: denied
          ? `${id} is listed but may not be read.`
          : `${id} cannot be read: ${(error as Error).message.slice(0, 200)}`,
        ...(denied ? { fix: `GRANT SELECT ON ${quotePath(path)} TO ${user}` } : {}),
      });
    }
  }
  if (streams.length > findings.length) return findings;
  const fix = `GRANT SELECT ON *.* TO ${user}`;
  const message = 'There is no table or view that the user may read.';
  // Nothing is listed: an empty database, or a user with no right at all. Which one, the server does not tell.
  if (streams.length === 0) return [{ code: 'mysql.no-streams', severity: 'warning', message, fix }];
  return [...findings, { code: codes.permission, severity: 'error', message, fix }];
}

async function checkWrites(link: Link): Promise<readonly Finding[]> {
  const grants = await link.query('SHOW GRANTS');
  if (!grants.some(([grant]) => /\b(ALL PRIVILEGES|INSERT|UPDATE|DELETE|DROP)\b.* ON /.test(grant ?? ''))) return [];
  const message = 'The user may change data; a source needs SELECT only, and a user with no more is safer.';
  return [
    {
      code: 'more-than-select',
      severity: 'warning',
      message,
      fix: `CREATE USER 'reader'@'%'; GRANT SELECT ON *.* TO 'reader'@'%'`,
    },
  ];
}

/** Without the right a read by cursor goes by the lag alone. */
async function checkOpen({ link, config }: SourceState): Promise<readonly Finding[]> {
  if (config.cursor_wait_seconds === 0) return [];
  const denied = await link.query('SELECT COUNT(*) FROM information_schema.INNODB_TRX').then(
    () => false,
    (error: unknown) => errorNumber(error) === 1227,
  );
  if (!denied) return [];
  const message = `The user may not see open transactions: reads by cursor are safe from rows committed late by their lag only (${config.cursor_lag_seconds} s), for which they wait.`;
  const fix = `GRANT PROCESS ON *.* TO ${await currentUser(link)}`;
  return [{ code: 'open-transactions-hidden', severity: 'warning', message, fix }];
}
