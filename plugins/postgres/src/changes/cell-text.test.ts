/** Texts that a test server does not make by itself: other locales, limits, arrays of every nesting. */
import { type LogicalType, type Value } from '@sluice/connector-sdk';
import fc from 'fast-check';
import { type Elements, arrayAsJson } from './array-text.js';
import { cellReader } from './cell-text.js';

const read = (native: string, type: LogicalType, shown: string, moneyScale = 2): Value => {
  const bytes = Buffer.from(`xx${shown}yy`);
  const reader = cellReader('public.t', { name: 'c', type, native, nullable: true }, { moneyScale, delimiter: ',' });
  return reader(bytes, 2, bytes.length - 4);
};

test.each([
  ['$1,234.50', 2, '1234.50'],
  ['-$0.05', 2, '-0.05'],
  ['($1.00)', 2, '-1.00'],
  ['1.234,50 €', 2, '1234.50'],
  ['−1 234,50 kr', 2, '-1234.50'],
  ['-¥1,234', 0, '-1234'],
  ['$0.00', 2, '0.00'],
  ['-$92,233,720,368,547,758.08', 2, '-92233720368547758.08'],
  ['1.234,567 د', 3, '1234.567'],
])('money %s with %i digits is %s', (shown, scale, value) =>
  expect(read('money', 'decimal', shown, scale)).toBe(value),
);

test('integers of every size', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
      const expected = Number.isSafeInteger(Number(value)) ? Number(value) : value;
      expect(read('bigint', 'int64', String(value))).toBe(expected);
    }),
  );
  for (const value of [0, -1, 9, 2 ** 53 - 1, -(2 ** 53 - 1), 10 ** 15, 999_999_999_999_999, -99_999_999_999_999])
    expect(read('bigint', 'int64', String(value))).toBe(value);
});

test.each([
  ['::1', '::1/128'],
  ['10.0.0.1', '10.0.0.1/32'],
  ['10.0.0.0/8', '10.0.0.0/8'],
])('inet %s is %s, as its cast to text has it', (shown, value) => expect(read('inet', 'string', shown)).toBe(value));

const quoted = { elements: 'quoted', delimiter: ',' } as const;
/** As array_out writes it: every element quoted, or NULL. */
const arrayText = (value: readonly unknown[]): string =>
  `{${value.map((one) => (Array.isArray(one) ? arrayText(one) : one === null ? 'NULL' : `"${String(one).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;

test('an array of texts, nested or not, is the JSON of those texts', () => {
  const element = fc.option(fc.string({ unit: 'binary' }).filter((text) => !/\p{Surrogate}/u.test(text)));
  const flat = fc.array(element, { minLength: 1, maxLength: 4 });
  const deep = fc.array(fc.array(flat, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.oneof(flat, deep), (value) =>
      expect(arrayAsJson(arrayText(value), quoted)).toBe(JSON.stringify(value)),
    ),
  );
});

test.each<[string, Elements, string | undefined, string?]>([
  ['{}', 'direct', '[]'],
  ['{1,NULL,-2.50,1e+300,NaN,Infinity,-0}', 'direct', '[1,null,-2.50,1e+300,"NaN","Infinity",-0]'],
  ['{t,f,NULL}', 'direct', '[true,false,null]'],
  ['{"{\\"a\\": [1, \\"]\\"]}",NULL}', 'documents', '[{"a": [1, "]"]},null]'],
  ['{null}', 'documents', undefined],
  ['{{1}}', 'documents', undefined],
  ['{{{{1}}}}', 'direct', undefined],
  ['[2:3]={1,2}', 'direct', undefined],
  ['{(1,1),(0,0);(2,2),(1,1)}', 'quoted', '["(1,1),(0,0)","(2,2),(1,1)"]', ';'],
])('%s as %s is %s', (text, elements, json, delimiter = ',') =>
  expect(arrayAsJson(text, { elements, delimiter })).toBe(json),
);

test('a torn array is an error, not half of one', () => {
  for (const text of ['{', '{1', '{1,', '{{1}', '{"a', '{"a\\'])
    expect(() => arrayAsJson(text, quoted)).toThrow(RangeError);
});
