/** DECIMAL as the server packs it: nine digits in four bytes, the rest in as few as hold them, the sign in the first bit. */
import type { Bytes } from './bytes.js';

const bytesFor = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
const groups = (digits: number): readonly number[] => Array<number>(Math.floor(digits / 9)).fill(9);

/** How many digits each run of bytes has, in order. */
function layout(precision: number, scale: number): readonly (readonly [digits: number, bytes: number])[] {
  const whole = precision - scale;
  const parts = [whole % 9, ...groups(whole), ...groups(scale), scale % 9];
  return parts.filter((digits) => digits > 0).map((digits) => [digits, bytesFor[digits as 0]] as const);
}

export const decimalSize = (precision: number, scale: number): number =>
  layout(precision, scale).reduce((sum, [, bytes]) => sum + bytes, 0);

/** Canonical text: no leading zeros, no '-0', `scale` digits after the point. */
export function decimalReader(precision: number, scale: number): (body: Bytes) => string {
  const parts = layout(precision, scale);
  const size = decimalSize(precision, scale);
  const tails = parts.map(([digits, bytes]) => [digits, bytes, 2 ** (bytes * 8)] as const);
  return (body) => {
    const start = body.claim(size);
    const { buffer } = body;
    const negative = (buffer[start]! & 0x80) === 0;
    let at = start;
    let digits = '';
    for (const [count, bytes, range] of tails) {
      let raw = buffer.readUIntBE(at, bytes);
      if (at === start) raw = (raw + range / 2) % range; // the sign bit, the other way round
      if (negative) raw = range - 1 - raw;
      digits += String(raw).padStart(count, '0');
      at += bytes;
    }
    return canonical(digits, scale, negative);
  };
}

function canonical(digits: string, scale: number, negative: boolean): string {
  const point = digits.length - scale;
  let first = 0;
  while (first < point - 1 && digits.charCodeAt(first) === 0x30) first++;
  const whole = point === 0 ? '0' : digits.slice(first, point);
  const text = scale === 0 ? whole : `${whole}.${digits.slice(point)}`;
  return negative && /[1-9]/.test(text) ? `-${text}` : text;
}
