/** Fields of 'copy-binary/1' from the values of docs/encodings/rows.md; docs/encodings/copy-binary-1.md is the specification. */
import { type Column, DataError, type LogicalType, type Value } from '@sluice/connector-sdk';
import { dayMicros, dayOf, joinMicros, parseClock, plainInstant } from './copy-calendar.js';
import { encodeNumeric } from './copy-numeric.js';

/** A buffer that grows: fields are written to it one after the other. */
export class FieldBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(1 << 16);
  /** Over the same memory: its writes are what the engine compiles best. */
  view = new DataView(this.bytes.buffer);
  at = 0;

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + size));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Starts a field of a known size; its bytes go to where `at` stands. */
  open(size: number): void {
    this.reserve(size + 4);
    this.view.setInt32(this.at, size);
    this.at += 4;
  }

  put(field: Uint8Array): void {
    this.open(field.length);
    this.bytes.set(field, this.at);
    this.at += field.length;
  }

  /** What was written; it belongs to the caller. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.at));
    this.at = 0;
    return taken;
  }
}

/** Writes length and bytes of a value that is not NULL; false when the type cannot say it. */
type Write = (out: FieldBuffer, value: NonNullable<Value>) => boolean;

const integer =
  (width: 2 | 4, most: number): Write =>
  (out, value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value > most || value < -most - 1) return false;
    out.open(width);
    if (width === 2) out.view.setInt16(out.at, value);
    else out.view.setInt32(out.at, value);
    out.at += width;
    return true;
  };

function writeBigint(out: FieldBuffer, value: bigint): boolean {
  if (BigInt.asIntN(64, value) !== value) return false;
  out.open(8);
  out.view.setBigInt64(out.at, value);
  out.at += 8;
  return true;
}
/** A safe integer as int64, without a bigint in between. */
function writeSafe(out: FieldBuffer, value: number): boolean {
  out.open(8);
  const high = Math.floor(value / 4294967296);
  out.view.setInt32(out.at, high);
  out.at += 4;
  out.view.setUint32(out.at, value - high * 4294967296);
  out.at += 4;
  return true;
}
const int64: Write = (out, value) => {
  if (typeof value === 'bigint') return writeBigint(out, value);
  return Number.isSafeInteger(value) && writeSafe(out, value as number);
};

const float64: Write = (out, value) => {
  if (typeof value !== 'number') return false;
  out.open(8);
  out.view.setFloat64(out.at, value);
  out.at += 8;
  return true;
};
const float32: Write = (out, value) => {
  if (typeof value !== 'number') return false;
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) return false;
  out.open(4);
  out.view.setFloat32(out.at, value);
  out.at += 4;
  return true;
};

function writeInt32(out: FieldBuffer, value: number): true {
  out.open(4);
  out.view.setInt32(out.at, value);
  out.at += 4;
  return true;
}
const date: Write = (out, value) => {
  if (typeof value !== 'string') return false;
  const near = value.length === 10 ? dayOf(value) : undefined;
  if (near !== undefined) return writeInt32(out, near); // of years 1 to 9999
  if (value === 'infinity') return writeInt32(out, 0x7fffffff);
  if (value === '-infinity') return writeInt32(out, -0x80000000);
  const days = dayOf(value);
  return days !== undefined && days >= -2451545 && days <= 2145031948 && writeInt32(out, days);
};
const time: Write = (out, value) => {
  const micros = parseClock(String(value));
  return micros !== undefined && micros <= dayMicros && writeSafe(out, micros);
};

const instantPattern = /^(\d{4,}-\d\d-\d\d) ([0-9:.]+)(Z?)( BC)?$/;
const instant =
  (zone: '' | 'Z'): Write =>
  (out, value) => {
    if (value === 'infinity') return writeBigint(out, 0x7fffffffffffffffn);
    if (value === '-infinity') return writeBigint(out, -0x8000000000000000n);
    const text = String(value);
    const plain = text.endsWith(zone) ? plainInstant(text, text.length - zone.length) : undefined;
    const soon = plain && plain.days * dayMicros + plain.micros;
    if (soon !== undefined && Number.isSafeInteger(soon)) return writeSafe(out, soon);
    const match = instantPattern.exec(text);
    if (!match || match[3] !== zone) return false;
    const days = dayOf(match[1]! + (match[4] ?? ''));
    const micros = parseClock(match[2]!);
    if (days === undefined || micros === undefined || micros >= dayMicros) return false;
    const near = days * dayMicros + micros;
    if (Number.isSafeInteger(near)) return writeSafe(out, near);
    const all = joinMicros(days, micros);
    return all !== 0x7fffffffffffffffn && all !== -0x8000000000000000n && writeBigint(out, all);
  };

const duration: Write = (out, value) => {
  const text = String(value);
  const micros = parseClock(text.replace(/^-/, ''));
  if (micros === undefined) return false;
  out.open(16);
  out.view.setBigInt64(out.at, BigInt(text.startsWith('-') ? -micros : micros));
  out.at += 8;
  out.bytes.fill(0, out.at, out.at + 8); // no days, no months
  out.at += 8;
  return true;
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const uuid: Write = (out, value) => {
  if (!uuidPattern.test(String(value))) return false;
  out.put(Buffer.from(String(value).replaceAll('-', ''), 'hex'));
  return true;
};

/** A zero byte or half a surrogate pair: no UTF-8 text in PostgreSQL. */
const unsayable = /\0|\p{Surrogate}/u;
const shortText = 64;
const text: Write = (out, value) => {
  if (typeof value !== 'string') return false;
  if (value.length <= shortText && writeAscii(out, value)) return true;
  if (unsayable.test(value)) return false;
  out.open(value.length * 3); // room for the worst case; the true size is known afterwards
  const size = out.bytes.write(value, out.at);
  out.view.setInt32(out.at - 4, size);
  out.at += size;
  return true;
};
/** Character by character, which beats a call into the runtime for short text; false when a character is not plain ASCII. */
function writeAscii(out: FieldBuffer, value: string): boolean {
  const start = out.at;
  out.open(value.length);
  const { bytes, at } = out;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0 || code > 127) {
      out.at = start;
      return false;
    }
    bytes[at + i] = code;
  }
  out.at += value.length;
  return true;
}

const writers: Readonly<Record<LogicalType, Write>> = {
  boolean: (out, value) => {
    if (typeof value !== 'boolean') return false;
    out.open(1);
    out.bytes[out.at++] = value ? 1 : 0;
    return true;
  },
  int16: integer(2, 0x7fff),
  int32: integer(4, 0x7fffffff),
  int64,
  float32,
  float64,
  decimal: (out, value) => {
    const field = typeof value === 'string' ? encodeNumeric(value) : undefined;
    if (field) out.put(field);
    return field !== undefined;
  },
  string: text,
  bytes: (out, value) => {
    if (!(value instanceof Uint8Array)) return false;
    out.put(value);
    return true;
  },
  date,
  time,
  timestamp: instant(''),
  timestamptz: instant('Z'),
  duration,
  uuid,
  json: text,
};

/** The writer of one column's fields. It throws DataError for a value that the type cannot say. */
export function binaryWriter(column: Column): (out: FieldBuffer, value: NonNullable<Value>) => void {
  const write = writers[column.type];
  return (out, value) => {
    if (write(out, value)) return;
    const why = `a value that is no ${column.type} of copy-binary/1`;
    throw new DataError(`Column ${JSON.stringify(column.name)} holds ${why}.`, { stream: '' });
  };
}
