/** The events that name a transaction, in three layouts: MySQL, MySQL with tags (8.3 and later), MariaDB. */
import { type Bytes, MalformedEvent } from './bytes.js';
import type { BinlogEvent } from './events.js';

export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function readGtid(body: Bytes): BinlogEvent {
  body.u8();
  return { kind: 'gtid', uuid: uuidText(body.take(16)), number: body.i64(), tag: '' };
}

const flags = { standalone: 1, prepared: 64 };
export function readMariadbGtid(body: Bytes, serverId: number): BinlogEvent {
  const sequence = body.u64();
  const domain = body.u32();
  const bits = body.u8();
  const standalone = (bits & flags.standalone) !== 0;
  return { kind: 'mariadb-gtid', domain, serverId, sequence, standalone, prepared: (bits & flags.prepared) !== 0 };
}

/** An integer of one to nine bytes: the ones at the low end of the first say how many follow. */
function variable(body: Bytes): bigint {
  const first = body.u8();
  let more = 0;
  while (more < 8 && (first >> more) & 1) more++;
  let value = BigInt(first) >> BigInt(Math.min(more + 1, 8));
  let shift = BigInt(7 - Math.min(more, 7));
  for (let i = 0; i < more; i++, shift += 8n) value |= BigInt(body.u8()) << shift;
  return value;
}
/** The lowest bit is the sign; of a negative number the rest is what it is below -1. */
function signed(body: Bytes): bigint {
  const value = variable(body);
  return value & 1n ? -1n - (value >> 1n) : value >> 1n;
}
const small = (body: Bytes): number => Number(variable(body));

const field = { flags: 0, uuid: 1, number: 2, tag: 3 };
/**
 * A message of numbered fields: version, size, the last field a reader must know, then number and value of each. Only the first
 * four are of interest, and they come first.
 */
export function readTaggedGtid(body: Bytes): BinlogEvent {
  small(body);
  small(body);
  small(body);
  let uuid = '';
  let number = 0n;
  let tag = '';
  while (body.left > 0) {
    const id = small(body);
    if (id === field.flags) small(body);
    else if (id === field.uuid) uuid = uuidText(Buffer.from(Array.from({ length: 16 }, () => small(body))));
    else if (id === field.number) number = signed(body);
    else if (id === field.tag) tag = body.text(small(body));
    else break;
  }
  if (uuid === '' || number <= 0n) throw new MalformedEvent('a tagged GTID lacks its uuid or its number');
  return { kind: 'gtid', uuid, number, tag };
}
