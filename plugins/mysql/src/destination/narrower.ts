/** Whether a column of the target would refuse values that the stream's own type allows. */
import { baseType, isUnsigned } from '../types.js';
import type { ColumnSpec } from './ddl.js';
import type { ExistingColumn } from './inspect.js';

const integerBits: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  integer: 32n,
  bigint: 64n,
};

function range(native: string): readonly [bigint, bigint] | undefined {
  const bits = integerBits[baseType(native)];
  if (bits === undefined) return undefined;
  return isUnsigned(native) ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
}

/** Only what the stream states counts: a text without a length is not held against VARCHAR(20), whose length the server guards. */
export function narrower({ column, type }: ColumnSpec, now: ExistingColumn): boolean {
  const [wanted, has] = [range(type), range(now.native)];
  if (wanted !== undefined && has !== undefined && column.type !== 'boolean')
    return wanted[0] < has[0] || wanted[1] > has[1];
  if (/^(ENUM|SET)\b/.test(type) && /^(enum|set)\b/.test(now.native))
    return type.replace(/, '/g, ",'").toLowerCase() !== now.native.toLowerCase();
  if (column.type === 'decimal' && now.type === 'decimal' && column.precision !== undefined)
    return column.precision - (column.scale ?? 0) > (now.precision ?? 65) - (now.scale ?? 0);
  const varies = /^(var)?(char|binary)\b/.test(now.native) && (column.type === 'string' || column.type === 'bytes');
  return varies && column.length !== undefined && now.length !== undefined && column.length > now.length;
}
