/** One row packet of the text protocol: length-encoded values, one after another. */

/** The row packet of the driver, as far as we read it. */
export interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
}

const NULL = 0xfb;

/**
 * Calls `value(index, start, end)` for each value; `start` is -1 for NULL. Throws RangeError when the packet is not the
 * `count` values that it should be: never reads past its end, whatever a server sends.
 */
export function eachValue(
  packet: Packet,
  count: number,
  value: (index: number, start: number, end: number) => void,
): void {
  const { buffer, end } = packet;
  let at = packet.offset;
  for (let i = 0; i < count; i++) {
    if (at >= end) throw new RangeError('a row packet ends early');
    const first = buffer[at++]!;
    if (first === NULL) {
      value(i, -1, -1);
      continue;
    }
    let length = first;
    if (first > NULL) {
      length =
        first === 0xfc ? buffer.readUInt16LE(at) : first === 0xfd ? buffer.readUIntLE(at, 3) : longLength(buffer, at);
      at += first === 0xfc ? 2 : first === 0xfd ? 3 : 8;
    }
    if (at + length > end) throw new RangeError('a value is longer than its row packet');
    value(i, at, at + length);
    at += length;
  }
  if (at !== end) throw new RangeError('a row packet has more values than columns');
}

function longLength(buffer: Buffer, at: number): number {
  const length = buffer.readBigUInt64LE(at);
  return length > 0xffff_ffffn ? Infinity : Number(length);
}
