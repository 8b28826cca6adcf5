import type { Column, LogicalType, Row, Value } from '@sluice/connector-sdk';
import { isSluiceError } from '@sluice/connector-sdk';
import fc from 'fast-check';
import { dayNumber, civil } from './copy-calendar.js';
import { copyBinary } from './copy-binary.js';
import { copyText } from './copy-text.js';
import type { Codec } from './codec.js';

const column = (name: string, type: LogicalType, native = type as string): Column => ({
  name,
  type,
  nullable: true,
  native,
});

const pad = (n: number, width = 2): string => String(n).padStart(width, '0');
const date = fc
  .record({
    year: fc.integer({ min: -4000, max: 200_000 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
  })
  .map(
    ({ year, month, day }) =>
      [`${pad(year > 0 ? year : 1 - year, 4)}-${pad(month)}-${pad(day)}`, year > 0 ? '' : ' BC'] as const,
  );
const clock = fc
  .record({
    seconds: fc.integer({ min: 0, max: 86_399 }),
    micros: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999 })),
  })
  .map(({ seconds, micros }) => {
    const whole = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
    return micros === 0 ? whole : `${whole}.${pad(micros, 6).replace(/0+$/, '')}`;
  });
const text = fc.string({ unit: 'binary' }).map((s) => s.replaceAll('\0', '0'));
const infinities = fc.constantFrom('infinity', '-infinity');
const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: max });

const values: Record<LogicalType, fc.Arbitrary<Value>> = {
  boolean: fc.boolean(),
  int16: fc.integer({ min: -32768, max: 32767 }),
  int32: fc.integer(),
  int64: fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
  float32: fc.float().map((f) => Number(nearest(f))),
  float64: fc.double(),
  decimal: fc.oneof(
    fc.tuple(fc.boolean(), digits(30), digits(30)).map(([minus, whole, rest]) => {
      const body = (whole.replace(/^0+/, '') || '0') + (rest ? `.${rest}` : '');
      return minus && /[1-9]/.test(body) ? `-${body}` : body;
    }),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '0', '0.0000', '10000', '0.00010', '99990000.0001'),
  ),
  string: text,
  bytes: fc.uint8Array(),
  date: fc.oneof(
    infinities,
    date.map(([d, era]) => d + era),
  ),
  time: fc.oneof(clock, fc.constant('24:00:00')),
  timestamp: fc.oneof(
    infinities,
    fc.tuple(date, clock).map(([[d, era], c]) => `${d} ${c}${era}`),
  ),
  timestamptz: fc.oneof(
    infinities,
    fc.tuple(date, clock).map(([[d, era], c]) => `${d} ${c}Z${era}`),
  ),
  duration: fc.tuple(fc.constantFrom('', '-'), clock).map(([sign, c]) => (/[1-9]/.test(c) ? sign + c : c)),
  uuid: fc.uuid(),
  json: fc.json(),
};
/** The shortest text of a float32, found without the code under test. */
function nearest(value: number): string {
  for (let p = 1; p <= 9; p++) {
    const short = value.toPrecision(p);
    if (Math.fround(Number(short)) === value) return short;
  }
  return String(value);
}

const types = Object.keys(values) as LogicalType[];
const columns = types.map((type) => column(`c_${type}`, type));
const row = fc.tuple(...types.map((type) => fc.option(values[type]))) as fc.Arbitrary<Value[]>;

const join = (parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);
const encode = (codec: Codec, cols: readonly Column[], rows: readonly Row[]): Buffer => {
  const encoder = codec.encoder(cols);
  return join([encoder.begin(), encoder.rows(rows), encoder.end()]);
};
const decode = (codec: Codec, cols: readonly Column[], chunks: readonly Uint8Array[]): Row[] => {
  const decoder = codec.decoder(cols);
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()];
};
const plain = (rows: readonly Row[]): unknown =>
  rows.map((r) => r.map((v) => (v instanceof Uint8Array ? `bytes ${Buffer.from(v).toString('hex')}` : v)));

describe.each([copyBinary, copyText])('$encoding', (codec) => {
  test('every row of every type survives the round trip', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
        expect(plain(decode(codec, columns, [encode(codec, columns, rows)]))).toEqual(plain(rows));
      }),
      { numRuns: 300 },
    );
  });

  test('chunk edges mean nothing: two chunks at every offset, and single bytes', () => {
    const rows = fc.sample(row, { seed: 7, numRuns: 4 });
    const body = encode(codec, columns, rows);
    for (let at = 0; at <= body.length; at++) {
      expect(plain(decode(codec, columns, [body.subarray(0, at), body.subarray(at)]))).toEqual(plain(rows));
    }
    const single = Array.from(body, (_, i) => body.subarray(i, i + 1));
    expect(plain(decode(codec, columns, single))).toEqual(plain(rows));
  });

  test('a field of many chunks is put together once it is whole', () => {
    const long = 'x'.repeat(3_000_000);
    const body = encode(codec, [column('s', 'string')], [[long]]);
    const chunks = Array.from({ length: Math.ceil(body.length / 1000) }, (_, i) =>
      body.subarray(i * 1000, i * 1000 + 1000),
    );
    expect(decode(codec, [column('s', 'string')], chunks)).toEqual([[long]]);
  });

  test('NULL, the empty string, and words that look like NULL are kept apart; so are all bytes', () => {
    const cols = [column('s', 'string')];
    const every = Array.from({ length: 127 }, (_, i) => [String.fromCharCode(i + 1)]);
    const rows = [[null], [''], ['NULL'], ['\\N'], ['\\.'], ['\\'], ['a\\tb'], ['𝒳\u{10ffff}'], ...every];
    expect(decode(codec, cols, [encode(codec, cols, rows)])).toEqual(rows);
    const bytes = [[Uint8Array.from({ length: 256 }, (_, i) => i)]];
    expect(plain(decode(codec, [column('b', 'bytes')], [encode(codec, [column('b', 'bytes')], bytes)]))).toEqual(
      plain(bytes),
    );
  });

  test('no rows, and rows of no columns', () => {
    expect(decode(codec, columns, [encode(codec, columns, [])])).toEqual([]);
    expect(decode(codec, [], [encode(codec, [], [[], []])])).toEqual([[], []]);
  });

  test.each<[LogicalType, Value]>([
    ['string', 'a\0b'],
    ['string', 'half \ud800 pair'],
    ['json', '"\0"'],
    ['int16', 1.5],
    ['int64', 2 ** 60],
    ['boolean', 1],
    ['decimal', '1e5'],
    ['date', '2020-01-01; DROP'],
    ['timestamptz', '2020-01-01 00:00:00'],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
  ])('%s refuses what it cannot say, and names the column', (type, value) => {
    const encoder = codec.encoder([column('the "column"', type)]);
    let thrown: unknown;
    try {
      encoder.rows([[value]]);
    } catch (error) {
      thrown = error;
    }
    expect(isSluiceError(thrown, 'data')).toBe(true);
    expect((thrown as Error).message).toContain(JSON.stringify('the "column"'));
  });

  test('a body that is cut short is refused wherever it is cut, but between rows of text', () => {
    const body = encode(codec, [column('s', 'string')], [['abc'], ['defg']]);
    for (let at = 0; at < body.length; at++) {
      const cut = (): Row[] => decode(codec, [column('s', 'string')], [body.subarray(0, at)]);
      if (codec === copyText && (at === 0 || body[at - 1] === 0x0a)) continue;
      expect(cut).toThrow(/This body is not/);
    }
  });
});

test('the binary form is PostgreSQL s own, byte for byte', () => {
  const cols = [column('n', 'decimal'), column('d', 'date'), column('t', 'timestamptz')];
  const hex = encode(copyBinary, cols, [['-12345.678', '2000-01-02', '1999-12-31 23:59:59.999999Z']]).toString('hex');
  expect(hex).toBe(
    '5047434f50590aff0d0a00' +
      '00000000' +
      '00000000' +
      '0003' +
      '0000000e' +
      '0003' +
      '0001' +
      '4000' +
      '0003' +
      '0001' +
      '0929' +
      '1a7c' +
      '00000004' +
      '00000001' +
      '00000008' +
      'ffffffffffffffff' +
      'ffff',
  );
});

test('the text form is PostgreSQL s own', () => {
  const cols = [column('b', 'boolean'), column('x', 'bytes'), column('t', 'timestamptz'), column('s', 'string')];
  const made = encode(copyText, cols, [
    [true, Uint8Array.of(0, 255), '0044-03-15 12:00:00Z BC', 'a\tb\\c\nd'],
    [null, null, null, null],
  ]);
  expect(made.toString()).toBe('t\t\\\\x00ff\t0044-03-15 12:00:00+00 BC\ta\\tb\\\\c\\nd\n\\N\t\\N\t\\N\t\\N\n');
});

test('the calendar agrees with itself over all of PostgreSQL s dates, and with JavaScript s where both reach', () => {
  fc.assert(
    fc.property(fc.integer({ min: -2451545, max: 2145031948 }), (days) => {
      const { year, month, day } = civil(days);
      expect(dayNumber(year, month, day)).toBe(days);
      const ms = (days + 10957) * 86_400_000;
      if (Math.abs(ms) > 8.64e15) return;
      const js = new Date(ms);
      expect([js.getUTCFullYear(), js.getUTCMonth() + 1, js.getUTCDate()]).toEqual([year, month, day]);
    }),
    { numRuns: 2000 },
  );
});
