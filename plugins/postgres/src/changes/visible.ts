import { parseLsn } from './lsn.js';

/**
 * Which transactions a snapshot had in it. A table is read as of a snapshot while its changes are already logged: those of transactions that
 * the snapshot saw were read with the table, and are passed over; all others are applied. The log's order cannot tell them
 * apart, as a commit stands in the log before it becomes visible.
 */
export type Since = {
  /** What the read saw, as pg_snapshot: 'xmin:xmax:xip,xip'. */
  readonly snapshot: string;
  /** The end of the log when the snapshot was there already: what commits behind it is in no case part of it. */
  readonly lsn: string;
};

/** For a statement inside the snapshot's transaction; its columns make a `Since`. Text all of them. */
export const sinceSql = `SELECT pg_current_snapshot()::text AS snapshot,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn`;

/** The `lsn` of a snapshot. Throws RangeError for what is no position. */
export function endOf({ lsn }: Since): bigint {
  const end = parseLsn(lsn);
  if (end === undefined) throw new RangeError(`${JSON.stringify(lsn)} is no position in the log`);
  return end;
}

const pattern = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/;

/** Whether the snapshot saw a transaction that has committed since or before, by the 32 bits that the log has of its id. Throws RangeError for what is no snapshot. */
export function visibility(snapshot: string): (xid: number) => boolean {
  const match = pattern.exec(snapshot);
  if (!match) throw new RangeError(`${JSON.stringify(snapshot)} is no pg_snapshot`);
  const [xmin, xmax] = [BigInt(match[1]!), BigInt(match[2]!)];
  const running = new Set(match[3] === '' ? [] : match[3]!.split(',').map(BigInt));
  return (xid) => {
    // Of the ids with these 32 bits, the one that is nearest to the snapshot's end.
    const id = xmax + BigInt.asIntN(32, BigInt(xid) - xmax);
    return id < xmin || (id < xmax && !running.has(id));
  };
}
