/** What the types of the MySQL family mean. The table of the README is this file in words. */
import type { Column, LogicalType } from '@sluice/connector-sdk';

/** What information_schema.COLUMNS says of one column. */
export interface ColumnFacts {
  readonly name: string;
  readonly nullable: boolean;
  /** COLUMN_TYPE: 'bigint(20) unsigned'. */
  readonly native: string;
  readonly length: number | undefined;
  readonly precision: number | undefined;
  readonly scale: number | undefined;
  readonly fraction: number | undefined;
}

/** 'int(10) unsigned zerofill' -> 'int'. */
export const baseType = (native: string): string => /^[a-z0-9_]+/i.exec(native)?.[0].toLowerCase() ?? '';

/** Looks at the end only: the word may stand inside an enum's value. */
export const isUnsigned = (native: string): boolean =>
  /\) unsigned|^[a-z]+ unsigned/i.test(native) && !/^(enum|set)\b/i.test(native);
export const isZerofill = (native: string): boolean => / zerofill$/i.test(native);

const unlimited = 2 ** 31 - 1;
const geometries = new Set([
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

type Meaning = Pick<Column, 'type' | 'precision' | 'scale' | 'length'>;
const as = (type: LogicalType, more: Omit<Meaning, 'type'> = {}): Meaning => ({ type, ...more });
const long = (length: number | undefined): Omit<Meaning, 'type'> =>
  length === undefined || length >= unlimited ? {} : { length };

function integer(base: string, unsigned: boolean): Meaning {
  if (base === 'tinyint' || (base === 'smallint' && !unsigned)) return as('int16');
  if (base === 'smallint' || base === 'mediumint' || ((base === 'int' || base === 'integer') && !unsigned))
    return as('int32');
  // No signed 64-bit type holds the upper half of bigint unsigned.
  return base === 'bigint' && unsigned ? as('decimal', { precision: 20, scale: 0 }) : as('int64');
}

function meaning(facts: ColumnFacts): Meaning {
  const base = baseType(facts.native);
  if (geometries.has(base) || base === 'vector') return as('bytes'); // first: a 'point' ends like an integer
  if (base.endsWith('int') || base === 'integer') return integer(base, isUnsigned(facts.native));
  if (base === 'decimal' || base === 'numeric')
    return as('decimal', { precision: facts.precision ?? 65, scale: facts.scale ?? 0 });
  if (base === 'bit') {
    const bits = facts.precision ?? 1;
    return bits === 1 ? as('boolean') : as('bytes', { length: Math.ceil(bits / 8) });
  }
  if (base === 'datetime') return as('timestamp', { scale: facts.fraction ?? 0 });
  if (base === 'timestamp') return as('timestamptz', { scale: facts.fraction ?? 0 });
  if (base === 'time') return as('duration', { scale: facts.fraction ?? 0 });
  if (base.endsWith('blob') || base.endsWith('binary')) return as('bytes', long(facts.length));
  const simple: Record<string, LogicalType> = {
    float: 'float32',
    double: 'float64',
    real: 'float64',
    year: 'int16',
    date: 'date',
    json: 'json',
    uuid: 'uuid',
  };
  const known = Object.hasOwn(simple, base) ? simple[base] : undefined;
  return known === undefined ? as('string', long(facts.length)) : as(known);
}

export const toColumn = (facts: ColumnFacts): Column => ({
  name: facts.name,
  nullable: facts.nullable,
  native: facts.native,
  ...meaning(facts),
});

const cursorTypes: ReadonlySet<LogicalType> = new Set([
  'int16',
  'int32',
  'int64',
  'decimal',
  'date',
  'timestamp',
  'timestamptz',
]);
/** Fit for mode 'cursor': ordered by value, whatever the collation. */
export const isCursor = (column: Column): boolean => cursorTypes.has(column.type) && baseType(column.native) !== 'year';
