/**
 * The type map: what each PostgreSQL type means, and whether its binary form may travel as it is. Source and destination both
 * read it, so that they agree without a word: a `Column` with its native spelling is enough.
 */
import type { Column, LogicalType } from '@sluice/connector-sdk';

/** `travels`: the binary form is the same on every supported server. Else the source casts, and the target gets the canonical type. */
interface Builtin {
  readonly type: LogicalType;
  readonly travels: boolean;
  /** First major version that has the type. */
  readonly since?: number;
}
const native = (type: LogicalType, since?: number): Builtin => ({
  type,
  travels: true,
  ...(since === undefined ? {} : { since }),
});
const cast = (type: LogicalType): Builtin => ({ type, travels: false });
const all = (names: string, builtin: Builtin): [string, Builtin][] => names.split(', ').map((name) => [name, builtin]);

/** Keyed by the spelling of format_type, without its modifiers. */
export const builtins: ReadonlyMap<string, Builtin> = new Map([
  ...all('boolean', native('boolean')),
  ...all('smallint', native('int16')),
  ...all('integer', native('int32')),
  ...all('bigint, oid', native('int64')),
  ...all('real', native('float32')),
  ...all('double precision', native('float64')),
  ...all('numeric', native('decimal')),
  ...all('money', cast('decimal')), // its scale is the server's lc_monetary
  ...all('text, character varying, character, bpchar, name, "char"', native('string')),
  ...all('bytea', native('bytes')),
  ...all('date', native('date')),
  ...all('time without time zone', native('time')),
  ...all('timestamp without time zone', native('timestamp')),
  ...all('timestamp with time zone', native('timestamptz')),
  ...all('time with time zone, interval', native('string')),
  ...all('uuid', native('uuid')),
  ...all('json, jsonb', native('json')),
  ...all('xml, inet, cidr, macaddr, macaddr8, bit, "bit", bit varying', native('string')),
  ...all('point, line, lseg, box, path, polygon, circle', native('string')),
  ...all('tsvector, tsquery, pg_lsn, jsonpath', native('string')),
  ...all('int4range, int8range, numrange, tsrange, tstzrange, daterange', native('string')),
  ...all(
    'int4multirange, int8multirange, nummultirange, tsmultirange, tstzmultirange, datemultirange',
    native('string', 14),
  ),
]);

/** A native spelling, taken apart. */
export interface Native {
  readonly base: string;
  readonly builtin: Builtin;
  readonly mods: readonly number[];
  /** Of interval: 'day to second'. */
  readonly fields?: string;
  readonly array: boolean;
}

const timePattern = /^(time|timestamp)(?:\((\d)\))? (with|without) time zone$/;
const unit = '(?:year|month|day|hour|minute|second)';
const intervalPattern = new RegExp(`^interval(?: (${unit}(?: to ${unit})?))?(?:\\((\\d)\\))?$`);
const plainPattern = /^(.*?)(?:\((-?\d+)(?:,(-?\d+))?\))?$/;

/** Takes a spelling of format_type apart; undefined when it is not of a built-in type. */
export function parseNative(spelling: string): Native | undefined {
  const array = spelling.endsWith('[]');
  const scalar = array ? spelling.slice(0, -2) : spelling;
  const make = (base: string, mods: readonly (string | undefined)[], fields?: string): Native | undefined => {
    const builtin = builtins.get(base);
    const numbers = mods.filter((mod) => mod !== undefined).map(Number);
    return builtin && { base, builtin, mods: numbers, array, ...(fields === undefined ? {} : { fields }) };
  };
  const time = timePattern.exec(scalar);
  if (time) return make(`${time[1]} ${time[3]} time zone`, [time[2]]);
  const interval = intervalPattern.exec(scalar);
  if (interval) return make('interval', [interval[2]], interval[1]);
  const plain = plainPattern.exec(scalar);
  return plain ? make(plain[1]!, [plain[2], plain[3]]) : undefined;
}

/** The spelling again, made of nothing but names of the map and numbers: what may stand in a statement. */
export function renderNative({ base, mods, fields, array }: Native): string {
  const inner = mods.length > 0 ? `(${mods.join(',')})` : '';
  const time = /^(time|timestamp)( .*)$/.exec(base);
  const scalar = time ? time[1] + inner + time[2] : base + (fields === undefined ? '' : ` ${fields}`) + inner;
  return array ? `${scalar}[]` : scalar;
}

/** True when the bytes of the source's own type travel as they are in copy-binary/1, and its own text in copy-text/1. */
export const travels = (spelling: string): boolean => parseNative(spelling)?.builtin.travels ?? false;

/** What a column of this native type means, with precision, scale and length where it has them. */
export function logicalColumn(spelling: string): Pick<Column, 'type' | 'precision' | 'scale' | 'length'> {
  const parsed = parseNative(spelling);
  if (spelling.endsWith('[]')) return { type: 'json' };
  if (!parsed) return { type: 'string' };
  const { base, mods } = parsed;
  const { type } = parsed.builtin;
  if (base === 'numeric' && mods.length > 0) return { type, precision: mods[0]!, scale: mods[1] ?? 0 };
  if (type === 'time' || type === 'timestamp' || type === 'timestamptz') return { type, scale: mods[0] ?? 6 };
  if (type === 'string' && mods.length > 0 && base !== 'interval' && !base.startsWith('time'))
    return { type, length: mods[0]! };
  return { type };
}

const canonical: Readonly<Record<LogicalType, string>> = {
  boolean: 'boolean',
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'double precision',
  decimal: 'numeric',
  string: 'text',
  bytes: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  duration: 'interval',
  uuid: 'uuid',
  json: 'json',
};

/** The type of a target column made for `column`. `version` is that of the target's server: 150004. */
export function targetType(column: Column, system: string | undefined, version: number): Native {
  const own = system === 'postgres' ? parseNative(column.native) : undefined;
  if (own?.builtin.travels && (own.builtin.since ?? 0) * 10_000 <= version) return own;
  return parseNative(canonicalSpelling(column))!;
}

/** True when the binary form of `type` is that of the logical type's canonical one. */
export const takesCanonical = (type: Native, logical: LogicalType): boolean =>
  !type.array && (type.base === canonical[logical] || (logical === 'string' && sameAsText.has(type.base)));
const sameAsText = new Set(['character varying', 'character', 'bpchar', 'name']);

function canonicalSpelling({ type, precision, scale, length }: Column): string {
  const base = canonical[type];
  if (type === 'decimal' && precision !== undefined && precision > 0 && precision <= 1000) {
    const digits = scale ?? 0;
    return digits >= 0 && digits <= precision ? `numeric(${precision},${digits})` : base;
  }
  if (type === 'string' && length !== undefined && length > 0 && length <= 10_485_760)
    return `character varying(${length})`;
  if (scale !== undefined && scale >= 0 && scale < 6) {
    if (type === 'time' || type === 'timestamp' || type === 'timestamptz') return base.replace(' ', `(${scale}) `);
  }
  return base;
}

const integers: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };

/** True when every value of `narrow` is one of `wide`, unchanged. */
export function holds(wide: Native, narrow: Native): boolean {
  if (wide.array !== narrow.array) return false;
  if (wide.base === narrow.base) return holdsSame(wide, narrow);
  if (wide.array) return false;
  const digits = integers[narrow.base];
  if (digits !== undefined) {
    if (wide.base === 'numeric') return wide.mods.length === 0 || wide.mods[0]! - (wide.mods[1] ?? 0) >= digits;
    return (integers[wide.base] ?? 0) > digits;
  }
  if (wide.base === 'double precision') return narrow.base === 'real';
  if (wide.base === 'text') return narrow.base === 'character varying' || narrow.base === 'name';
  return wide.base === 'character varying' && wide.mods.length === 0 && narrow.base === 'text';
}

function holdsSame(wide: Native, narrow: Native): boolean {
  const [w, n] = [wide.mods, narrow.mods];
  switch (wide.base) {
    case 'numeric':
      if (w.length === 0) return true;
      if (n.length === 0) return false;
      return (w[1] ?? 0) >= (n[1] ?? 0) && w[0]! - (w[1] ?? 0) >= n[0]! - (n[1] ?? 0);
    case 'character varying':
    case 'bit varying':
      return w.length === 0 || (n.length > 0 && w[0]! >= n[0]!);
    case 'interval':
      return renderNative(wide) === renderNative(narrow) || (w.length === 0 && wide.fields === undefined);
    case 'time without time zone':
    case 'time with time zone':
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return (w[0] ?? 6) >= (n[0] ?? 6);
    default:
      return renderNative(wide) === renderNative(narrow);
  }
}
