/** Places in the log, and how they become checkpoints. */
import { type Checkpoint, LostPositionError } from '@sluice/connector-sdk';
import { errorNumber } from '../errors.js';
import type { Link } from '../link.js';
import { MariadbGtids, MysqlGtids } from './gtid-set.js';

/** The byte behind the last whole transaction. */
export interface Place {
  readonly file: string;
  readonly position: number;
}
export interface LogPosition extends Place {
  /** Whose files they are: names repeat on another server. */
  readonly server: string;
  /** Everything up to here, by global ids; absent where the server has none. */
  readonly gtids?: string;
  /** Captured tables that were dropped and have not come back. */
  readonly dropped?: readonly string[];
}

const kind = 'binlog';
export const toCheckpoint = ({ server, file, position, gtids, dropped }: LogPosition): Checkpoint => ({
  v: 1,
  kind,
  server,
  file,
  position,
  ...(gtids === undefined ? {} : { gtids }),
  ...(dropped === undefined || dropped.length === 0 ? {} : { dropped }),
});

/** Throws LostPositionError for what is no position in a binary log. */
export function toLogPosition(checkpoint: Checkpoint): LogPosition {
  const { v, kind: found, server, file, position, gtids, dropped } = checkpoint;
  const isText = (value: unknown): value is string => typeof value === 'string';
  const right = v === 1 && found === kind && isText(server) && isText(file) && Number.isSafeInteger(position);
  if (!right || (gtids !== undefined && !isText(gtids)) || (dropped !== undefined && !Array.isArray(dropped))) {
    const asked = JSON.stringify(checkpoint).slice(0, 200);
    throw new LostPositionError('The checkpoint is no position in a binary log.', asked, 'checkpoints of version 1');
  }
  return {
    server,
    file,
    position: position as number,
    ...(gtids === undefined ? {} : { gtids }),
    ...(dropped === undefined ? {} : { dropped: (dropped as readonly unknown[]).filter(isText) }),
  };
}

const suffix = (file: string): bigint => BigInt(/\.(\d+)$/.exec(file)?.[1] ?? 0);
/** Of two places of one server: negative when `a` comes first. */
export function comparePlaces(a: Place, b: Place): number {
  const [left, right] = [suffix(a.file), suffix(b.file)];
  return left === right ? a.position - b.position : left < right ? -1 : 1;
}

/** What identifies a server, so that another one in its place is noticed. */
export async function serverIdentity(link: Link): Promise<string> {
  const column = link.server.flavour === 'mariadb' ? '@@server_uid' : '@@server_uuid';
  try {
    const [row] = await link.query(`SELECT ${column}`);
    return row![0]!;
  } catch (error) {
    if (errorNumber(error) !== 1193) throw error; // no such variable: older servers
    const [row] = await link.query('SELECT @@server_id');
    return `id ${row![0]}`;
  }
}

/** Where the log is now. Throws LostPositionError when there is none. */
export async function currentPosition(link: Link): Promise<LogPosition> {
  const server = await serverIdentity(link);
  const [row] = await logStatus(link);
  if (row === undefined) throw new LostPositionError('The server keeps no binary log.', 'its end', 'none');
  const gtids = await currentGtids(link, row[0]!, Number(row[1]));
  return { server, file: row[0]!, position: Number(row[1]), ...(gtids === undefined ? {} : { gtids }) };
}

const logStatus = (link: Link): Promise<readonly (readonly (string | null)[])[]> =>
  link.query('SHOW MASTER STATUS').catch((error: unknown) => {
    if (errorNumber(error) !== 1064) throw error; // MySQL 8.4 and later know the new name only
    return link.query('SHOW BINARY LOG STATUS');
  });

/** Of the very place on MariaDB; on MySQL, where the status has both, of the same statement's moment or earlier. */
async function currentGtids(link: Link, file: string, position: number): Promise<string | undefined> {
  if (link.server.flavour === 'mariadb') {
    const [row] = await link.query(`SELECT BINLOG_GTID_POS('${file.replaceAll(`'`, '')}', ${position})`);
    return row?.[0] ?? undefined;
  }
  const [mode] = await link.query('SELECT @@gtid_mode');
  if (mode?.[0] !== 'ON') return undefined;
  const [row] = await logStatus(link);
  return row?.[4]?.replaceAll('\n', '');
}

/**
 * Throws LostPositionError when the server cannot go on from `from`: it lacks what was read already, or has thrown away what
 * was not. (Invariant 7) `byPlace`: the log is asked for by file and position.
 */
export async function checkPosition(link: Link, from: LogPosition, here: LogPosition, byPlace: boolean): Promise<void> {
  if (here.gtids !== undefined && from.gtids !== undefined) await checkGtids(link, from.gtids, here.gtids);
  else if (from.server !== here.server)
    throw lost('The position is of another server, and has no global ids to find it by.', shown(from), shown(here));
  if (byPlace) await checkFile(link, from, here);
}

async function checkGtids(link: Link, asked: string, here: string): Promise<void> {
  if (link.server.flavour === 'mariadb') {
    const missing = MariadbGtids.parse(here).behind(MariadbGtids.parse(asked));
    if (missing.length > 0) throw lost('The server lacks transactions that were read already.', asked, here);
    return;
  }
  const ours = MysqlGtids.parse(asked);
  const errant = ours.minus(MysqlGtids.parse(here));
  if (!errant.empty)
    throw lost(
      `The server lacks transactions that were read already: ${errant.toString().slice(0, 200)}.`,
      asked,
      here,
    );
  const [row] = await link.query('SELECT @@global.gtid_purged');
  const purged = MysqlGtids.parse(row?.[0] ?? '').minus(ours);
  if (!purged.empty)
    throw lost('The server has purged transactions that were not read yet.', asked, `all but ${row?.[0] ?? ''}`);
}

async function checkFile(link: Link, from: LogPosition, here: LogPosition): Promise<void> {
  const files = await link.query('SHOW BINARY LOGS');
  const found = files.find(([name]) => name === from.file);
  const there = files.length === 0 ? 'none' : `${files[0]![0]} to ${files.at(-1)![0]}`;
  if (found === undefined) throw lost('The file of the binary log is not there any more.', shown(from), there);
  const size = from.file === here.file ? here.position : Number(found[1]);
  if (from.position > size)
    throw lost('The file of the binary log is shorter than the position.', shown(from), `${from.file}:${size}`);
}

export const shown = ({ file, position, gtids }: LogPosition): string =>
  gtids === undefined ? `${file}:${position}` : `${file}:${position} (${gtids.slice(0, 200)})`;
export const lost = (message: string, asked: string, available: string): LostPositionError =>
  new LostPositionError(message, asked.slice(0, 500), available.slice(0, 500), {
    fix: 'Copy the tables anew; keep the binary log for longer than the longest pause (binlog_expire_logs_seconds, expire_logs_days).',
  });

/** The earliest of several positions of one server. */
export function earliest(positions: readonly LogPosition[]): LogPosition | undefined {
  return positions.toSorted(comparePlaces)[0];
}
