/** Streams that were copied at some place of the log: what was committed up to there is in the copy already. */
import type { Named } from './log-cursor.js';
import { MariadbGtids, MysqlGtids } from './gtid-set.js';
import { type LogPosition, type Place, comparePlaces } from './position.js';

type IsIn = (start: Place, named: Named | undefined) => boolean;

export class Since {
  readonly #of = new Map<string, IsIn>();
  constructor(since: ReadonlyMap<string, LogPosition>, server: string, flavour: 'mysql' | 'mariadb') {
    for (const [id, position] of since)
      this.#of.set(id, position.server === server ? byPlace(position) : byIds(position, flavour));
  }

  /** True when the copy of the stream has the transaction that starts at `start`. */
  has(id: string, start: Place, named: Named | undefined): boolean {
    return this.#of.get(id)?.(start, named) ?? false;
  }
  get empty(): boolean {
    return this.#of.size === 0;
  }
}

/** A copy is made between transactions: one that starts before its place has ended before it. */
const byPlace =
  (position: LogPosition): IsIn =>
  (start) =>
    comparePlaces(start, position) < 0;

function byIds({ gtids = '' }: LogPosition, flavour: 'mysql' | 'mariadb'): IsIn {
  if (flavour === 'mariadb') {
    const set = MariadbGtids.parse(gtids);
    return (_, named) => named?.kind === 'mariadb-gtid' && set.has(named.domain, named.sequence);
  }
  const set = MysqlGtids.parse(gtids);
  return (_, named) => named?.kind === 'gtid' && set.has(named.uuid, named.tag, named.number);
}
