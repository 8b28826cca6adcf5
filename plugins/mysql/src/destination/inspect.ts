/** What a target table is now, and whether it can take a stream. */
import { type Column, DataError, codes } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteName, quotePath, quoteText } from '../quote.js';
import { toColumn } from '../types.js';
import { type ColumnSpec, modifyColumn } from './ddl.js';

export interface ExistingColumn extends Column {
  /** NOT NULL with no default: a stream without it cannot be written. */
  readonly required: boolean;
  /** Its collation takes texts for one that differ by more than trailing spaces: 'a' and 'A'. */
  readonly folds: boolean;
  /** The table computes it: nothing can be written to it. */
  readonly generated: boolean;
  /** No default, no ON UPDATE, no AUTO_INCREMENT: nothing but type, collation and comment is lost with another type. */
  readonly plain: boolean;
  /** NULL is taken for the present time (TIMESTAMP, on older servers) or for the next number (AUTO_INCREMENT). */
  readonly fillsNull: boolean;
  readonly collation: string | undefined;
  readonly comment: string;
}
export interface Existing {
  /** TABLE_TYPE of the catalogue: 'BASE TABLE', 'VIEW'. */
  readonly kind: string;
  readonly view: boolean;
  readonly columns: readonly ExistingColumn[];
  /** Column names of each unique index, lower case. */
  readonly uniques: readonly (readonly string[])[];
  readonly hasPrimary: boolean;
}

const at = (path: readonly string[]): string =>
  `TABLE_SCHEMA = ${quoteText(path[0]!)} AND TABLE_NAME = ${quoteText(path[1]!)}`;

export async function inspect(link: Link, path: readonly string[]): Promise<Existing | undefined> {
  const [table] = await link.query(`SELECT TABLE_TYPE FROM information_schema.TABLES WHERE ${at(path)}`);
  if (table === undefined) return undefined;
  const columns = await link.query(
    'SELECT COLUMN_NAME, IS_NULLABLE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION,' +
      ` COLUMN_DEFAULT, EXTRA, COLLATION_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE ${at(path)} ORDER BY ORDINAL_POSITION`,
  );
  const uniques = await uniquesOf(link, path);
  const number = (cell: string | null | undefined): number | undefined => (cell == null ? undefined : Number(cell));
  return {
    kind: table[0] ?? '',
    view: table[0] === 'VIEW',
    columns: columns.map(
      ([name, nullable, native, length, precision, scale, fraction, given, extra, collation, comment]) => ({
        ...toColumn({
          name: name!,
          nullable: nullable === 'YES',
          native: native!,
          length: number(length),
          precision: number(precision),
          scale: number(scale),
          fraction: number(fraction),
        }),
        required: nullable === 'NO' && given === null && !/auto_increment|generated/i.test(extra ?? ''),
        folds: collation != null && !/_bin$|^binary$/.test(collation),
        generated: /(VIRTUAL|STORED|PERSISTENT) GENERATED|computed/i.test(extra ?? ''),
        // MariaDB writes the default NULL as a word.
        plain: (given === null || (given === 'NULL' && nullable === 'YES')) && (extra ?? '') === '',
        fillsNull: nullable === 'NO' && (/auto_increment/i.test(extra ?? '') || /^timestamp\b/i.test(native!)),
        collation: collation ?? undefined,
        comment: comment ?? '',
      }),
    ),
    uniques: [...uniques.values()],
    hasPrimary: uniques.has('PRIMARY'),
  };
}

async function uniquesOf(link: Link, path: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await link.query(
    `SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND ${at(path)} ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
  );
  const indexes = new Map<string, string[]>();
  for (const [index, column] of rows)
    indexes.set(index!, [...(indexes.get(index!) ?? []), (column ?? '').toLowerCase()]);
  return indexes;
}

/** The target is in the way: the pipeline stops, and `fix` names the choice. */
export const mismatch = (stream: string, message: string, fix: string): DataError =>
  new DataError(message, { stream, code: codes.targetMismatch, fix });

/** The columns that the table lacks. Throws when one it has cannot take the stream's values, with the statement that helps. */
export function missingColumns(
  stream: string,
  path: readonly string[],
  existing: Existing,
  specs: readonly ColumnSpec[],
): readonly ColumnSpec[] {
  const byName = new Map(existing.columns.map((column) => [column.name.toLowerCase(), column]));
  refuseRequired(stream, path, existing, specs);
  return specs.filter((spec) => {
    const now = byName.get(spec.column.name.toLowerCase());
    if (now !== undefined && !fits(spec.column, now)) throw tooNarrow(stream, path, spec, now);
    return now === undefined;
  });
}

export const tooNarrow = (stream: string, path: readonly string[], spec: ColumnSpec, now: Column): DataError =>
  mismatch(
    stream,
    `${path.join('.')} has the column ${JSON.stringify(now.name)} as ${now.native}, which cannot hold every ${spec.column.type}.`,
    modifyColumn(path, spec),
  );

/** A column that must have a value, and that the stream does not have. */
export function refuseRequired(
  stream: string,
  path: readonly string[],
  existing: Existing,
  specs: readonly ColumnSpec[],
): void {
  const wanted = new Set(specs.map(({ column }) => column.name.toLowerCase()));
  const required = existing.columns.find((column) => column.required && !wanted.has(column.name.toLowerCase()));
  if (required !== undefined) {
    throw mismatch(
      stream,
      `${path.join('.')} has the column ${JSON.stringify(required.name)}, which must have a value, and the stream has none for it.`,
      `ALTER TABLE ${quotePath(path)} ALTER COLUMN ${quoteName(required.name)} SET DEFAULT '...'`,
    );
  }
}

const wholeDigits: Readonly<Record<string, number>> = { boolean: 1, int16: 5, int32: 10, int64: 19 };
const integers = ['boolean', 'int16', 'int32', 'int64'];

/** FLOAT(7,2) rounds, and BIT(12) knows no leading zeros. */
const rounds = /^(?:(?:float|double)\(\d+,\d+\)|bit\((?!1\)))/i;

/**
 * True when every value is held exactly or refused aloud. Lengths and ranges are the server's to refuse (strict mode); what it
 * would round without a word is refused here.
 */
export function fits(wanted: Column, now: Column): boolean {
  if (rounds.test(now.native) && wanted.native !== now.native) return false;
  const size = integers.indexOf(wanted.type);
  if (size >= 0 && integers.includes(now.type)) return wanted.type === 'boolean' || integers.indexOf(now.type) >= size;
  if (size >= 0 && now.type === 'decimal') return (now.precision ?? 0) - (now.scale ?? 0) >= wholeDigits[wanted.type]!;
  const fraction = (now.scale ?? 0) >= (wanted.scale ?? 6);
  switch (wanted.type) {
    case 'bytes':
      return now.type === 'bytes';
    case 'float32':
      return now.type === 'float32' || now.type === 'float64' || now.type === 'string';
    case 'decimal':
      return (
        now.type === 'string' ||
        (now.type === 'decimal' && wanted.scale !== undefined && (now.scale ?? 0) >= wanted.scale)
      );
    case 'timestamp':
      return now.type === 'string' || (now.type === 'timestamp' && fraction);
    case 'timestamptz':
      return now.type === 'string' || ((now.type === 'timestamp' || now.type === 'timestamptz') && fraction);
    case 'time':
    case 'duration':
      return now.type === 'string' || (now.type === 'duration' && fraction);
    case 'json':
    case 'uuid':
    default:
      return now.type === wanted.type || now.type === 'string';
  }
}
