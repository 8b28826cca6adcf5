/** Steps through the bytes of one message, none of which leads out of it. */
import { TransientError } from '@sluice/connector-sdk';
import type { Tuple } from './pgoutput-messages.js';

/** Bytes that no server would send: the connection, or what is in between, is broken. */
export class MalformedMessage extends TransientError {
  constructor(why: string) {
    super(`The change log is not in the form that PostgreSQL sends: ${why}.`, {
      code: 'postgres.malformed-message',
      fix: 'None: the run is tried again. If it goes on, look at what lies between Sluice and the server.',
    });
  }
}

/** A place in a message; every step looks first whether there is so much left. */
export class Cursor {
  readonly bytes: Buffer;
  readonly #end: number;
  #at: number;
  constructor(bytes: Buffer, at: number, end: number) {
    if (at < 0 || end > bytes.length || at > end) throw new RangeError('a message lies outside of its bytes');
    this.bytes = bytes;
    this.#at = at;
    this.#end = end;
  }
  /** Moves over `size` bytes, and answers where they start. */
  skip(size: number): number {
    const at = this.#at;
    if (size < 0 || at + size > this.#end) throw new MalformedMessage('a message is cut short');
    this.#at = at + size;
    return at;
  }
  uint8(): number {
    return this.bytes[this.skip(1)]!;
  }
  peek(): number {
    const letter = this.uint8();
    this.#at--;
    return letter;
  }
  flag(): boolean {
    const value = this.uint8();
    if (value > 1) throw new MalformedMessage(`a flag of value ${value}`);
    return value === 1;
  }
  uint16(): number {
    return this.bytes.readUInt16BE(this.skip(2));
  }
  int32(): number {
    const { bytes } = this;
    const at = this.skip(4);
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  uint32(): number {
    return this.int32() >>> 0;
  }
  int64(): bigint {
    return this.bytes.readBigInt64BE(this.skip(8));
  }
  uint64(): bigint {
    return this.bytes.readBigUInt64BE(this.skip(8));
  }
  commit(): { lsn: bigint; end: bigint; time: bigint } {
    const flags = this.uint8();
    if (flags !== 0) throw new MalformedMessage(`a commit with flags ${flags}`);
    return { lsn: this.uint64(), end: this.uint64(), time: this.int64() };
  }
  /** UTF-8 up to a zero byte. */
  text(): string {
    const stop = this.bytes.indexOf(0, this.#at);
    if (stop < 0 || stop >= this.#end) throw new MalformedMessage('a name has no end');
    const text = this.bytes.toString('utf8', this.#at, stop);
    this.#at = stop + 1;
    return text;
  }
  slice(size: number): Buffer {
    const at = this.skip(size);
    return this.bytes.subarray(at, at + size);
  }
  /** The tuple behind `letter`; every cell of it is looked at, so that who reads it later need not. */
  tupleOf(letter: number): Tuple {
    if (this.uint8() !== letter) throw new MalformedMessage('a change without its row');
    const start = this.#at;
    for (let left = this.uint16(); left > 0; left--) {
      const kind = this.uint8();
      if (kind === 0x6e || kind === 0x75) continue; // n, u
      if (kind !== 0x74 && kind !== 0x62) throw new MalformedMessage(`a cell of kind 0x${kind.toString(16)}`); // t, b
      this.skip(this.int32());
    }
    return start;
  }
  finish(): void {
    if (this.#at !== this.#end) throw new MalformedMessage('bytes follow the end of a message');
  }
}
