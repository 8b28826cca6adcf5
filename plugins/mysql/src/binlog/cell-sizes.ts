/** How many bytes a cell of a row event takes. */
import { type Bytes, MalformedEvent } from './bytes.js';
import { decimalSize } from './decimal.js';
import type { WireColumn } from './events.js';
import { fractionSize } from './temporal.js';
import { wire } from './wire-types.js';

/** Length in front of a value, in `size` bytes. */
export const prefix = (body: Bytes, size: number): number => {
  if (size < 1 || size > 4) throw new MalformedEvent('a length before a value has an unknown size');
  return body.buffer.readUIntLE(body.claim(size), size);
};
export const prefixSize = ({ type, meta }: WireColumn): number => {
  const byLength = type === wire.varchar || type === wire.varString || type === wire.string;
  return byLength ? (meta < 256 ? 1 : 2) : meta;
};

/** A length stands in front of the value. */
export const withPrefix: ReadonlySet<number> = new Set([
  wire.varchar,
  wire.varString,
  wire.string,
  wire.tinyBlob,
  wire.blob,
  wire.mediumBlob,
  wire.longBlob,
  wire.geometry,
  wire.vector,
]);

/** Moves past a cell that nobody asked for. */
export function cellSkipper(column: WireColumn): (body: Bytes) => void {
  const size = fixedSize(column);
  if (size !== undefined) return (body) => void body.claim(size);
  if (!withPrefix.has(column.type) && column.type !== wire.json && !isCompressed(column.type))
    throw new MalformedEvent(`a column has the unknown type ${column.type}`);
  const bytes = column.type === wire.varcharCompressed ? (column.meta < 256 ? 1 : 2) : prefixSize(column);
  return (body) => void body.claim(prefix(body, bytes));
}
const isCompressed = (type: number): boolean => type === wire.blobCompressed || type === wire.varcharCompressed;

const plainSizes: ReadonlyMap<number, number> = new Map([
  [wire.tiny, 1],
  [wire.short, 2],
  [wire.int24, 3],
  [wire.long, 4],
  [wire.longlong, 8],
  [wire.float, 4],
  [wire.double, 8],
  [wire.year, 1],
  [wire.date, 3],
  [wire.newDate, 3],
  [wire.time, 3],
  [wire.datetime, 8],
  [wire.timestamp, 4],
]);
function fixedSize({ type, meta }: WireColumn): number | undefined {
  switch (type) {
    case wire.decimal:
      return decimalSize(meta >> 8, meta & 0xff);
    case wire.bit:
      return (meta + 7) >> 3;
    case wire.enum:
    case wire.set:
      return meta;
    case wire.time2:
      return 3 + fractionSize(meta);
    case wire.datetime2:
      return 5 + fractionSize(meta);
    case wire.timestamp2:
      return 4 + fractionSize(meta);
    default:
      return plainSizes.get(type);
  }
}
