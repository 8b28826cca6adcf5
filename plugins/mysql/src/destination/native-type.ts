/**
 * Types of the MySQL family kept as they are when the source is of the family too. What a source says is untrusted text: it is
 * parsed and written anew, never passed on.
 */
import type { Column } from '@sluice/connector-sdk';
import type { Server } from '../server.js';
import { baseType, isUnsigned } from '../types.js';
import { quoteText } from '../quote.js';

const sized = new Set(['bit', 'year', 'date', 'datetime', 'timestamp', 'time', 'char', 'binary', 'decimal']);
const plain = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'float', 'double', 'decimal']);
const shapes = new Set(['geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon']);
const mariadbOnly = new Set(['uuid', 'inet6', 'inet4']);

/** Undefined when the logical type should decide: for texts (their character set becomes utf8mb4) and types unknown here. */
export function nativeType(column: Column, server: Server): string | undefined {
  if (server.flavour === 'singlestore') return undefined;
  const base = baseType(column.native);
  const arguments_ = /^[a-z]+\((\d+(?:,\d+)?)\)/i.exec(column.native)?.[1];
  const unsigned = isUnsigned(column.native) ? ' UNSIGNED' : '';
  if (base === 'enum' || base === 'set') return members(column.native, base);
  if (base === 'json') return 'JSON';
  if (shapes.has(base)) return base.toUpperCase();
  if (mariadbOnly.has(base)) return server.flavour === 'mariadb' ? base.toUpperCase() : undefined;
  if (base === 'binary' || base === 'char')
    return arguments_ === undefined ? undefined : `${base.toUpperCase()}(${arguments_})`;
  // FLOAT(7,2) would round again; the display width of whole numbers says nothing.
  if (plain.has(base) && base !== 'decimal') return `${base.toUpperCase()}${unsigned}`;
  if (sized.has(base))
    return `${base.toUpperCase()}${arguments_ === undefined || base === 'year' ? '' : `(${arguments_})`}${unsigned}`;
  return undefined;
}

/** Of a COLUMN_TYPE, where backslashes stand for themselves; undefined when it is none. */
export function memberNames(native: string, base: 'enum' | 'set'): readonly string[] | undefined {
  const list = native.slice(base.length);
  if (!/^\('(?:[^']|'')*'(?:,'(?:[^']|'')*')*\)$/s.test(list)) return undefined;
  return [...list.matchAll(/'((?:[^']|'')*)'/gs)].map((match) => match[1]!.replaceAll("''", "'"));
}

function members(native: string, base: 'enum' | 'set'): string | undefined {
  const names = memberNames(native, base);
  if (names === undefined) return undefined;
  // Not always in a literal: see quoteText.
  return `${base.toUpperCase()}(${names.map((name) => enumMember(name)).join(', ')})`;
}

/** DDL takes no introducer with X'..' everywhere, but takes a plain literal: with no backslash in it, it means the same anywhere. */
const enumMember = (name: string): string =>
  name.includes('\\') ? quoteText(name) : `'${name.replaceAll("'", "''")}'`;
