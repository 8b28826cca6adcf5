import type { LogicalType, Value } from '@sluice/connector-sdk';
import { random, randomValue } from './generate.js';
import { canonical, logicalTypes, malformed, recast, sameRows, typeCase } from './values.js';

test.each(logicalTypes)('the cases of %s are of its form, differ from each other, and have NULL among them', (type) => {
  const { values } = typeCase(type);
  expect(values.filter(({ value }) => malformed(type, value) !== undefined)).toEqual([]);
  expect(new Set(values.map(({ value }) => canonical(type, value))).size).toBe(values.length);
  expect(values.map(({ value }) => value)).toContain(null);
});

test.each(logicalTypes)('random values of %s are of its form, and the same for the same seed', (type) => {
  const make = (seed: number) => {
    const next = random(seed);
    return Array.from({ length: 300 }, () => randomValue(type, next));
  };
  expect(make(5).flatMap((value) => malformed(type, value) ?? [])).toEqual([]);
  expect(make(5)).toEqual(make(5));
  if (type !== 'boolean') expect(make(5)).not.toEqual(make(6));
});

test('random float32 values are the shortest text of themselves', () => {
  const next = random(1);
  for (let i = 0; i < 500; i++) {
    const value = randomValue('float32', next) as number | null;
    if (value !== null) expect(Number(Math.fround(value).toPrecision(6))).toBe(value);
  }
});

test.each<[LogicalType, Value]>([
  ['int64', 5n],
  ['int64', 2 ** 53],
  ['int16', 1.5],
  ['int32', 2 ** 40],
  ['decimal', 1.5],
  ['decimal', '1e5'],
  ['decimal', '007'],
  ['date', '2024-1-1'],
  ['timestamp', '2024-01-01T00:00:00'],
  ['timestamptz', '2024-01-01 00:00:00+01'],
  ['timestamptz', '2024-01-01 00:00:00'],
  ['time', '1:00:00'],
  ['duration', '1:00'],
  ['uuid', '018F4E2A-7C3B-7D21-9A55-0123456789AB'],
  ['json', '{'],
  ['string', '\ud800'],
  ['bytes', 'ff'],
  ['boolean', 1],
])('%s has no form %p', (type, value) => expect(malformed(type, value)).toBeDefined());

test.each<[LogicalType, Value, Value, boolean]>([
  ['decimal', '1.50', '1.5', true],
  ['decimal', '10', '1', false],
  ['decimal', '100', '1', false],
  ['time', '12:00:00.500000', '12:00:00.5', true],
  ['time', '12:00:00.000000', '12:00:00', true],
  ['time', '12:00:10', '12:00:1', false],
  ['timestamp', '2024-01-01 12:00:00.120 BC', '2024-01-01 12:00:00.12 BC', true],
  ['timestamptz', '2024-01-01 12:00:00.0Z', '2024-01-01 12:00:00Z', true],
  ['timestamptz', '2024-01-01 12:00:00Z', '2024-01-01 12:00:00', false],
  ['json', '{ "a" : [1, 2] }', '{"a":[1,2]}', true],
  ['json', '"a b"', '"ab"', false],
  ['json', '"\\" x"', '"\\"x"', false],
  ['int64', 5, 5n, true],
  ['int64', 9007199254740993n, 9007199254740992n, false],
  ['float64', 0, -0, false],
  ['float64', NaN, NaN, true],
  ['string', '', null, false],
  ['string', 'NULL', null, false],
  ['string', '5', 5, false],
  ['bytes', Uint8Array.of(1), Uint8Array.of(1, 0), false],
])('%s: %p and %p are equal: %p', (type, a, b, equal) => expect(canonical(type, a) === canonical(type, b)).toBe(equal));

test('rows are compared as multisets, and the message counts both sides', () => {
  const compare = () => sameRows([[1], [2], [2]], [[1], [1], [2]], ['int32'], 'rows');
  expect(compare).toThrow('rows: of 3 rows 1 missing, e.g. [number 1]; 1 too many, e.g. [number 2]');
  expect(() => sameRows([[2], [1]], [[1], [2]], ['int32'], 'rows')).not.toThrow();
});

test.each<[Value, LogicalType, LogicalType, Value]>([
  [true, 'boolean', 'int16', 1],
  [7, 'int32', 'decimal', '7'],
  ['2024-01-01 00:00:00Z', 'timestamptz', 'timestamp', '2024-01-01 00:00:00'],
  [null, 'boolean', 'int16', null],
])('%p of %s is held by %s as %p', (value, from, to, held) => expect(recast(value, from, to)).toBe(held));
