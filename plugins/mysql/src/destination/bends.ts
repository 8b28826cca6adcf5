/**
 * What a column of a target would change without an error or a warning, by value. Columns that Sluice makes bend nothing; a table that
 * someone else made may. (Invariant 9)
 */
import type { Column } from '@sluice/connector-sdk';
import { quoteText } from '../quote.js';
import { baseType } from '../types.js';
import type { ExistingColumn } from './inspect.js';
import { memberNames } from './native-type.js';

export interface Bends {
  /** A condition that holds for values that would be changed, and for no NULL. */
  readonly value?: (value: string) => string;
  /** NULL would become the present time or a number. */
  readonly null?: true;
}

const bytes = (value: string): string => `CAST(${value} AS BINARY)`;
const lengths: Readonly<Record<string, number>> = { tiny: 2 ** 8 - 1, '': 2 ** 16 - 1, medium: 2 ** 24 - 1 };

/** `copied`: from a stage, by INSERT ... SELECT, which on MariaDB cuts what is too long for a TEXT or BLOB without a word. */
export function bendsOf(wanted: Column, now: ExistingColumn, copied: boolean): Bends | undefined {
  if (now.generated) return undefined;
  const value = bentValue(wanted, now, copied);
  const fills = wanted.nullable && now.fillsNull;
  if (value === undefined && !fills) return undefined;
  return { ...(value && { value }), ...(fills && { null: true }) };
}

function bentValue(wanted: Column, now: ExistingColumn, copied: boolean): Bends['value'] {
  const [base, from] = [baseType(now.native), baseType(wanted.native)];
  const text = wanted.type === 'string' || wanted.type === 'json';
  const same = wanted.native === now.native;
  const long = /^(tiny|medium|)(?:text|blob)$/.exec(base)?.[1];
  if (long !== undefined && copied) return (value) => `LENGTH(${value}) > ${lengths[long]}`;
  if (base === 'year' && from !== 'year') return (value) => `${value} BETWEEN 1 AND 99`; // 7 becomes 2007
  if (base === 'binary' && !same) return (value) => `LENGTH(${value}) <> ${now.length ?? 1}`; // filled up with zeros
  if (base === 'char' && from !== 'char' && text) return (value) => `ASCII(RIGHT(${value}, 1)) = 32`; // cut off
  return text && !same && (base === 'enum' || base === 'set') ? notOf(now.native, base) : undefined;
}

/** Other case, other order, or a digit, which is taken for a member's number. */
function notOf(native: string, base: 'enum' | 'set'): Bends['value'] {
  const members = memberNames(native, base)?.map(quoteText);
  if (members === undefined) return () => 'TRUE';
  if (base === 'enum') return (value) => `${bytes(value)} NOT IN (${members.map(bytes).join(', ')})`;
  return (value) => {
    const there = members.map((member) => `IF(FIND_IN_SET(${bytes(member)}, ${bytes(value)}) > 0, ${member}, NULL)`);
    return `${bytes(value)} <> ${bytes(`CONCAT_WS(',', ${there.join(', ')})`)}`;
  };
}

/** What `refusedColumn` finds in the server's complaint. */
const mark = 'sluice bends ';
/** `value`, or a complaint of the server when its column would change it. */
export function unbent(value: string, bends: Bends, name: string): string {
  const bad = [...(bends.value ? [bends.value(value)] : []), ...(bends.null ? [`${value} IS NULL`] : [])].join(' OR ');
  // With the value in it, so that it is not worked out before there is one; no message shows that part.
  const complaint = `CAST(CONCAT(${quoteText(`${mark}${JSON.stringify(name)} `)}, COALESCE(LEFT(${value}, 0), '')) AS SIGNED)`;
  return `IF(${bad}, ${complaint}, ${value})`;
}
export const refusedColumn = (message: string): string | undefined =>
  new RegExp(`${mark}"((?:[^"\\\\]|\\\\.)*)`).exec(message)?.[1];
