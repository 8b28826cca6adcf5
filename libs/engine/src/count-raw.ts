import type { RawData } from '@sluice/connector-sdk';

export interface CountedRaw {
  readonly data: RawData;
  /** True once the source said that the body is whole. */
  ended(): boolean;
}

/** Lends the body on with its bytes counted: references pass, bytes are not copied. `return()` reaches the source. */
export function countRaw(raw: RawData, count: (bytes: number) => void): CountedRaw {
  let ended = false;
  async function* body(): AsyncGenerator<Uint8Array> {
    for await (const chunk of raw.body) {
      count(chunk.byteLength);
      yield chunk;
    }
    ended = true;
  }
  const { kind, stream, encoding } = raw;
  return { data: { kind, stream, encoding, body: body(), rows: () => raw.rows() }, ended: () => ended };
}
