/**
 * Days and microseconds since 2000-01-01, as PostgreSQL counts them, from and to the text of docs/encodings/rows.md.
 * Proleptic Gregorian calendar; year 0 of ISO 8601 is 1 BC.
 */

const epochShift = 730425; // days from 0000-03-01 to 2000-01-01
const dayMicros = 86_400_000_000;
const bigDayMicros = 86_400_000_000n;

const two = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));

/** Year (ISO 8601, 0 is 1 BC), month and day of a day number. */
export function civil(days: number): { year: number; month: number; day: number } {
  const z = days + epochShift;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return { year: yoe + era * 400 + (month <= 2 ? 1 : 0), month, day: doy - Math.floor((153 * mp + 2) / 5) + 1 };
}

/** The inverse of `civil`. */
export function dayNumber(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - epochShift;
}

/** Texts of the days from 1900 to 2100, made when first asked for. */
const firstKnown = -36525;
const known = new Array<string | undefined>(73_414).fill(undefined);

/** 'YYYY-MM-DD' with years of four or more digits; before year 1 counted from 1 and without its ' BC'. */
export function dayText(days: number): string {
  const place = days - firstKnown;
  if (place < 0 || place >= known.length) return makeDayText(days);
  return (known[place] ??= makeDayText(days));
}
function makeDayText(days: number): string {
  const { year, month, day } = civil(days);
  return `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${two[month]}-${two[day]}`;
}

export const isBC = (days: number): boolean => days < -epochShift + 306; // before 0001-01-01

/** 'HH:MM:SS[.ffffff]' of microseconds since midnight, without trailing zeros; hours may have more than two digits. */
export function clockText(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = micros - seconds * 1e6;
  const hours = Math.floor(seconds / 3600);
  const text = `${two[hours] ?? hours}:${two[Math.floor(seconds / 60) % 60]}:${two[seconds % 60]}`;
  return fraction === 0 ? text : `${text}.${fractionText(fraction)}`;
}

/** Six digits less their trailing zeros. */
function fractionText(micros: number): string {
  let [left, digits] = [micros, 6];
  while (left % 10 === 0) [left, digits] = [left / 10, digits - 1];
  return String(left).padStart(digits, '0');
}

/** Splits microseconds since 2000-01-01 into days and microseconds of the day. */
export function splitMicros(micros: bigint): { days: number; rest: number } {
  let days = micros / bigDayMicros;
  if (micros < 0n && days * bigDayMicros !== micros) days -= 1n;
  return { days: Number(days), rest: Number(micros - days * bigDayMicros) };
}
export const joinMicros = (days: number, rest: number): bigint => BigInt(days) * bigDayMicros + BigInt(rest);

const datePattern = /^(\d{4,})-(\d\d)-(\d\d)( BC)?$/;
const zero = 48;
const dash = 45;
const colon = 58;
const point = 46;
const digit = (text: string, at: number): number => text.charCodeAt(at) - zero;
const isDigit = (value: number): boolean => value >= 0 && value <= 9;
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Two digits as a number; NaN when they are none. */
function pair(text: string, at: number): number {
  const high = text.charCodeAt(at) - zero;
  const low = text.charCodeAt(at + 1) - zero;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : NaN;
}

/** Day number of a date's text; undefined when it is none, or not of the calendar. */
export function dayOf(text: string): number | undefined {
  return (text.length === 10 ? plainDay(text) : undefined) ?? parseDay(text);
}
/** 'YYYY-MM-DD' digit by digit, which most dates are: many times quicker than the pattern. Its days to 28 need no calendar. */
function plainDay(text: string): number | undefined {
  const year = pair(text, 0) * 100 + pair(text, 2);
  const month = pair(text, 5);
  const day = pair(text, 8);
  // NaN, for what is no digit, fails every one of these comparisons.
  if (!(year > 0 && month > 0 && month <= 12 && day > 0)) return undefined;
  if (text.charCodeAt(4) !== dash || text.charCodeAt(7) !== dash || day > monthDays[month - 1]!) return undefined;
  return dayNumber(year, month, day);
}
function parseDay(text: string): number | undefined {
  const match = datePattern.exec(text);
  if (!match) return undefined;
  const shown = Number(match[1]);
  const year = match[4] ? 1 - shown : shown;
  const days = dayNumber(year, Number(match[2]), Number(match[3]));
  const back = civil(days);
  const same = back.year === year && back.month === Number(match[2]) && back.day === Number(match[3]);
  return same && shown > 0 ? days : undefined;
}

const clockPattern = /^(\d{2,}):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?$/;
/** Microseconds of 'HH:MM:SS[.ffffff]'; undefined when it is none. Hours are not bounded here. */
export function parseClock(text: string): number | undefined {
  const match = clockPattern.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  const micros = seconds * 1e6 + Number((match[4] ?? '').padEnd(6, '0'));
  return Number.isSafeInteger(micros) ? micros : undefined;
}

/** Days and microseconds of 'YYYY-MM-DD HH:MM:SS[.ffffff]' up to `end`, digit by digit; undefined when it is anything else. */
export function plainInstant(text: string, end: number): { days: number; micros: number } | undefined {
  if (end < 19 || end === 20 || end > 26 || text.charCodeAt(10) !== 32 || text.charCodeAt(13) !== colon)
    return undefined;
  const days = plainDay(text);
  const [hours, minutes, seconds] = [pair(text, 11), pair(text, 14), pair(text, 17)];
  if (days === undefined || text.charCodeAt(16) !== colon || !(hours < 24 && minutes < 60 && seconds < 60))
    return undefined;
  let micros = 0;
  if (end > 19 && text.charCodeAt(19) !== point) return undefined;
  for (let at = 20, unit = 100_000; at < end; at++, unit /= 10) {
    const value = digit(text, at);
    if (!isDigit(value)) return undefined;
    micros += value * unit;
  }
  return { days, micros: (hours * 3600 + minutes * 60 + seconds) * 1e6 + micros };
}
export { dayMicros };
