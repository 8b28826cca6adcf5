import { type Column, type LogicalType, type Row, type Value, isSluiceError } from '@sluice/connector-sdk';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { csv1 } from './csv-1.js';

const column = (type: LogicalType, name: string = type): Column => ({ name, type, nullable: true, native: type });
const encode = (columns: readonly Column[], rows: readonly Row[]): Buffer =>
  Buffer.from(csv1.encoder(columns).rows(rows));
function decode(columns: readonly Column[], chunks: readonly Uint8Array[]): Row[] {
  const decoder = csv1.decoder(columns);
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()];
}

test.each<[LogicalType, Value, string]>([
  ['boolean', true, '"1"'],
  ['boolean', false, '"0"'],
  ['int16', -32768, '"-32768"'],
  ['int64', 9007199254740991, '"9007199254740991"'],
  ['int64', 9223372036854775807n, '"9223372036854775807"'],
  ['int64', -9223372036854775808n, '"-9223372036854775808"'],
  ['float64', 0.1, '"0.1"'],
  ['float64', 5e-324, '"5e-324"'],
  ['float64', 1.7976931348623157e308, '"1.7976931348623157e+308"'],
  ['float64', -0, '"-0"'],
  ['decimal', '-12345678901234567890123456789012345.0100', '"-12345678901234567890123456789012345.0100"'],
  ['string', '', '""'],
  ['string', 'NULL', '"NULL"'],
  ['string', '\\N', '"\\N"'],
  ['string', 'a,"b"\n\r\t\0\\', '"a,""b""\n\r\t\0\\"'],
  ['string', '\u{1F600}é', '"\u{1F600}é"'],
  ['bytes', Buffer.from([0, 0xde, 0xad, 255]), '"00deadff"'],
  ['bytes', Buffer.alloc(0), '""'],
  ['date', '12024-02-29', '"12024-02-29"'],
  ['time', '24:00:00', '"24:00:00"'],
  ['timestamp', '2024-02-29 23:59:59.000001', '"2024-02-29 23:59:59.000001"'],
  ['timestamptz', '2024-02-29 23:59:59.5Z', '"2024-02-29 23:59:59.5"'],
  ['duration', '-838:59:59', '"-838:59:59"'],
  ['uuid', '0b0e3a5e-6c1f-4a7e-9a52-8f7f1f9c0d11', '"0b0e3a5e-6c1f-4a7e-9a52-8f7f1f9c0d11"'],
  ['json', '{"a":12345678901234567890}', '"{""a"":12345678901234567890}"'],
  ['string', null, 'NULL'],
])('%s %p is %s, and comes back', (type, value, text) => {
  const bytes = encode([column(type)], [[value]]);
  expect(bytes.toString('utf8')).toBe(`${text}\n`);
  expect(decode([column(type)], [bytes])).toEqual([[value]]);
});

test.each<[LogicalType, Value]>([
  ['float64', NaN],
  ['float32', Infinity],
  ['decimal', 'NaN'],
  ['decimal', '-Infinity'],
  ['date', '0044-03-15 BC'],
  ['date', 'infinity'],
  ['timestamp', '-infinity'],
  ['timestamptz', '0044-03-15 12:00:00Z BC'],
  ['string', 'a\ud800'],
  ['string', undefined],
])('%s %p cannot be said: a DataError that names the column', (type, value) => {
  const attempt = (): unknown => csv1.encoder([column(type, 'the column')]).rows([[value]]);
  expect(attempt).toThrow(/"the column"/);
  try {
    attempt();
  } catch (error) {
    expect(isSluiceError(error, 'data')).toBe(true);
  }
});

test('a fraction with trailing zeros has one spelling in rows', () => {
  const columns = [column('timestamp'), column('timestamptz'), column('time')];
  const body = Buffer.from('"2024-01-01 10:00:00.500000","2024-01-01 10:00:00.000000","10:20:30"\n');
  expect(decode(columns, [body])).toEqual([['2024-01-01 10:00:00.5', '2024-01-01 10:00:00Z', '10:20:30']]);
});

test.each(['"a"', '"a","b"\n', 'x\n', 'NUL', '"a', '"a"x\n', 'NULLx\n', '"a"\n"b'])(
  '%j is refused as one string column',
  (text) => {
    expect(() => decode([column('string')], [Buffer.from(text)])).toThrow(/not a csv\/1 body/);
  },
);

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', ',', '\n', '\r', '\\', 'N', 'NULL', '\0', '\t'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});
const rows = fc.array(
  fc.tuple(
    fc.option(text),
    fc.option(
      fc
        .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
        .map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
    ),
    fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
  ),
  { maxLength: 6 },
);
const columns = [column('string'), column('int64'), column('float64'), column('bytes')];

test('every row survives, whatever the chunk size', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 64 }), (some, size) => {
      const body = encode(columns, some);
      const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
        body.subarray(i * size, (i + 1) * size),
      );
      expect(decode(columns, chunks)).toEqual(some);
    }),
  );
});

test('every row survives, cut once at every offset', () => {
  const some = fc.sample(rows, { numRuns: 20, seed: 7 }).flat();
  const body = encode(columns, some);
  for (let at = 0; at <= body.length; at++) {
    const cut = [body.subarray(0, at), body.subarray(at)];
    if (!isDeepStrictEqual(decode(columns, cut), some)) throw new Error(`a cut at byte ${at} changes the rows`);
  }
});

test('every byte of a bytes value and every one-byte character survives', () => {
  const all = Array.from({ length: 256 }, (_, byte): Row => [String.fromCodePoint(byte), 0, 0, Buffer.from([byte])]);
  expect(decode(columns, [encode(columns, all)])).toEqual(all);
});
