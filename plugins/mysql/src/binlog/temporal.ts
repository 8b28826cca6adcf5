/** Dates and times of the binary log as the texts of docs/encodings/rows.md. `null` stands for a zero date, which is none. */
import type { Bytes } from './bytes.js';

type ReadText = (body: Bytes) => string;
type ReadDate = (body: Bytes) => string | null;

const two = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));
const four = (year: number): string => String(year).padStart(4, '0');
/** Bytes of a fraction by its digits, and what one unit of it is worth in microseconds. */
const fractionBytes = [0, 1, 1, 2, 2, 3, 3] as const;
const unit = [1, 10_000, 100, 1] as const;
export const fractionSize = (digits: number): number => fractionBytes[digits as 0] ?? 0;

function fraction(micros: number): string {
  return micros === 0 ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;
}
const clock = (hours: number, minutes: number, seconds: number): string =>
  `${two[hours] ?? hours}:${two[minutes]}:${two[seconds]}`;
const day = (year: number, month: number, date: number): string | null =>
  year === 0 || month === 0 || date === 0 ? null : `${four(year)}-${two[month]}-${two[date]}`;

export const readDate: ReadDate = (body) => {
  const packed = body.buffer.readUIntLE(body.claim(3), 3);
  return day(packed >> 9, (packed >> 5) & 15, packed & 31);
};

/** Hours, minutes and seconds as decimal digits: servers before 5.6, and columns that were made on them. */
export const readOldTime: ReadText = (body) => {
  const packed = body.buffer.readIntLE(body.claim(3), 3);
  const abs = Math.abs(packed);
  const text = clock(Math.floor(abs / 10_000), Math.floor(abs / 100) % 100, abs % 100);
  return packed < 0 ? `-${text}` : text;
};
export const readOldDatetime: ReadDate = (body) => {
  const packed = Number(body.u64());
  const date = Math.floor(packed / 1_000_000);
  const time = packed % 1_000_000;
  const text = day(Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100);
  return text === null ? null : `${text} ${clock(Math.floor(time / 10_000), Math.floor(time / 100) % 100, time % 100)}`;
};
export const readOldTimestamp: ReadDate = (body) => utc(body.u32(), 0);

/** Sign, hours, minutes, seconds and fraction as one number with the highest byte first. */
export function timeReader(digits: number): ReadText {
  const extra = fractionSize(digits);
  const range = 256 ** extra;
  const zero = 0x80_00_00 * range;
  const micros = unit[extra as 0];
  return (body) => {
    const value = body.buffer.readUIntBE(body.claim(3 + extra), 3 + extra) - zero;
    const abs = Math.abs(value);
    const hms = Math.floor(abs / range);
    const text = clock((hms >> 12) & 0x3ff, (hms >> 6) & 0x3f, hms & 0x3f) + fraction((abs % range) * micros);
    return value < 0 ? `-${text}` : text;
  };
}

export function datetimeReader(digits: number): ReadDate {
  const extra = fractionSize(digits);
  const micros = unit[extra as 0];
  return (body) => {
    const start = body.claim(5 + extra);
    const packed = body.buffer.readUIntBE(start, 5) - 0x80_0000_0000;
    const hms = packed % 0x2_0000;
    const ymd = Math.floor(packed / 0x2_0000);
    const months = ymd >> 5;
    const text = day(Math.floor(months / 13), months % 13, ymd & 31);
    if (text === null) return null;
    const rest = extra === 0 ? '' : fraction(body.buffer.readUIntBE(start + 5, extra) * micros);
    return `${text} ${clock(hms >> 12, (hms >> 6) & 0x3f, hms & 0x3f)}${rest}`;
  };
}

export function timestampReader(digits: number): ReadDate {
  const extra = fractionSize(digits);
  const micros = unit[extra as 0];
  return (body) => {
    const start = body.claim(4 + extra);
    return utc(body.buffer.readUInt32BE(start), extra === 0 ? 0 : body.buffer.readUIntBE(start + 4, extra) * micros);
  };
}

let lastDay = -1;
let lastDate = '';
/** Moments of one log are mostly of one day. */
function utc(seconds: number, micros: number): string | null {
  if (seconds === 0 && micros === 0) return null;
  const days = Math.floor(seconds / 86_400);
  if (days !== lastDay) {
    lastDate = new Date(days * 86_400_000).toISOString().slice(0, 10);
    lastDay = days;
  }
  const rest = seconds - days * 86_400;
  return `${lastDate} ${clock(Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60)}${fraction(micros)}Z`;
}
