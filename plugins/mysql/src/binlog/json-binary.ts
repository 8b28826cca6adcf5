/** MySQL's binary JSON to the text that the server itself prints. Scalars are rendered at once; containers stay open to changes. */
import { Bytes, MalformedEvent } from './bytes.js';
import { decimalReader } from './decimal.js';
import { wire } from './wire-types.js';

export type JsonNode =
  | { readonly kind: 'object'; entries: [key: string, value: JsonNode][] }
  | { readonly kind: 'array'; items: JsonNode[] }
  | { readonly kind: 'scalar'; readonly text: string };

const type = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;
const literals = ['null', 'true', 'false'] as const;
/** The server allows one hundred. */
const deepest = 101;

const scalar = (text: string): JsonNode => ({ kind: 'scalar', text });

/** An empty value is what the server stores for a JSON column that was added to a table with rows: JSON null. */
export function readJson(binary: Buffer): JsonNode {
  if (binary.length === 0) return scalar('null');
  return readValue(binary[0]!, binary.subarray(1), 0);
}
export const jsonText = (binary: Buffer): string => renderJson(readJson(binary));

export function renderJson(node: JsonNode): string {
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'array') return `[${node.items.map(renderJson).join(', ')}]`;
  return `{${node.entries.map(([key, value]) => `${quoted(key)}: ${renderJson(value)}`).join(', ')}}`;
}

function readValue(kind: number, data: Buffer, depth: number): JsonNode {
  if (depth > deepest) throw new MalformedEvent('a JSON value is nested too deeply');
  const body = new Bytes(data);
  switch (kind) {
    case type.smallObject:
    case type.largeObject:
      return readObject(data, kind === type.largeObject, depth);
    case type.smallArray:
    case type.largeArray:
      return readArray(data, kind === type.largeArray, depth);
    case type.int64:
      return scalar(String(body.i64()));
    case type.uint64:
      return scalar(String(body.u64()));
    case type.double:
      return scalar(doubleText(data.readDoubleLE(body.claim(8))));
    case type.string:
      return scalar(quoted(body.text(variable(body))));
    case type.opaque:
      return scalar(opaqueText(body.u8(), body.take(variable(body))));
    default:
      return scalar(inlineText(kind, body));
  }
}

function inlineText(kind: number, body: Bytes): string {
  switch (kind) {
    case type.literal: {
      const text = literals[body.u8()];
      if (text === undefined) throw new MalformedEvent('a JSON literal is unknown');
      return text;
    }
    case type.int16:
      return String(body.buffer.readInt16LE(body.claim(2)));
    case type.uint16:
      return String(body.u16());
    case type.int32:
      return String(body.buffer.readInt32LE(body.claim(4)));
    case type.uint32:
      return String(body.u32());
    default:
      throw new MalformedEvent('a JSON value is of an unknown type');
  }
}

/** Seven bits a byte, the lowest first. */
function variable(body: Bytes): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = body.u8();
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new MalformedEvent('a length inside JSON is too long');
}

interface Container {
  readonly count: number;
  readonly body: Bytes;
  readonly number: () => number;
  /** The value whose entry is next. */
  readonly value: (depth: number) => JsonNode;
}

/** Count and size, then entries that hold a small value themselves or point at it. */
function open(data: Buffer, large: boolean): Container {
  const head = new Bytes(data);
  const number = large ? () => head.u32() : () => head.u16();
  const count = number();
  const size = number();
  if (size > data.length || count > size) throw new MalformedEvent('a JSON container is larger than its value');
  const whole = data.subarray(0, size);
  const value = (depth: number): JsonNode => {
    const kind = head.u8();
    const inline = kind === type.literal || kind === type.int16 || kind === type.uint16;
    const wide = large && (kind === type.int32 || kind === type.uint32);
    if (inline || wide) return scalar(inlineText(kind, new Bytes(head.take(large ? 4 : 2))));
    const offset = number();
    if (offset >= size) throw new MalformedEvent('a JSON value points outside its container');
    return readValue(kind, whole.subarray(offset), depth + 1);
  };
  return { count, body: head, number, value };
}

function readArray(data: Buffer, large: boolean, depth: number): JsonNode {
  const { count, value } = open(data, large);
  const items: JsonNode[] = [];
  for (let i = 0; i < count; i++) items.push(value(depth));
  return { kind: 'array', items };
}

function readObject(data: Buffer, large: boolean, depth: number): JsonNode {
  const { count, body, number, value } = open(data, large);
  const keys: string[] = [];
  for (let i = 0; i < count; i++) {
    const offset = number();
    const length = body.u16();
    if (offset + length > data.length) throw new MalformedEvent('a JSON key points outside its object');
    keys.push(data.toString('utf8', offset, offset + length));
  }
  return { kind: 'object', entries: keys.map((key) => [key, value(depth)]) };
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};
export const quoted = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- these are the ones that JSON must escape
  `"${text.replace(/["\\\u0000-\u001f]/g, (c) => escapes[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

/** Shortest digits that read back as the same number; with an exponent where the server writes one, and `.0` where it is whole. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const digits = mantissa.replace(/[-.]/g, '');
  const point = Number(power) + 1;
  if (point < -14 || (point > 15 && digits.length <= point)) return `${mantissa}e${Number(power)}`;
  const sign = value < 0 ? '-' : '';
  if (point <= 0) return value === 0 ? '0.0' : `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Values of other SQL types inside JSON. */
function opaqueText(kind: number, data: Buffer): string {
  if (kind === wire.decimal) {
    const body = new Bytes(data);
    const [precision, scale] = [body.u8(), body.u8()];
    return decimalReader(precision, scale)(body);
  }
  if (kind === wire.time || kind === wire.date || kind === wire.datetime || kind === wire.timestamp)
    return `"${temporalText(kind, data)}"`;
  return `"base64:type${kind}:${data.toString('base64')}"`;
}

/** One 64-bit number: microseconds in the low 24 bits, and above them date and time as in DATETIME. */
function temporalText(kind: number, data: Buffer): string {
  const packed = new Bytes(data).i64();
  const abs = packed < 0n ? -packed : packed;
  const micros = String(abs & 0xff_ffffn).padStart(6, '0');
  const high = Number(abs >> 24n);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hms = high % 0x2_0000;
  const time = (hours: number): string => `${two(hours)}:${two((hms >> 6) & 63)}:${two(hms & 63)}.${micros}`;
  if (kind === wire.time) return `${packed < 0n ? '-' : ''}${time((high >> 12) & 0x3ff)}`;
  const ymd = Math.floor(high / 0x2_0000);
  const months = ymd >> 5;
  const date = `${String(Math.floor(months / 13)).padStart(4, '0')}-${two(months % 13)}-${two(ymd & 31)}`;
  return kind === wire.date ? date : `${date} ${time(hms >> 12)}`;
}
