/** For `check`: what a change stream needs of a server and of its user. Runs SELECT and SHOW, and registers as a replica for a moment. */
import { type Finding, codes } from '@sluice/connector-sdk';
import { currentUser } from '../account.js';
import type { ConnectionConfig } from '../config.js';
import { errorNumber } from '../errors.js';
import type { Link } from '../link.js';
import type { Flavour } from '../server.js';
import { type DumpOptions, probeReplica } from './binlog-link.js';
import { zstd } from './compressed.js';

/** Server variables by name, as far as the server has them. */
export type LogSettings = ReadonlyMap<string, string>;
export interface LogRights {
  /** May read the log. */
  readonly replica: boolean;
  /** May ask where it ends. */
  readonly status: boolean;
  /** Quoted for a GRANT. */
  readonly user: string;
}

const names = [
  'log_bin',
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_row_value_options',
  'binlog_transaction_compression',
  'binlog_expire_logs_seconds',
  'expire_logs_days',
  'gtid_mode',
];
const day = 86_400;

export async function logFindings(
  link: Link,
  config: ConnectionConfig,
  options: Pick<DumpOptions, 'dial' | 'variant'>,
): Promise<readonly Finding[]> {
  const rows = await link.query(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names.map((name) => `'${name}'`).join(', ')})`,
  );
  const settings = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value ?? '']));
  if (settings.get('log_bin') === 'OFF') return settingFindings(settings);
  const status = await allowed(() => link.query('SHOW BINARY LOGS'));
  const replica = await allowed(() => probeReplica(config, options));
  const rights = { replica, status, user: await currentUser(link) };
  return [...settingFindings(settings), ...rightFindings(rights, link.server.flavour)];
}

const denied: ReadonlySet<number> = new Set([1045, 1142, 1227]);
async function allowed(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (denied.has(errorNumber(error) ?? 0)) return false;
    throw error;
  }
}

export function rightFindings({ replica, status, user }: LogRights, flavour: Flavour): readonly Finding[] {
  const grant = (right: string, message: string): Finding => ({
    code: codes.permission,
    severity: 'error',
    message,
    fix: `GRANT ${right} ON *.* TO ${user}`,
  });
  const statusRight = flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
  return [
    ...(replica ? [] : [grant('REPLICATION SLAVE', 'The user may not read the binary log.')]),
    ...(status ? [] : [grant(statusRight, 'The user may not ask where the binary log ends.')]),
  ];
}

interface Rule {
  readonly code: string;
  readonly severity: Finding['severity'];
  /** True when it is found. */
  is(value: (name: string) => string | undefined): boolean;
  readonly message: string;
  readonly fix: string;
}

const rules: readonly Rule[] = [
  {
    code: 'log-bin',
    severity: 'error',
    is: (value) => value('log_bin') === 'OFF',
    message: 'The server keeps no binary log.',
    fix: 'Set log_bin and server_id in the configuration of the server, and start it again.',
  },
  {
    code: 'binlog-format',
    severity: 'error',
    is: (value) => !['ROW', undefined].includes(value('binlog_format')),
    message: 'The binary log holds statements instead of rows.',
    fix: 'SET GLOBAL binlog_format = ROW; and let sessions connect anew',
  },
  {
    code: 'binlog-row-image',
    severity: 'warning',
    is: (value) => !['FULL', undefined].includes(value('binlog_row_image')),
    message: 'The binary log leaves out columns that did not change: rows cannot be told in full.',
    fix: 'SET GLOBAL binlog_row_image = FULL',
  },
  {
    code: 'binlog-row-metadata',
    severity: 'warning',
    is: (value) => value('binlog_row_metadata') !== 'FULL',
    message:
      'The binary log does not name columns: after a pause, rows from before a change of their table cannot be read.',
    fix: 'SET GLOBAL binlog_row_metadata = FULL',
  },
  {
    code: 'binlog-compression',
    severity: 'error',
    is: (value) => value('binlog_transaction_compression') === 'ON' && zstd === undefined,
    message: `Transactions are compressed with zstd, which Node ${process.versions.node} cannot read.`,
    fix: 'SET GLOBAL binlog_transaction_compression = OFF, or run Sluice with Node 22.15 or newer',
  },
  {
    code: 'binlog-expiry',
    severity: 'warning',
    is: (value) => {
      const seconds = Number(value('binlog_expire_logs_seconds') ?? 0) || Number(value('expire_logs_days') ?? 0) * day;
      return seconds > 0 && seconds < day;
    },
    message: 'The binary log is kept for less than a day: a longer pause loses the position.',
    fix: `SET GLOBAL binlog_expire_logs_seconds = ${7 * day}`,
  },
  {
    code: 'gtid-mode',
    severity: 'warning',
    is: (value) => !['ON', undefined].includes(value('gtid_mode')),
    message: 'Transactions have no global ids: after a failover to another server the position is lost.',
    fix: 'Switch gtid_mode to ON, step by step as the manual of MySQL says.',
  },
];

export const settingFindings = (settings: LogSettings): readonly Finding[] => {
  const found = rules.filter((rule) => rule.is((name) => settings.get(name)));
  // Without a log the rest says nothing.
  const told = found[0]?.code === 'log-bin' ? found.slice(0, 1) : found;
  return told.map(({ code, severity, message, fix }) => ({ code, severity, message, fix }));
};
