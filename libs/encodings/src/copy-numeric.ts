/** PostgreSQL's binary numeric (base 10,000) from and to canonical decimal text, digit by digit and never through a float. */

const positive = 0x0000;
const negative = 0x4000;
const nan = 0xc000;
const plusInfinity = 0xd000;
const minusInfinity = 0xf000;

const groups = Array.from({ length: 10_000 }, (_, n) => String(n).padStart(4, '0'));

/** Text of the numeric whose bytes start at `at`. */
export function decodeNumeric(bytes: Buffer, at: number): string {
  const count = bytes.readUInt16BE(at);
  const weight = bytes.readInt16BE(at + 2);
  const sign = bytes.readUInt16BE(at + 4);
  const scale = bytes.readUInt16BE(at + 6);
  if (sign === nan) return 'NaN';
  if (sign === plusInfinity) return 'Infinity';
  if (sign === minusInfinity) return '-Infinity';
  const group = (index: number): number => (index >= 0 && index < count ? bytes.readUInt16BE(at + 8 + index * 2) : 0);
  let text = weight < 0 ? '0' : String(group(0));
  for (let index = 1; index <= weight; index++) text += groups[group(index)];
  if (scale > 0) {
    let fraction = '';
    for (let index = weight + 1; fraction.length < scale; index++) fraction += groups[group(index)];
    text += `.${fraction.slice(0, scale)}`;
  }
  return sign === negative ? `-${text}` : text;
}

const decimal = /^(-?)(\d+)(?:\.(\d+))?$/;
const special: Readonly<Record<string, number>> = { NaN: nan, Infinity: plusInfinity, '-Infinity': minusInfinity };

/** Bytes of a canonical decimal; undefined when the text is none, or has more digits than a numeric can hold. */
export function encodeNumeric(text: string): Buffer | undefined {
  if (special[text] !== undefined) return header(0, 0, special[text], 0);
  const match = decimal.exec(text);
  if (!match) return undefined;
  const whole = match[2]!.replace(/^0+/, '');
  const fraction = match[3] ?? '';
  if (whole.length > 131_072 || fraction.length > 16_383) return undefined;
  const left = whole.padStart(Math.ceil(whole.length / 4) * 4, '0');
  const digits = left + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  let first = 0;
  let last = digits.length / 4;
  while (first < last && digits.startsWith('0000', first * 4)) first++;
  while (last > first && digits.startsWith('0000', (last - 1) * 4)) last--;
  const weight = first === last ? 0 : left.length / 4 - 1 - first;
  const sign = match[1] && first < last ? negative : positive;
  const out = header(last - first, weight, sign, fraction.length);
  for (let index = first; index < last; index++) {
    out.writeUInt16BE(Number(digits.slice(index * 4, index * 4 + 4)), 8 + (index - first) * 2);
  }
  return out;
}

function header(count: number, weight: number, sign: number, scale: number): Buffer {
  const out = Buffer.allocUnsafe(8 + count * 2);
  out.writeUInt16BE(count, 0);
  out.writeInt16BE(weight, 2);
  out.writeUInt16BE(sign, 4);
  out.writeUInt16BE(scale, 6);
  return out;
}
