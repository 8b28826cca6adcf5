/** 'json-lines/1': one JSON array per row and line, for the kit's own plugins. Values JSON cannot say are tagged objects. */
import type { Row, Value } from '@sluice/connector-sdk';
import type { KitCodec } from '../peer.js';

type Tagged = null | boolean | number | string | { readonly tag: 'int' | 'float' | 'bytes'; readonly text: string };

export const jsonLines: KitCodec = {
  encoding: 'json-lines/1',
  encoder: () => ({ begin: () => new Uint8Array(), rows: encodeRows, end: () => new Uint8Array() }),
  decoder: () => {
    let rest = Buffer.alloc(0);
    return {
      push: (chunk) => {
        const all = Buffer.concat([rest, chunk]);
        const end = all.lastIndexOf(10) + 1;
        rest = all.subarray(end);
        return all.subarray(0, end).toString('utf8').split('\n').slice(0, -1).map(parseLine);
      },
      end: () => {
        if (rest.length > 0) throw new SyntaxError('the body ends in mid line');
        return [];
      },
    };
  },
};

export const encodeRows = (rows: readonly Row[]): Uint8Array =>
  new Uint8Array(Buffer.from(rows.map((row) => `${JSON.stringify(row.map(tagged))}\n`).join('')));

const parseLine = (line: string): Row => (JSON.parse(line) as Tagged[]).map(untagged);

function tagged(value: Value): Tagged {
  if (value === undefined) throw new TypeError("a row in 'json-lines/1' cannot leave a value out");
  if (typeof value === 'bigint') return { tag: 'int', text: String(value) };
  if (value instanceof Uint8Array) return { tag: 'bytes', text: Buffer.from(value).toString('hex') };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { tag: 'float', text: Object.is(value, -0) ? '-0' : String(value) };
  return value;
}

function untagged(value: Tagged): Value {
  if (value === null || typeof value !== 'object') return value;
  if (value.tag === 'int') return BigInt(value.text);
  if (value.tag === 'bytes') return new Uint8Array(Buffer.from(value.text, 'hex'));
  return Number(value.text);
}
