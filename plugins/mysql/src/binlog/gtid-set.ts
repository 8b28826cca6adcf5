/** Sets of transactions by their global ids, in the two flavours. Immutable texts outside, growing sets inside. */
import { LostPositionError } from '@sluice/connector-sdk';

/** From the first to the last, both included. */
type Interval = [first: bigint, last: bigint];

/** MySQL: 'uuid:1-5:7:tag:1-3,uuid:1'. */
export class MysqlGtids {
  /** By 'uuid' or 'uuid:tag'. Ordered, disjoint, not adjacent. */
  readonly #sets = new Map<string, Interval[]>();

  static parse(text: string): MysqlGtids {
    const set = new MysqlGtids();
    for (const group of text.replaceAll(/\s/g, '').toLowerCase().split(',')) {
      if (group === '') continue;
      const [uuid = '', ...parts] = group.split(':');
      let tag = '';
      if (!/^[0-9a-f-]{36}$/.test(uuid)) throw unreadable(text);
      for (const part of parts) {
        const match = /^(\d+)(?:-(\d+))?$/.exec(part);
        if (match !== null) set.#addInterval(keyOf(uuid, tag), BigInt(match[1]!), BigInt(match[2] ?? match[1]!));
        else if (/^[a-z_][a-z0-9_]{0,31}$/.test(part)) tag = part;
        else throw unreadable(text);
      }
    }
    return set;
  }

  add(uuid: string, tag: string, number: bigint): void {
    this.#addInterval(keyOf(uuid, tag), number, number);
  }

  has(uuid: string, tag: string, number: bigint): boolean {
    const intervals = this.#sets.get(keyOf(uuid, tag)) ?? [];
    return intervals.some(([first, last]) => first <= number && number <= last);
  }

  /** What is in this set and not in `other`. */
  minus(other: MysqlGtids): MysqlGtids {
    const rest = new MysqlGtids();
    for (const [key, intervals] of this.#sets)
      for (const piece of subtract(intervals, other.#sets.get(key) ?? [])) rest.#addInterval(key, ...piece);
    return rest;
  }
  /** What is in both. */
  and(other: MysqlGtids): MysqlGtids {
    return this.minus(this.minus(other));
  }
  get empty(): boolean {
    return this.#sets.size === 0;
  }

  toString(): string {
    const byUuid = new Map<string, string[]>();
    for (const key of [...this.#sets.keys()].toSorted()) {
      const [uuid = '', tag] = key.split(':');
      const parts = byUuid.get(uuid) ?? [];
      byUuid.set(uuid, parts);
      if (tag !== undefined) parts.push(tag);
      for (const [first, last] of this.#sets.get(key)!) parts.push(first === last ? `${first}` : `${first}-${last}`);
    }
    return [...byUuid].map(([uuid, parts]) => [uuid, ...parts].join(':')).join(',');
  }

  /** As COM_BINLOG_DUMP_GTID takes it; with tags in a form that only servers with tags know. */
  encode(): Buffer {
    const keys = [...this.#sets.keys()].toSorted();
    const tagged = keys.some((key) => key.includes(':'));
    const chunks = [tagged ? taggedCount(keys.length) : u64(BigInt(keys.length))];
    for (const key of keys) {
      const [uuid = '', tag = ''] = key.split(':');
      chunks.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
      if (tagged) chunks.push(Buffer.from([tag.length << 1]), Buffer.from(tag));
      const intervals = this.#sets.get(key)!;
      chunks.push(u64(BigInt(intervals.length)));
      for (const [first, last] of intervals) chunks.push(u64(first), u64(last + 1n));
    }
    return Buffer.concat(chunks);
  }

  #addInterval(key: string, first: bigint, last: bigint): void {
    const intervals = this.#sets.get(key);
    if (intervals === undefined) return void this.#sets.set(key, [[first, last]]);
    const newest = intervals.at(-1)!;
    if (first === newest[1] + 1n)
      newest[1] = last; // how a log goes on
    else this.#sets.set(key, merge([...intervals, [first, last]]));
  }
}

const keyOf = (uuid: string, tag: string): string => (tag === '' ? uuid : `${uuid}:${tag}`);
const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const [first, last] of intervals.toSorted((a, b) => order(a[0], b[0]))) {
    const newest = merged.at(-1);
    if (newest === undefined || first > newest[1] + 1n) merged.push([first, last]);
    else if (last > newest[1]) newest[1] = last;
  }
  return merged;
}

function subtract(intervals: readonly Interval[], others: readonly Interval[]): Interval[] {
  let left: Interval[] = [...intervals];
  for (const [first, last] of others) {
    left = left.flatMap(([from, to]): Interval[] => {
      if (last < from || first > to) return [[from, to]];
      const pieces: Interval[] = [];
      if (from < first) pieces.push([from, first - 1n]);
      if (to > last) pieces.push([last + 1n, to]);
      return pieces;
    });
  }
  return left;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
/** The count in the middle, and a one at each end that says that tags follow. */
const taggedCount = (count: number): Buffer => u64((1n << 56n) | (BigInt(count) << 8n) | 1n);

/** MariaDB: 'domain-server-sequence,...', the last one of each domain. */
export class MariadbGtids {
  readonly #last = new Map<number, readonly [serverId: number, sequence: bigint]>();

  static parse(text: string): MariadbGtids {
    const set = new MariadbGtids();
    for (const part of text.replaceAll(/\s/g, '').split(',')) {
      if (part === '') continue;
      const match = /^(\d+)-(\d+)-(\d+)$/.exec(part);
      if (match === null) throw unreadable(text);
      set.add(Number(match[1]), Number(match[2]), BigInt(match[3]!));
    }
    return set;
  }
  add(domain: number, serverId: number, sequence: bigint): void {
    this.#last.set(domain, [serverId, sequence]);
  }
  /** In a domain the sequence grows with every transaction. */
  has(domain: number, sequence: bigint): boolean {
    const last = this.#last.get(domain);
    return last !== undefined && sequence <= last[1];
  }
  /** The transactions of `other` that this has not reached, one for each domain. */
  behind(other: MariadbGtids): string[] {
    return [...other.#last].flatMap(([domain, [server, sequence]]) =>
      this.has(domain, sequence) ? [] : [`${domain}-${server}-${sequence}`],
    );
  }
  toString(): string {
    return [...this.#last]
      .toSorted(([a], [b]) => a - b)
      .map(([domain, [server, sequence]]) => `${domain}-${server}-${sequence}`)
      .join(',');
  }
}

const unreadable = (text: string): LostPositionError =>
  new LostPositionError('The position holds a set of transactions that cannot be read.', text.slice(0, 200), 'none');
