/** The optional part of a table map (`binlog_row_metadata`): signs, collations, names, members, the key. */
import { Bytes, MalformedEvent } from './bytes.js';
import type { WireColumn } from './events.js';
import { isNumeric, isTextual, wire } from './wire-types.js';

export interface Optional {
  readonly unsigned?: ReadonlyMap<number, boolean>;
  readonly collations?: ReadonlyMap<number, number>;
  readonly names?: readonly string[];
  readonly members?: ReadonlyMap<number, readonly Buffer[]>;
  readonly key?: readonly number[];
}

const part = {
  signs: 1,
  defaultCollation: 2,
  columnCollations: 3,
  names: 4,
  setMembers: 5,
  enumMembers: 6,
  key: 8,
  keyWithPrefixes: 9,
  enumDefaultCollation: 10,
  enumColumnCollations: 11,
} as const;

type Positions = readonly number[];
const where = (columns: readonly WireColumn[], is: (type: number) => boolean): Positions =>
  columns.flatMap(({ type }, i) => (is(type) ? [i] : []));
const isMembered = (type: number): boolean => type === wire.enum || type === wire.set;

/** Parts of types that we do not know are passed over by their length, as the protocol asks. */
export function readOptional(body: Bytes, columns: readonly WireColumn[]): Optional {
  const found: { -readonly [K in keyof Optional]: Optional[K] } = {};
  const collations = new Map<number, number>();
  const members = new Map<number, readonly Buffer[]>();
  const textual = where(columns, isTextual);
  const membered = where(columns, isMembered);
  while (body.left > 0) {
    const type = body.u8();
    const value = new Bytes(body.take(body.packed()));
    if (type === part.signs) found.unsigned = signs(value, where(columns, isNumeric));
    else if (type === part.defaultCollation) defaults(value, textual, collations);
    else if (type === part.columnCollations) each(value, textual, collations);
    else if (type === part.enumDefaultCollation) defaults(value, membered, collations);
    else if (type === part.enumColumnCollations) each(value, membered, collations);
    else if (type === part.names) found.names = names(value, columns.length);
    else if (type === part.setMembers)
      lists(value, where(columns, (t) => t === wire.set), members); // prettier-ignore
    else if (type === part.enumMembers)
      lists(value, where(columns, (t) => t === wire.enum), members); // prettier-ignore
    else if (type === part.key) found.key = numbers(value);
    else if (type === part.keyWithPrefixes) found.key = numbers(value).filter((_, i) => i % 2 === 0);
  }
  if (collations.size > 0) found.collations = collations;
  if (members.size > 0) found.members = members;
  return found;
}

/** One bit for each numeric column, the highest first. */
function signs(value: Bytes, numeric: Positions): ReadonlyMap<number, boolean> {
  const bits = value.take((numeric.length + 7) >> 3);
  return new Map(numeric.map((column, i) => [column, ((bits[i >> 3]! >> (7 - (i & 7))) & 1) === 1]));
}

/** One collation for all, then the exceptions as pairs of place and collation. */
function defaults(value: Bytes, places: Positions, into: Map<number, number>): void {
  const usual = value.packed();
  for (const place of places) into.set(place, usual);
  while (value.left > 0) {
    const column = places[value.packed()];
    if (column === undefined) throw new MalformedEvent('a collation is given to a column that is not there');
    into.set(column, value.packed());
  }
}
function each(value: Bytes, places: Positions, into: Map<number, number>): void {
  for (const place of places) into.set(place, value.packed());
}
function names(value: Bytes, count: number): string[] {
  return Array.from({ length: count }, () => value.text(value.packed()));
}
function lists(value: Bytes, places: Positions, into: Map<number, readonly Buffer[]>): void {
  for (const place of places) {
    const members: Buffer[] = [];
    for (let left = value.packed(); left > 0; left--) members.push(Buffer.from(value.take(value.packed())));
    into.set(place, members);
  }
}
function numbers(value: Bytes): number[] {
  const found: number[] = [];
  while (value.left > 0) found.push(value.packed());
  return found;
}
