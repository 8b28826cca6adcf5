/** 'copy-binary/1': PostgreSQL's COPY ... (FORMAT binary), as fixed by docs/encodings/copy-binary-1.md. */
import { type Column, DataError, type Row, type Value } from '@sluice/connector-sdk';
import { type ReadField, fieldReader } from './copy-binary-decode.js';
import { FieldBuffer, binaryWriter } from './copy-binary-encode.js';
import type { Codec, Decoder, Encoder } from './codec.js';

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const header = Buffer.concat([signature, Buffer.alloc(8)]);
const trailer = Buffer.from([0xff, 0xff]);

export const copyBinary: Codec = {
  encoding: 'copy-binary/1',
  encoder: (columns) => binaryEncoder(columns),
  decoder: (columns) => new BinaryDecoder(columns),
};

function binaryEncoder(columns: readonly Column[]): Encoder {
  const writers = columns.map(binaryWriter);
  const out = new FieldBuffer();
  return {
    begin: () => header,
    rows(rows) {
      out.at = 0; // what a refused value left behind
      for (const row of rows) {
        out.reserve(2 + 4 * writers.length);
        out.view.setInt16(out.at, writers.length);
        out.at += 2;
        for (let index = 0; index < writers.length; index++) {
          const value = row[index];
          if (value !== null && value !== undefined) {
            writers[index]!(out, value);
            continue;
          }
          out.reserve(4);
          out.view.setInt32(out.at, -1);
          out.at += 4;
        }
      }
      return out.take();
    },
    end: () => trailer,
  };
}

/** Keeps what has come since the last whole row, and joins it only when enough is there: a huge field is not copied per chunk. */
class BinaryDecoder implements Decoder {
  readonly #readers: readonly ReadField[];
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #need = 1;
  #state: 'header' | 'rows' | 'ended' = 'header';

  constructor(columns: readonly Column[]) {
    this.#readers = columns.map(fieldReader);
  }

  push(chunk: Uint8Array): Row[] {
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#need) return [];
    const joined = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting);
    const bytes = Buffer.from(joined.buffer, joined.byteOffset, joined.byteLength);
    const rows: Row[] = [];
    const kept = this.#parse(bytes, rows);
    this.#waiting = kept < bytes.length ? [bytes.subarray(kept)] : [];
    this.#bytes = bytes.length - kept;
    this.#need = Math.max(1, this.#need - kept);
    return rows;
  }

  end(): Row[] {
    if (this.#state !== 'ended' || this.#bytes > 0) throw torn('it ends in the middle');
    return [];
  }

  /** Reads whole rows into `rows`; answers where the first unread byte stands, and sets `#need` to what it waits for. */
  #parse(bytes: Buffer, rows: Row[]): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (this.#state === 'header') {
      at = readHeader(bytes);
      if (at === 0 || at > bytes.length) return this.#wait(Math.max(at, header.length), 0);
      this.#state = 'rows';
    }
    for (;;) {
      if (this.#state === 'ended') return at < bytes.length ? fail('bytes follow its end') : this.#wait(at + 1, at);
      if (at + 2 > bytes.length) return this.#wait(at + 2, at);
      const fields = view.getInt16(at);
      if (fields === -1) {
        this.#state = 'ended';
        at += 2;
        continue;
      }
      if (fields !== this.#readers.length) fail(`a row has ${fields} fields, not ${this.#readers.length}`);
      const next = this.#row(bytes, view, at + 2, rows);
      if (next > bytes.length) return this.#wait(next, at);
      at = next;
    }
  }

  /** Where the next row starts; when that is beyond the bytes in hand, the row is not whole and nothing was added. */
  #row(bytes: Buffer, view: DataView, start: number, rows: Row[]): number {
    const readers = this.#readers;
    const row = new Array<Value>(readers.length);
    let at = start;
    for (let index = 0; index < readers.length; index++) {
      if (at + 4 > bytes.length) return at + 4;
      const size = view.getInt32(at);
      at += 4;
      if (size < 0) {
        row[index] = null;
        continue;
      }
      if (at + size > bytes.length) return at + size;
      row[index] = readers[index]!(bytes, at, size, view);
      at += size;
    }
    rows.push(row);
    return at;
  }

  #wait(need: number, kept: number): number {
    this.#need = need;
    return kept;
  }
}

/** Length of the header; 0 when more bytes are needed to tell. */
function readHeader(bytes: Buffer): number {
  if (bytes.length < header.length) return 0;
  if (bytes.compare(signature, 0, signature.length, 0, signature.length) !== 0) fail('it has not the signature');
  if (bytes.readInt32BE(11) !== 0) fail('it has flags that this version does not know');
  return header.length + bytes.readInt32BE(15);
}

const torn = (why: string): DataError => new DataError(`This body is not copy-binary/1: ${why}.`, { stream: '' });
function fail(why: string): never {
  throw torn(why);
}
