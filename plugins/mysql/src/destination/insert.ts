/** Rows as INSERT statements: the way where LOAD DATA LOCAL is switched off. */
import type { Row, Value } from '@sluice/connector-sdk';
import { quoteBytes, quoteName, quotePath, quoteText } from '../quote.js';
import type { ColumnSpec } from './ddl.js';
import { unbent } from './bends.js';
import type { LoadTarget } from './load.js';

/** Well under the smallest max_allowed_packet in use. */
const statementSize = 512 * 1024;

export function* insertStatements({ path, columns, replace }: LoadTarget, rows: readonly Row[]): Generator<string> {
  const written = columns.flatMap((spec, i) => (spec.generated === true ? [] : [{ spec, i }]));
  const names = written.map(({ spec }) => quoteName(spec.column.name)).join(', ');
  const head = `${replace ? 'REPLACE' : 'INSERT'} INTO ${quotePath(path)} (${names}) VALUES `;
  let values: string[] = [];
  let size = 0;
  for (const row of rows) {
    const text = `(${written.map(({ spec, i }) => unbentLiteral(spec, row[i])).join(', ')})`;
    values.push(text);
    size += text.length;
    if (size < statementSize) continue;
    yield head + values.join(', ');
    values = [];
    size = 0;
  }
  if (values.length > 0) yield head + values.join(', ');
}

function unbentLiteral(spec: ColumnSpec, value: Value): string {
  const literal = literalOf(spec, value);
  return spec.bends === undefined ? literal : unbent(literal, spec.bends, spec.column.name);
}

/** A value of docs/encodings/rows.md as SQL. */
export function literalOf({ column }: ColumnSpec, value: Value): string {
  if (value === null || value === undefined) return 'NULL';
  switch (typeof value) {
    case 'boolean':
      return value ? '1' : '0';
    case 'bigint':
      return String(value);
    case 'number':
      return Object.is(value, -0) ? `'-0'` : String(value);
    case 'object':
      return quoteBytes(value);
    default:
      return quoteText(column.type === 'timestamptz' ? value.slice(0, -1) : value);
  }
}
