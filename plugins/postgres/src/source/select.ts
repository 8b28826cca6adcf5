/** The SELECT list of a stream, per form of its data. The casts are those that the pages of docs/encodings ask for. */
import type { Column } from '@sluice/connector-sdk';
import { literal, quote } from '../names.js';
import { parseNative, travels } from '../types.js';

export type Form = 'copy-binary/1' | 'copy-text/1' | 'csv/1' | 'rows';
export const rawForms = ['copy-binary/1', 'copy-text/1', 'csv/1'] as const;

/** What a statement's error message starts with when a value cannot be said in the form asked for. */
export const unsayableMark = 'sluice: no form for a value of column ';

/** The comma-separated expressions of `columns`, in their order. */
export const selectList = (columns: readonly Column[], form: Form): string =>
  columns.map((column) => expression(column, form)).join(', ');

/** The options of COPY for a form. */
export const copyOptions = (form: Form): string => {
  if (form === 'copy-text/1') return '(FORMAT text)';
  return form === 'csv/1' ? "(FORMAT csv, NULL 'NULL', FORCE_QUOTE *)" : '(FORMAT binary)';
};

function expression(column: Column, form: Form): string {
  const name = quote(column.name);
  if (form === 'csv/1') return csv(column, name);
  return form !== 'rows' && travels(column.native) ? name : canonical(column, name);
}

/** Of the canonical type of the column's logical type, or of one with the same bytes. */
function canonical(column: Column, name: string): string {
  const parsed = parseNative(column.native);
  switch (column.type) {
    case 'decimal':
      return parsed?.base === 'money' ? `${name}::numeric` : name;
    case 'int64':
      return parsed?.base === 'oid' ? `${name}::bigint` : name;
    case 'json':
      if (column.native.endsWith('[]')) return arrayAsJson(column, name);
      return parsed?.base === 'json' ? name : `${name}::text`;
    case 'string':
      // Its output, not its bytes: a declaration's encoding is that of the client, and the text says it no more.
      if (parsed?.base === 'xml') return `textin(xml_out(${name}))`;
      return /^(text|character varying|character|bpchar|name)$/.test(parsed?.base ?? '') ? name : `${name}::text`;
    default:
      return name;
  }
}

/**
 * JSON has no array bounds, and among documents no dimensions and no NULL of their own: arrays that need them are refused. Numbers and
 * booleans stay such; the elements of every other type are strings in PostgreSQL's text form.
 */
function arrayAsJson(column: Column, name: string): string {
  const type = parseNative(column.native)?.builtin.type;
  const documents = type === 'json';
  const direct = documents || type === 'boolean' || type === 'decimal' || /^(int|float)/.test(type ?? '');
  const bounds = `array_lower(${name}, 1) <> 1 OR array_lower(${name}, 2) <> 1 OR array_lower(${name}, 3) <> 1`;
  const refused = documents
    ? `${bounds} OR array_ndims(${name}) > 1 OR 'null' = ANY(${name}::text[])`
    : `${bounds} OR array_ndims(${name}) > 3`;
  const base = parseNative(column.native)?.base;
  const texts = base === 'xml' ? `textin(array_out(${name}))::text[]` : `${name}::text[]`;
  const cast = direct && base !== 'money' ? name : texts;
  return `(CASE WHEN ${refused} THEN ${refusal(column, name)}::json ELSE to_json(${cast}) END)`;
}

/** An expression that fails when it is evaluated and not before, and that tells the server's log no value. */
const refusal = (column: Column, name: string): string =>
  `CAST(${literal(unsayableMark + column.name)} || left(${name}::text, 0) AS integer)::text`;

const when = (condition: string, column: Column, name: string, otherwise: string): string =>
  `CASE WHEN ${condition} THEN ${refusal(column, name)} ELSE ${otherwise} END`;

/** docs/encodings/csv-1.md. */
function csv(column: Column, name: string): string {
  switch (column.type) {
    case 'boolean':
      return `${name}::integer`;
    case 'float32':
    case 'float64':
      return when(`${name} IN ('NaN', 'Infinity', '-Infinity')`, column, name, `${name}::text`);
    case 'decimal':
      return when(
        `${name}::text IN ('NaN', 'Infinity', '-Infinity')`,
        column,
        name,
        `${canonical(column, name)}::text`,
      );
    case 'bytes':
      return `encode(${name}, 'hex')`;
    case 'date':
    case 'timestamp':
      return when(`${name} < '0001-01-01' OR NOT isfinite(${name})`, column, name, `${name}::text`);
    case 'timestamptz':
      return when(
        `${name} < '0001-01-01 00:00:00+00' OR NOT isfinite(${name})`,
        column,
        name,
        `(${name} AT TIME ZONE 'UTC')::text`,
      );
    case 'string': // a cast to text would take the blanks off a character(n)
      return canonical(column, name);
    default:
      return `${canonical(column, name)}::text`;
  }
}
