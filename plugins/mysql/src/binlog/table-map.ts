/** TABLE_MAP: which table the row events that follow are of, and what its columns are. */
import { Bytes, MalformedEvent } from './bytes.js';
import type { TableMap, WireColumn } from './events.js';
import { type Optional, readOptional } from './table-metadata.js';
import { wire } from './wire-types.js';

export function readTableMap(body: Bytes, idSize: 4 | 6): TableMap {
  const tableId = idSize === 6 ? body.u48() : body.u32();
  body.u16();
  const schema = name(body);
  const table = name(body);
  const count = body.packed();
  const types = body.take(count);
  const metas = readMetas(new Bytes(body.take(body.packed())), types);
  const nullable = body.take((count + 7) >> 3);
  const plain = metas.map(([type, meta], i) => ({ type, meta, nullable: bit(nullable, i) }));
  const optional = readOptional(body, plain);
  const columns = plain.map((column, i) => describe(column, optional, i));
  const named = optional.names !== undefined;
  const key = optional.key;
  return { kind: 'table-map', tableId, schema, table, columns, named, ...(key === undefined ? {} : { key }) };
}

/** A byte of length, the name, a NUL. */
function name(body: Bytes): string {
  const text = body.text(body.u8());
  if (body.u8() !== 0) throw new MalformedEvent('a name in a table map does not end');
  return text;
}

export const bit = (bits: Buffer, index: number): boolean => ((bits[index >> 3]! >> (index & 7)) & 1) === 1;

function describe(plain: WireColumn, { unsigned, collations, names, members }: Optional, i: number): WireColumn {
  const [sign, collation, called, list] = [unsigned?.get(i), collations?.get(i), names?.[i], members?.get(i)];
  return {
    ...plain,
    ...(sign === undefined ? {} : { unsigned: sign }),
    ...(collation === undefined ? {} : { collation }),
    ...(called === undefined ? {} : { name: called }),
    ...(list === undefined ? {} : { members: list }),
  };
}

const metaOf = (body: Bytes, type: number): readonly [type: number, meta: number] => {
  switch (type) {
    case wire.float:
    case wire.double:
    case wire.blob:
    case wire.tinyBlob:
    case wire.mediumBlob:
    case wire.longBlob:
    case wire.geometry:
    case wire.json:
    case wire.vector:
    case wire.blobCompressed:
    case wire.time2:
    case wire.datetime2:
    case wire.timestamp2:
      return [type, body.u8()];
    case wire.varchar:
    case wire.varString:
    case wire.varcharCompressed:
      return [type, body.u16()];
    case wire.decimal: {
      const precision = body.u8();
      return [type, precision * 256 + body.u8()];
    }
    case wire.bit: {
      const bits = body.u8();
      return [type, body.u8() * 8 + bits];
    }
    case wire.string:
    case wire.enum:
    case wire.set:
      return stringMeta(body);
    default:
      return [type, 0];
  }
};

/** CHAR, ENUM and SET share a code; the first byte tells which, and holds two bits of CHAR's length, inverted. */
function stringMeta(body: Bytes): readonly [type: number, meta: number] {
  const first = body.u8();
  const second = body.u8();
  if (first === wire.enum || first === wire.set) return [first, second];
  return [first | 0x30, second | (((first & 0x30) ^ 0x30) << 4)];
}

function readMetas(body: Bytes, types: Buffer): (readonly [type: number, meta: number])[] {
  const metas = Array.from(types, (type) => metaOf(body, type));
  if (body.left > 0) throw new MalformedEvent('a table map holds more about its columns than their types ask for');
  return metas;
}
