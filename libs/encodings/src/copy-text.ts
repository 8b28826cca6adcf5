/** 'copy-text/1': PostgreSQL's COPY ... (FORMAT text), as fixed by docs/encodings/copy-text-1.md. */
import { type Column, DataError, type Row, type Value } from '@sluice/connector-sdk';
import type { Codec, Decoder, Encoder } from './codec.js';
import { fieldParser, fieldWriter } from './copy-text-fields.js';

const nothing = new Uint8Array(0);
const newline = 0x0a;

export const copyText: Codec = {
  encoding: 'copy-text/1',
  encoder: (columns) => textEncoder(columns.map(fieldWriter)),
  decoder: (columns) => new TextDecoderOfRows(columns),
};

/** An encoder out of one writer per column: for a destination whose column wants another text than its logical type's. */
export function textEncoder(writers: readonly ((value: NonNullable<Value>) => string)[]): Encoder {
  const last = writers.length - 1;
  return {
    begin: () => nothing,
    rows(rows) {
      let text = '';
      for (const row of rows) {
        for (let index = 0; index <= last; index++) {
          const value = row[index];
          text += value === null || value === undefined ? '\\N' : writers[index]!(value);
          text += index === last ? '\n' : '\t';
        }
        if (last < 0) text += '\n';
      }
      return Buffer.from(text);
    },
    end: () => nothing,
  };
}

class TextDecoderOfRows implements Decoder {
  readonly #parsers: readonly ((text: string) => Value)[];
  #waiting: Uint8Array[] = [];

  constructor(columns: readonly Column[]) {
    this.#parsers = columns.map(fieldParser);
  }

  push(chunk: Uint8Array): Row[] {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end === 0) {
      if (chunk.length > 0) this.#waiting.push(chunk);
      return [];
    }
    const whole = Buffer.concat([...this.#waiting, chunk.subarray(0, end)]);
    this.#waiting = end < chunk.length ? [chunk.subarray(end)] : [];
    const lines = whole.toString('utf8', 0, whole.length - 1).split('\n');
    return lines.map((line) => this.#row(line));
  }

  end(): Row[] {
    if (this.#waiting.length > 0) throw torn('its last line has no end');
    return [];
  }

  #row(line: string): Row {
    const fields = this.#parsers.length === 0 && line === '' ? [] : line.split('\t');
    if (fields.length !== this.#parsers.length) {
      throw torn(`a row has ${fields.length} fields, not ${this.#parsers.length}`);
    }
    return fields.map((field, index) => (field === '\\N' ? null : this.#parsers[index]!(field)));
  }
}

const torn = (why: string): DataError => new DataError(`This body is not copy-text/1: ${why}.`, { stream: '' });
