/** Bytes and rows into a table: LOAD DATA LOCAL INFILE, or INSERT where the server refuses that. Any warning is an error. */
import { Readable } from 'node:stream';
import {
  type Column,
  DataError,
  type RawData,
  type Row,
  type Stream,
  type Written,
  codes,
} from '@sluice/connector-sdk';
import { csv1 } from '@sluice/encodings';
import { errorNumber, toSluiceError } from '../errors.js';
import type { Link, Outcome } from '../link.js';
import { quoteName, quotePath } from '../quote.js';
import { refusedColumn, unbent } from './bends.js';
import { insertStatements } from './insert.js';
import type { ColumnSpec } from './ddl.js';

export interface LoadTarget {
  readonly stream: Stream;
  readonly path: readonly string[];
  readonly columns: readonly ColumnSpec[];
  /** A row with a key that is there takes its place: the last of one key wins. */
  readonly replace: boolean;
}

/** A piece for the driver, which copies each into one packet. */
const pieceSize = 1024 * 1024;

export async function loadRaw(link: Link, target: LoadTarget, data: RawData): Promise<Written> {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of data.body) {
      bytes += chunk.length;
      for (let at = 0; at < chunk.length; at += pieceSize) {
        yield Buffer.from(chunk.buffer, chunk.byteOffset + at, Math.min(pieceSize, chunk.length - at));
      }
    }
  }
  const rows = await load(link, target, counted());
  if (rows !== data.rows()) throw rowsLost(target.stream, data.rows(), rows); // Invariant 6
  return { rows, bytes };
}

export async function loadRows(link: Link, target: LoadTarget, rows: readonly Row[]): Promise<Written> {
  const bytes = csv1.encoder(target.stream.columns).rows(rows);
  const loaded = await load(link, target, chunks(bytes));
  if (loaded !== rows.length) throw rowsLost(target.stream, rows.length, loaded);
  return { rows: rows.length, bytes: bytes.length };
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceSize) {
    yield Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(pieceSize, bytes.length - at));
  }
}

export async function insertRows(link: Link, target: LoadTarget, rows: readonly Row[]): Promise<Written> {
  // Encoded for its refusals and its size: what csv/1 cannot say is refused on this way too.
  const bytes = csv1.encoder(target.stream.columns).rows(rows).length;
  for (const sql of insertStatements(target, rows)) {
    try {
      await refuseWarnings(link, target.stream, await link.run(sql));
    } catch (error) {
      const bent = refusedColumn((error as Error).message);
      throw bent === undefined ? error : bentValues(target.stream, bent);
    }
  }
  return { rows: rows.length, bytes };
}

/** Where the server has LOAD DATA LOCAL switched off. */
export async function insertRaw(link: Link, target: LoadTarget, data: RawData): Promise<Written> {
  const decoder = csv1.decoder(target.stream.columns);
  let rows = 0;
  let bytes = 0;
  for await (const chunk of data.body) {
    const some = decoder.push(chunk);
    bytes += chunk.length;
    rows += some.length;
    if (some.length > 0) await insertRows(link, target, some);
  }
  decoder.end();
  if (rows !== data.rows()) throw rowsLost(target.stream, data.rows(), rows);
  return { rows, bytes };
}

const rowsLost = (stream: Stream, read: number, written: number): DataError =>
  new DataError(`${stream.id}: ${read} rows were read, but ${written} written.`, {
    stream: stream.id,
    code: codes.rowsLost,
  });

/** Returns the number of rows that the server says it took. */
async function load(link: Link, target: LoadTarget, body: AsyncGenerator<Buffer>): Promise<number> {
  const stream = Readable.from(body, { objectMode: false, highWaterMark: 4 * pieceSize });
  let asked = false;
  try {
    const outcome = await link.run(loadStatement(target), () => {
      // The path that the server names is ignored: it gets this body, once, or nothing.
      if (asked) throw new Error('The server asked for a second file.');
      asked = true;
      return stream;
    });
    await refuseWarnings(link, target.stream, outcome);
    if (!asked) throw new Error('The server took LOAD DATA without asking for the data.');
    return Number(/Records: (\d+)/.exec(outcome.info)?.[1] ?? outcome.affected);
  } catch (error) {
    throw toSluiceError(error, target.stream.id);
  } finally {
    stream.destroy();
    await body.return(undefined).catch(() => undefined);
  }
}

export function loadStatement({ path, columns, replace }: LoadTarget): string {
  const fields = columns.map((spec, i) =>
    spec.generated !== true && expression(spec, '') === undefined ? quoteName(spec.column.name) : `@v${i}`,
  );
  const sets = columns.flatMap((spec, i) => {
    const value = spec.generated === true ? undefined : expression(spec, `@v${i}`);
    return value === undefined ? [] : [`${quoteName(spec.column.name)} = ${value}`];
  });
  return (
    `LOAD DATA LOCAL INFILE 'rows' ${replace ? 'REPLACE ' : ''}INTO TABLE ${quotePath(path)} CHARACTER SET utf8mb4` +
    ` FIELDS TERMINATED BY ',' ENCLOSED BY '"' ESCAPED BY '' LINES TERMINATED BY '\\n' (${fields.join(', ')})` +
    (sets.length > 0 ? ` SET ${sets.join(', ')}` : '')
  );
}

/** How a field becomes the column's value; undefined when the text itself is. */
function expression(spec: ColumnSpec, field: string): string | undefined {
  const value = conversion(spec, field);
  return spec.bends === undefined ? value : unbent(value ?? field, spec.bends, spec.column.name);
}

function conversion({ column, type }: ColumnSpec, field: string): string | undefined {
  if (column.type === 'bytes') return `UNHEX(${field})`;
  // As text '0' is the year 2000, and '1' is 49 for BIT; as numbers they are what they say.
  if (/^(YEAR|BIT)\b/i.test(type)) return `${field} + 0`;
  return /^FLOAT\b/i.test(type) ? greatestFloat(field) : undefined;
}

/** 3.4028235e+38 is the shortest text of the greatest float32, and a little above it as a double: FLOAT would refuse it. */
function greatestFloat(field: string): string {
  const [greatest, half, size] = ['3.4028234663852886e38', '3.4028235677973366e38', `ABS(${field} + 0e0)`];
  return `IF(${size} > ${greatest} AND ${size} < ${half}, SIGN(${field} + 0e0) * ${greatest}, ${field})`;
}

/** Deprecations, and statements that a binary log by statement might repeat differently. */
const harmless = new Set([1287, 1592, 1681, 3719, 3778]);

/** LOCAL makes warnings of conversion errors even in strict mode, so every warning counts. (Invariant 9) */
export async function refuseWarnings(link: Link, stream: Stream, outcome: Outcome): Promise<void> {
  if (outcome.warnings === 0) return;
  const shown = await link.query('SHOW WARNINGS LIMIT 64');
  const bad = shown.filter(([, number]) => !harmless.has(Number(number)));
  if (bad.length === 0 && shown.length >= Math.min(outcome.warnings, 64)) return;
  throw warning(stream, outcome.warnings, bad[0]);
}

function warning(stream: Stream, count: number, first: readonly (string | null)[] | undefined): DataError {
  const bent = refusedColumn(first?.[2] ?? '');
  if (bent !== undefined) return bentValues(stream, bent);
  const column = /for column '?(?:`[^`]*`\.`[^`]*`\.)?[`']?(.*?)[`']? at row/.exec(first?.[2] ?? '')?.[1];
  const where = column === undefined ? '' : `, column ${JSON.stringify(column)}`;
  const named = nameOf(Number(first?.[1] ?? 0));
  return new DataError(`${stream.id}${where}: ${count} values do not fit the target, the first: ${named}.`, {
    stream: stream.id,
  });
}

const reasons: ReadonlyMap<number, string> = new Map([
  [1048, 'NULL in a column that takes none'],
  [1062, 'a key that is there already'],
  [1263, 'NULL in a column that takes none'],
  [1264, 'a number out of range'],
  [1265, 'a value that would be cut'],
  [1261, 'a row with too few values'],
  [1262, 'a row with too many values'],
  [1292, 'a date, time or number that the server does not know'],
  [1300, 'text that is not in the character set'],
  [1301, 'a value larger than max_allowed_packet'],
  [1366, 'text that is no number or not in the character set'],
  [1406, 'a value that is too long'],
  [1411, 'a value that the server does not know'],
  [4025, 'a value that a CHECK refuses'],
]);
/** Nothing of the value: only which column it is for. */
export const bentValues = (stream: Stream, column: string): DataError =>
  new DataError(
    `${stream.id}, column "${column}": values that the target's column would change without a word (its README says which).`,
    { stream: stream.id, fix: `Give the target's column ${JSON.stringify(column)} the type of the stream's.` },
  );
const nameOf = (number: number): string => reasons.get(number) ?? `warning ${number}`;

/** True when the server has LOAD DATA LOCAL switched off. */
export const isLocalRefused = (error: unknown): boolean => [1148, 3948, 4166].includes(errorNumber(error) ?? 0);

export const columnNames = (columns: readonly Column[]): string =>
  columns.map((column) => quoteName(column.name)).join(', ');
