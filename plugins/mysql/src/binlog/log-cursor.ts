/** Where the reading of the log stands: file, byte, and the ids of the transactions that have ended. */
import type { BinlogEvent, Header } from './events.js';
import { MariadbGtids, MysqlGtids } from './gtid-set.js';
import type { LogPosition, Place } from './position.js';

type Gtids = MysqlGtids | MariadbGtids;
export type Named = Extract<BinlogEvent, { kind: 'gtid' | 'mariadb-gtid' }>;

const wrap = 2 ** 32;

export class LogCursor {
  #file: string;
  /** The end of the event that was read last. */
  #at: number;
  readonly #gtids: Gtids | undefined;
  /** The end of the last whole transaction. */
  #done: Place;

  constructor(
    start: LogPosition,
    private readonly server: string,
    flavour: 'mysql' | 'mariadb',
  ) {
    this.#file = start.file;
    this.#at = start.position;
    this.#done = { file: start.file, position: start.position };
    if (start.gtids !== undefined)
      this.#gtids = flavour === 'mariadb' ? MariadbGtids.parse(start.gtids) : MysqlGtids.parse(start.gtids);
  }

  get file(): string {
    return this.#file;
  }
  get here(): Place {
    return { file: this.#file, position: this.#at };
  }
  get done(): Place {
    return this.#done;
  }

  rotate(file: string, position: bigint): void {
    this.#file = file;
    this.#at = Number(position);
  }

  /** Headers count modulo 4 GiB. Events that the server makes up, or that stand inside another one, have no place. */
  move({ next, time, size }: Header): void {
    if (next === 0 || (time === 0 && next <= this.#at % wrap)) return;
    let at = Math.floor(this.#at / wrap) * wrap + next;
    if (at < this.#at && size <= next) return;
    if (at < this.#at) at += wrap;
    this.#at = at;
  }

  /** A transaction has ended here. */
  end(named: Named | undefined): void {
    if (named?.kind === 'gtid' && this.#gtids instanceof MysqlGtids)
      this.#gtids.add(named.uuid, named.tag, named.number);
    if (named?.kind === 'mariadb-gtid' && this.#gtids instanceof MariadbGtids)
      this.#gtids.add(named.domain, named.serverId, named.sequence);
    this.#done = this.here;
  }
  /** Between transactions: nothing is open. */
  pass(): void {
    this.#done = this.here;
  }

  /** After the last whole transaction. */
  position(dropped: readonly string[]): LogPosition {
    const gtids = this.#gtids?.toString();
    return {
      server: this.server,
      ...this.#done,
      ...(gtids === undefined ? {} : { gtids }),
      ...(dropped.length === 0 ? {} : { dropped }),
    };
  }
}
