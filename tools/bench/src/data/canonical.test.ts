import fc from 'fast-check';
import { canonicalField, canonicalSum, difference, type Kind, type TextRow } from './canonical.js';

const kinds: readonly Kind[] = ['integer', 'float', 'text', 'date'];
const rows: readonly TextRow[] = [
  ['1', '0.1', 'one', '2024-01-01'],
  ['2', '1e-7', 'two', '2024-01-02'],
  ['3', null, '', null],
];
const sum = (all: readonly TextRow[]) => {
  const canonical = canonicalSum(kinds);
  for (const row of all) canonical.add(row);
  return canonical.result();
};

test('order does not matter, spelling of a number does not matter', () => {
  const other: TextRow[] = [
    ['3', null, '', null],
    ['2', '0.0000001', 'two', '2024-01-02'],
    ['1', '1.0e-1', 'one', '2024-01-01'],
  ];
  expect(difference(sum(rows), sum(other))).toBeUndefined();
});

test.each<[string, TextRow[]]>([
  ['a row is missing', [...rows.slice(1)]],
  ['a row is there twice', [...rows, rows[0] ?? []]],
  ['one twice and another missing', [rows[0] ?? [], rows[0] ?? [], rows[2] ?? []]],
  ['two values are swapped', [['1', '0.1', 'two', '2024-01-01'], ['2', '1e-7', 'one', '2024-01-02'], rows[2] ?? []]],
  ['the last digit of a float', [['1', '0.10000000000000002', 'one', '2024-01-01'], ...rows.slice(1)]],
  ['NULL for empty', [...rows.slice(0, 2), ['3', null, null, null]]],
  ['a changed day', [['1', '0.1', 'one', '2024-01-02'], ...rows.slice(1)]],
])('a difference is found: %s', (_, changed) => expect(difference(sum(rows), sum(changed))).toBeDefined());

test('floats', () => {
  expect(['-0', '0.0', '1E3', 'NaN', '-Infinity', '5e-324'].map((text) => canonicalField('float', text))).toEqual([
    '0',
    '0',
    '1000',
    'NaN',
    '-Infinity',
    '5e-324',
  ]);
});

test('two texts never share a canonical row', () => {
  const text = fc.oneof(fc.constant(null), fc.string({ unit: fc.constantFrom('\\', '\t', 'N', 't', 'a') }));
  const join = (row: readonly (string | null)[]) => row.map((value) => canonicalField('text', value)).join('\t');
  fc.assert(
    fc.property(fc.tuple(text, text), fc.tuple(text, text), (left, right) => {
      expect(join(left) === join(right)).toBe(JSON.stringify(left) === JSON.stringify(right));
    }),
  );
});
