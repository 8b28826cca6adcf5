import type { Column, Encoding, Row } from '@sluice/connector-sdk';

/**
 * A named byte format, from and to rows whose values are those of docs/encodings/rows.md. Its page in docs/encodings fixes
 * every rendering; the codec is the page as code. Stateless: each `encoder` and `decoder` is one body.
 */
export interface Codec {
  readonly encoding: Encoding;
  /**
   * Throws DataError (naming the column) for a value that the format cannot say. `begin` is the first bytes of the body and
   * `end` the last; both may be empty. What `rows` returns belongs to the caller.
   */
  encoder(columns: readonly Column[]): Encoder;
  /** Chunk edges mean nothing. `end` answers the last rows, and throws when the body was cut short. */
  decoder(columns: readonly Column[]): Decoder;
}
export interface Encoder {
  begin(): Uint8Array;
  rows(rows: readonly Row[]): Uint8Array;
  end(): Uint8Array;
}
export interface Decoder {
  push(chunk: Uint8Array): Row[];
  end(): Row[];
}
