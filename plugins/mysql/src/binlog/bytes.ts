/** Reading little-endian fields out of an event, never past its end, whatever a server sends. */

/** The bytes are not what the format says: a torn event, a wrong length, an unknown layout. */
export class MalformedEvent extends Error {
  constructor(what: string) {
    super(`The binary log holds an event that cannot be read: ${what}.`);
    this.name = 'MalformedEvent';
  }
}

/** A place in a buffer that moves on as fields are taken. */
export class Bytes {
  at: number;
  constructor(
    readonly buffer: Buffer,
    start = 0,
    readonly end = buffer.length,
  ) {
    this.at = start;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Claims the next `count` bytes and answers where they start. */
  claim(count: number): number {
    const start = this.at;
    if (!(count >= 0 && start + count <= this.end)) throw new MalformedEvent('it ends before its last field');
    this.at = start + count;
    return start;
  }

  u8(): number {
    return this.buffer[this.claim(1)]!;
  }
  u16(): number {
    return this.buffer.readUInt16LE(this.claim(2));
  }
  u32(): number {
    return this.buffer.readUInt32LE(this.claim(4));
  }
  u48(): number {
    return this.buffer.readUIntLE(this.claim(6), 6);
  }
  u64(): bigint {
    return this.buffer.readBigUInt64LE(this.claim(8));
  }
  i64(): bigint {
    return this.buffer.readBigInt64LE(this.claim(8));
  }

  /** Shares memory with the event. */
  take(count: number): Buffer {
    const start = this.claim(count);
    return this.buffer.subarray(start, this.at);
  }
  rest(): Buffer {
    return this.take(this.left);
  }
  text(count: number): string {
    const start = this.claim(count);
    return this.buffer.toString('utf8', start, this.at);
  }

  /** A length-encoded integer; one above 2^53 is no length of anything here. */
  packed(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.buffer.readUIntLE(this.claim(3), 3);
    if (first !== 0xfe) throw new MalformedEvent('a length has an unknown form');
    const long = Number(this.u64());
    if (!Number.isSafeInteger(long)) throw new MalformedEvent('a length is beyond all bounds');
    return long;
  }
}
