/** Binary log events by hand, for what no server in the tests writes. */
import { crc32, deflateSync } from 'node:zlib';

export const u8 = (...values: number[]): Buffer => Buffer.from(values);
export const u16 = (value: number): Buffer => Buffer.from([value & 255, value >> 8]);
export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
export const u48 = (value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntLE(value, 0, 6);
  return bytes;
};
export const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
export const counted = (text: string | Buffer): Buffer =>
  Buffer.concat([u8(Buffer.byteLength(text)), Buffer.from(text)]);

export interface How {
  readonly checksum?: boolean;
  readonly flags?: number;
  readonly time?: number;
  readonly next?: number;
}

export function event(code: number, parts: readonly Buffer[], how: How = {}): Buffer {
  const { checksum = false, flags = 0, time = 1_700_000_000, next = 1000 } = how;
  const body = Buffer.concat(parts);
  const size = 19 + body.length + (checksum ? 4 : 0);
  const head = Buffer.concat([u32(time), u8(code), u32(1), u32(size), u32(next), u16(flags)]);
  const plain = Buffer.concat([head, body]);
  return checksum ? Buffer.concat([plain, u32(crc32(plain))]) : plain;
}

/** The head of a file: `tableIdSize` 6 in its list of lengths means ids of four bytes. */
export function format(
  server = '8.0.36',
  checksums = true,
  how: How = {},
  lengths: readonly number[] = Array<number>(42).fill(8),
): Buffer {
  const version = Buffer.alloc(50);
  version.write(server);
  const parts = [u16(4), version, u32(0), u8(19), Buffer.from(lengths)];
  const withAlgorithm = !/^(?:5\.[0-5]|4)\./.test(server);
  if (!withAlgorithm) return event(15, parts, how);
  return event(15, [...parts, u8(checksums ? 1 : 0)], { ...how, checksum: true });
}

export interface MapColumn {
  readonly type: number;
  readonly meta?: Buffer;
}
export function tableMap(
  columns: readonly MapColumn[],
  optional: Buffer = Buffer.alloc(0),
  id: Buffer = u48(7),
): readonly Buffer[] {
  const metas = Buffer.concat(columns.map(({ meta = Buffer.alloc(0) }) => meta));
  return [
    id,
    u16(1),
    Buffer.concat([counted('db'), u8(0), counted('t'), u8(0)]),
    u8(columns.length),
    Buffer.from(columns.map(({ type }) => type)),
    counted(metas),
    Buffer.alloc((columns.length + 7) >> 3, 0xff),
    optional,
  ];
}
/** A part of a table map's optional metadata. */
export const part = (type: number, value: Buffer): Buffer => Buffer.concat([u8(type), counted(value)]);

/** As MariaDB packs parts of events. */
export const mariadbPacked = (plain: Buffer): Buffer =>
  Buffer.concat([u8(0x82, plain.length >> 8, plain.length & 255), deflateSync(plain)]);
