import { quoteBytes, quoteName, quotePath, quoteText } from './quote.js';

test.each([
  ['plain', '`plain`'],
  ['a`b', '`a``b`'],
  ['`; DROP TABLE x; --', '```; DROP TABLE x; --`'],
  ['\'"\\', '`\'"\\`'],
  ['é'.repeat(64), `\`${'é'.repeat(64)}\``],
  ['__proto__', '`__proto__`'],
])('%s is quoted %s', (name, quoted) => expect(quoteName(name)).toBe(quoted));

test.each(['', 'a\0b', 'ends ', 'ends\n', 'x'.repeat(65)])('%j is refused as a name', (name) => {
  expect(() => quoteName(name)).toThrow(expect.objectContaining({ class: 'config', code: 'target-mismatch' }) as Error);
});

test('values hold no quote and no backslash, whatever they are', () => {
  expect(quoteText(`'; DROP TABLE x; -- \\`)).toBe("_utf8mb4 X'273b2044524f50205441424c4520783b202d2d205c'");
  expect(quoteText('')).toBe("_utf8mb4 ''");
  expect(quoteBytes(new Uint8Array([0, 39, 255]).subarray(1))).toBe("X'27ff'");
  expect(quotePath(['a.b', 'c'])).toBe('`a.b`.`c`');
});
