/** Whether a column of the schema can be the one in the log, and what a column is called that only the log remembers. */
import type { Column } from '@sluice/connector-sdk';
import { baseType, isUnsigned, toColumn } from '../types.js';
import type { WireColumn } from './events.js';
import { isNumeric, wire } from './wire-types.js';

const geometries: ReadonlySet<string> = new Set([
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
  'geomcollection',
]);

type Code = readonly [type: number, meta?: number];
const geometry: readonly Code[] = [[wire.geometry]];
/** By the first word of a type: its codes in the log, and the length it must have there where the type alone says it. */
const codes: ReadonlyMap<string, readonly Code[]> = new Map<string, readonly Code[]>([
  ['tinyint', [[wire.tiny]]],
  ['smallint', [[wire.short]]],
  ['mediumint', [[wire.int24]]],
  ['int', [[wire.long]]],
  ['integer', [[wire.long]]],
  ['bigint', [[wire.longlong]]],
  ['float', [[wire.float]]],
  ['double', [[wire.double]]],
  ['real', [[wire.double]]],
  ['decimal', [[wire.decimal]]],
  ['numeric', [[wire.decimal]]],
  ['bit', [[wire.bit]]],
  ['year', [[wire.year]]],
  ['date', [[wire.date], [wire.newDate]]],
  ['time', [[wire.time2], [wire.time]]],
  ['datetime', [[wire.datetime2], [wire.datetime]]],
  ['timestamp', [[wire.timestamp2], [wire.timestamp]]],
  ['char', [[wire.string]]],
  ['binary', [[wire.string]]],
  ['varchar', [[wire.varchar], [wire.varString], [wire.varcharCompressed]]],
  ['varbinary', [[wire.varchar], [wire.varString], [wire.varcharCompressed]]],
  ['enum', [[wire.enum]]],
  ['set', [[wire.set]]],
  ['tinytext', [[wire.blob, 1], [wire.blobCompressed]]],
  ['text', [[wire.blob, 2], [wire.blobCompressed]]],
  ['mediumtext', [[wire.blob, 3], [wire.blobCompressed]]],
  ['longtext', [[wire.blob, 4], [wire.blobCompressed]]],
  ['tinyblob', [[wire.blob, 1], [wire.blobCompressed]]],
  ['blob', [[wire.blob, 2], [wire.blobCompressed]]],
  ['mediumblob', [[wire.blob, 3], [wire.blobCompressed]]],
  ['longblob', [[wire.blob, 4], [wire.blobCompressed]]],
  ['json', [[wire.json], [wire.blob], [wire.varchar], [wire.string]]],
  ['vector', [[wire.vector], [wire.varchar], [wire.blob]]],
  ['uuid', [[wire.string, 16]]],
  ['inet6', [[wire.string, 16]]],
  ['inet4', [[wire.string, 4]]],
]);

export function fits(column: Column, logged: WireColumn): boolean {
  const base = baseType(column.native);
  const known = geometries.has(base) ? geometry : codes.get(base);
  if (known?.some(([type, meta]) => type === logged.type && (meta === undefined || meta === logged.meta)) !== true)
    return false;
  if (isNumeric(logged.type) && logged.unsigned !== undefined && logged.unsigned !== isUnsigned(column.native))
    return false;
  return sizeFits(column, logged);
}

/** The sizes that both sides state. */
function sizeFits({ native, scale }: Column, { type, meta, members }: WireColumn): boolean {
  const [first, second] = (/\(([^)']*)\)/.exec(native)?.[1] ?? '').split(',').map(Number);
  switch (type) {
    case wire.decimal:
      return meta === (first ?? 10) * 256 + (second ?? 0);
    case wire.bit:
      return meta === (first || 1);
    case wire.time2:
    case wire.datetime2:
    case wire.timestamp2:
      return meta === (scale ?? 0);
    case wire.time:
    case wire.datetime:
    case wire.timestamp:
      return (scale ?? 0) === 0;
    case wire.enum:
    case wire.set:
      return members === undefined || members.length === membersOf(native).length;
    case wire.string:
    case wire.varchar:
      return !/^(?:var)?binary/i.test(native) || meta === first;
    default:
      return true;
  }
}

/** "enum('a','b''c')" -> ['a', "b'c"]. The server doubles quotes, and escapes what would not show. */
export function membersOf(native: string): string[] {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\0', t: '\t' };
  const found = native.matchAll(/'((?:[^'\\]|''|\\.)*)'/gsu);
  return Array.from(found, ([, text = '']) =>
    text.replaceAll(/''|\\(.)/gsu, (_, escaped: string | undefined) =>
      escaped === undefined ? `'` : (escapes[escaped] ?? escaped),
    ),
  );
}

const integers: ReadonlyMap<number, string> = new Map([
  [wire.tiny, 'tinyint'],
  [wire.short, 'smallint'],
  [wire.int24, 'mediumint'],
  [wire.long, 'int'],
  [wire.longlong, 'bigint'],
]);
const plain: ReadonlyMap<number, string> = new Map([
  [wire.float, 'float'],
  [wire.double, 'double'],
  [wire.year, 'year'],
  [wire.date, 'date'],
  [wire.newDate, 'date'],
  [wire.time, 'time'],
  [wire.datetime, 'datetime'],
  [wire.timestamp, 'timestamp'],
  [wire.json, 'json'],
  [wire.vector, 'vector'],
  [wire.geometry, 'geometry'],
]);
const timed: ReadonlyMap<number, string> = new Map([
  [wire.time2, 'time'],
  [wire.datetime2, 'datetime'],
  [wire.timestamp2, 'timestamp'],
]);
const sizes = ['', 'tiny', '', 'medium', 'long'] as const;

/** The column of a table that has changed since: its type as far as the log alone says it. Undefined where that is not enough. */
export function columnOfLog(
  logged: WireColumn,
  members: readonly string[] | undefined,
  binary: boolean,
): Column | undefined {
  const native = nativeOfLog(logged, members, binary);
  if (native === undefined || logged.name === undefined) return undefined;
  const { type, meta, name, nullable } = logged;
  const isDecimal = type === wire.decimal;
  return toColumn({
    name,
    nullable,
    native,
    length: undefined,
    precision: isDecimal ? meta >> 8 : type === wire.bit ? meta : undefined,
    scale: isDecimal ? meta & 0xff : undefined,
    fraction: timed.has(type) ? meta : undefined,
  });
}

function nativeOfLog(
  { type, meta, unsigned }: WireColumn,
  members: readonly string[] | undefined,
  binary: boolean,
): string | undefined {
  const integer = integers.get(type);
  if (integer !== undefined) return unsigned === undefined ? undefined : `${integer}${unsigned ? ' unsigned' : ''}`;
  const time = timed.get(type);
  if (time !== undefined) return meta === 0 ? time : `${time}(${meta})`;
  switch (type) {
    case wire.decimal:
      return `decimal(${meta >> 8},${meta & 0xff})`;
    case wire.bit:
      return `bit(${meta})`;
    case wire.enum:
    case wire.set: {
      const list = members?.map((member) => `'${member.replaceAll('\\', '\\\\').replaceAll(`'`, `''`)}'`);
      return list && `${type === wire.enum ? 'enum' : 'set'}(${list.join(',')})`;
    }
    case wire.blob:
      return `${sizes[meta] ?? ''}${binary ? 'blob' : 'text'}`;
    case wire.string:
      return binary ? `binary(${meta})` : 'longtext';
    case wire.varchar:
    case wire.varString:
      return binary ? `varbinary(${meta})` : 'longtext'; // how many characters its bytes are the log does not say
    default:
      return plain.get(type);
  }
}
