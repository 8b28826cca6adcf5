/** What is packed inside events: MariaDB's zlib parts and MySQL's transactions in zstd. */
import * as zlib from 'node:zlib';
import { ConfigError } from '@sluice/connector-sdk';
import { Bytes, MalformedEvent } from './bytes.js';

/** No server writes an event larger than this. */
const greatest = 2 ** 30;

/** MariaDB: a byte with algorithm and width, the original length with the highest byte first, then a zlib stream. */
export function inflateMariadb(packed: Buffer): Buffer {
  const body = new Bytes(packed);
  const first = body.u8();
  if ((first & 0xf0) !== 0x80) throw new MalformedEvent('a part is compressed in an unknown way');
  const width = first & 0x07;
  if (width < 1 || width > 4) throw new MalformedEvent('the length of a compressed part has an unknown form');
  const length = packed.readUIntBE(body.claim(width), width);
  return inflate(body.rest(), length, (input, limit) => zlib.inflateSync(input, limit));
}

function inflate(
  input: Buffer,
  length: number,
  how: (input: Buffer, options: { maxOutputLength: number }) => Buffer,
): Buffer {
  if (length > greatest) throw new MalformedEvent('a compressed part is larger than any event');
  let out: Buffer;
  try {
    out = how(input, { maxOutputLength: Math.max(length, 1) });
  } catch {
    throw new MalformedEvent('a compressed part is damaged');
  }
  if (out.length !== length) throw new MalformedEvent('a compressed part has another length than it says');
  return out;
}

type Zstd = (input: Buffer, options: { maxOutputLength: number }) => Buffer;
/** Node has zstd from 22.15 and 23.8 on. */
export const zstd = (zlib as unknown as { zstdDecompressSync?: Zstd }).zstdDecompressSync;

const field = { end: 0, size: 1, compression: 2, length: 3 };
const compression = { zstd: 0, none: 255 };

/** The events of a transaction that MySQL has packed into one. */
export function unpackPayload(body: Bytes, decompress: Zstd | undefined = zstd): Buffer {
  let kind: number = compression.none;
  let length: number | undefined;
  let size: number | undefined;
  for (let type = body.packed(); type !== field.end; type = body.packed()) {
    const value = new Bytes(body.take(body.packed()));
    if (type === field.compression) kind = value.packed();
    else if (type === field.length) length = value.packed();
    else if (type === field.size) size = value.packed();
  }
  const payload = body.take(size ?? body.left);
  if (kind === compression.none) return payload;
  if (kind !== compression.zstd) throw new MalformedEvent('a transaction is compressed in an unknown way');
  if (decompress === undefined) throw noZstd();
  return inflate(payload, length ?? greatest, decompress);
}

const noZstd = (): ConfigError =>
  new ConfigError(
    `The binary log holds compressed transactions (zstd), which Node ${process.versions.node} cannot read.`,
    {
      code: 'mysql.no-zstd',
      fix: 'Run Sluice with Node 22.15 or newer, or SET GLOBAL binlog_transaction_compression = OFF and copy the tables anew.',
    },
  );
