/** What a column is when an insert left it out and the log (MINIMAL row images) does too: its constant default. */
import type { Column, Row, Value } from '@sluice/connector-sdk';
import type { Flavour } from '../server.js';
import { ZeroDates } from '../source/cell.js';
import { rowSink } from '../source/sinks.js';
import { membersOf } from './wire-fit.js';

export interface DefaultFacts {
  readonly nullable: boolean;
  /** COLUMN_DEFAULT */
  readonly text: string | null;
  readonly extra: string;
}

/** As a full read would give it; undefined for defaults that are no constants, which the log does write. */
export function defaultOf(column: Column, { nullable, text, extra }: DefaultFacts, flavour: Flavour): Value {
  if (/GENERATED ALWAYS|VIRTUAL|STORED|PERSISTENT|auto_increment/i.test(extra)) return undefined;
  if (text === null) return nullable ? null : undefined;
  const constant = flavour === 'mariadb' ? mariadbLiteral(text) : mysqlLiteral(text, extra);
  return constant === undefined || constant === null ? constant : asRead(column, constant);
}

type Constant = Buffer | null | undefined;
const bits = /^b'([01]*)'$/i;

/** Written as in CREATE TABLE: quoted text, plain numbers, calls of functions. */
function mariadbLiteral(text: string): Constant {
  if (text === 'NULL') return null;
  if (/^'.*'$/s.test(text)) return Buffer.from(membersOf(text)[0] ?? '');
  if (/^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(text)) return Buffer.from(text);
  return bitsOf(text);
}
/** The bare text of the value; of BINARY in hexadecimal. */
function mysqlLiteral(text: string, extra: string): Constant {
  if (/DEFAULT_GENERATED/i.test(extra)) return undefined;
  return bitsOf(text) ?? (/^0x(?:[0-9a-f]{2})*$/i.test(text) ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text));
}
function bitsOf(text: string): Buffer | undefined {
  const digits = bits.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const whole = digits.padStart(Math.ceil(digits.length / 8) * 8, '0');
  return Buffer.from(whole.match(/.{8}/g)?.map((byte) => parseInt(byte, 2)) ?? []);
}

/** Through the reader of a full read, as the one cell of a row. */
function asRead(column: Column, text: Buffer): Row[number] {
  const cell = column.type === 'bytes' || column.type === 'boolean' ? widened(column, text) : text;
  const length = Buffer.alloc(9);
  length[0] = 0xfe;
  length.writeBigUInt64LE(BigInt(cell.length), 1);
  const buffer = Buffer.concat([length, cell]);
  const sink = rowSink([column], new ZeroDates('null', ''), { rows: 0 });
  sink.row({ buffer, offset: 0, end: buffer.length, isEOF: () => false });
  return sink.rest()![0]![0];
}

/** BIT(n) has all its bytes, the highest first; BINARY(n) too, the lowest first. */
function widened({ native, length }: Column, value: Buffer): Buffer {
  if (length === undefined || value.length >= length || !/^(?:bit|binary)/i.test(native)) return value;
  const zeros = Buffer.alloc(length - value.length);
  return Buffer.concat(/^bit/i.test(native) ? [zeros, value] : [value, zeros]);
}
