/** Tables for streams: which type holds a logical type, and the statements that make and extend tables. */
import { type Column, ConfigError, type Stream, codes } from '@sluice/connector-sdk';
import { quoteName, quotePath } from '../quote.js';
import { type Server, atLeast } from '../server.js';
import type { Bends } from './bends.js';
import { nativeType } from './native-type.js';

/** InnoDB's longest key; keys of several columns share it. */
const keyBytes = 3072;
/** MySQL's longest row without BLOBs and TEXTs is 65,535 bytes; the rest is for the fixed-size columns. */
const rowBytes = 48_000;
const utf8Bytes = 4;

export interface ColumnSpec {
  readonly column: Column;
  /** As in DDL, without NULL or NOT NULL. */
  readonly type: string;
  readonly key: boolean;
  /** The target computes it: the stream's values are left out. */
  readonly generated?: boolean;
  /** What the target would change of its values. */
  readonly bends?: Bends;
}

/** No padding and no folding: 'a', 'A' and 'a ' are three keys. MySQL before 8.0.17 pads, and takes 'a' and 'a ' for one. */
export function collation(server: Server): string {
  if (server.flavour === 'mariadb') return 'utf8mb4_nopad_bin';
  return server.flavour === 'mysql' && atLeast(server, 8, 0, 17) ? 'utf8mb4_0900_bin' : 'utf8mb4_bin';
}

/** One type per column, so that every value fits or is refused: see the table in the README. (Invariant 9) */
export function columnSpecs(stream: Stream, key: readonly string[], server: Server): readonly ColumnSpec[] {
  let room = rowBytes;
  const share = Math.floor((keyBytes - 32 * key.length) / Math.max(1, key.length));
  return stream.columns.map((column) => {
    const inKey = key.includes(column.name);
    const native = stream.system === 'mysql' ? nativeType(column, server) : undefined;
    const wanted = native ?? logicalType(column, server);
    const type = typeof wanted === 'string' ? wanted : varying(wanted, inKey ? share : room, inKey);
    if (!inKey) room -= /^VAR(?:CHAR|BINARY)/.test(type) ? bytesOf(type) : 0;
    return { column, type, key: inKey };
  });
}

/** Text or bytes of at most `length` characters or bytes. */
interface Varying {
  readonly of: 'CHAR' | 'BINARY';
  readonly length: number | undefined;
}

function logicalType(column: Column, server: Server): string | Varying {
  switch (column.type) {
    case 'boolean':
      return 'TINYINT(1)';
    case 'int16':
      return 'SMALLINT';
    case 'int32':
      return 'INT';
    case 'int64':
      return 'BIGINT';
    case 'float32':
      return 'FLOAT';
    case 'float64':
      return 'DOUBLE';
    case 'decimal':
      return decimal(column);
    case 'string':
      return { of: 'CHAR', length: column.length };
    case 'bytes':
      return { of: 'BINARY', length: column.length };
    case 'date':
      return 'DATE';
    case 'time':
    case 'duration':
      return `TIME(${fraction(column)})`;
    case 'timestamp':
    case 'timestamptz':
      // TIMESTAMP ends in 2038 on most servers; DATETIME holds the UTC value of a timestamptz.
      return `DATETIME(${fraction(column)})`;
    case 'uuid':
      return 'CHAR(36) CHARACTER SET ascii COLLATE ascii_bin';
    case 'json':
      // MySQL's JSON type turns long numbers into doubles; MariaDB's is text with a check.
      return server.flavour === 'mariadb' ? 'JSON' : { of: 'CHAR', length: undefined };
  }
}

const fraction = (column: Column): number => Math.min(6, Math.max(0, column.scale ?? 6));

/** More digits than DECIMAL holds, or no limit at all: the canonical text, which is exact. */
function decimal({ precision, scale = 0 }: Column): string | Varying {
  const fits =
    precision !== undefined && precision >= 1 && precision <= 65 && scale >= 0 && scale <= 30 && scale <= precision;
  return fits ? `DECIMAL(${precision},${scale})` : { of: 'CHAR', length: undefined };
}

function varying({ of, length }: Varying, room: number, inKey: boolean): string {
  const width = of === 'CHAR' ? utf8Bytes : 1;
  const most = Math.floor(room / width);
  if (inKey) return `VAR${of}(${Math.max(1, Math.min(length ?? most, most))})`;
  if (length !== undefined && length <= Math.min(most, 16_000 / width)) return `VAR${of}(${Math.max(1, length)})`;
  return of === 'CHAR' ? 'LONGTEXT' : 'LONGBLOB';
}

const bytesOf = (type: string): number =>
  Number(/\d+/.exec(type)?.[0] ?? 0) * (type.startsWith('VARCHAR') ? utf8Bytes : 1) + 2;

const definition = ({ column, type, key }: ColumnSpec): string =>
  `${quoteName(column.name)} ${type} ${key ? 'NOT NULL' : 'NULL'}`;

export interface TableSpec {
  readonly path: readonly string[];
  readonly columns: readonly ColumnSpec[];
  readonly key: readonly string[];
  readonly temporary?: boolean;
  /** Definitions of columns that are no part of the stream. */
  readonly bookkeeping?: readonly string[];
}

export function createTable(
  { path, columns, key, temporary = false, bookkeeping = [] }: TableSpec,
  server: Server,
): string {
  refuseTwins(columns);
  const names = key.map(quoteName).join(', ');
  const parts = [
    ...columns.map(definition),
    ...bookkeeping,
    ...(key.length > 0 ? [`PRIMARY KEY (${names})`] : []),
    ...placement(key, names, server),
  ];
  const kind = temporary ? 'TEMPORARY TABLE' : 'TABLE';
  const engine = server.flavour === 'singlestore' ? '' : ' ENGINE = InnoDB ROW_FORMAT = DYNAMIC';
  return `CREATE ${kind} IF NOT EXISTS ${quotePath(path)} (${parts.join(', ')})${engine} DEFAULT CHARACTER SET utf8mb4 COLLATE ${collation(server)}`;
}

/** SingleStore spreads rows by the shard key, which every unique key must contain, and sorts its columnstore by the sort key. */
function placement(key: readonly string[], names: string, server: Server): readonly string[] {
  if (server.flavour !== 'singlestore') return [];
  return key.length > 0 ? [`SHARD KEY (${names})`, `SORT KEY (${names})`] : ['SHARD KEY ()', 'SORT KEY ()'];
}

/** `after`: the column that it follows; the last one of the table when left out. */
export const addColumn = (path: readonly string[], spec: ColumnSpec, after?: string): string =>
  `ALTER TABLE ${quotePath(path)} ADD COLUMN ${definition({ ...spec, key: false })}` +
  (after === undefined ? '' : after === '' ? ' FIRST' : ` AFTER ${quoteName(after)}`);

export const modifyColumn = (path: readonly string[], spec: ColumnSpec): string =>
  `ALTER TABLE ${quotePath(path)} MODIFY COLUMN ${definition(spec)}`;

/** Column names of the family know no case: two that differ by nothing else cannot stand in one table. */
function refuseTwins(columns: readonly ColumnSpec[]): void {
  const seen = new Map<string, string>();
  for (const { column } of columns) {
    const folded = column.name.toLowerCase();
    const twin = seen.get(folded);
    if (twin !== undefined) {
      const names = `${JSON.stringify(twin)} and ${JSON.stringify(column.name)}`;
      throw new ConfigError(`The columns ${names} differ by case only, which the MySQL family does not tell apart.`, {
        code: codes.targetMismatch,
        fix: 'Leave one of them out of the pipeline, or rename it in a view at the source.',
      });
    }
    seen.set(folded, column.name);
  }
}
