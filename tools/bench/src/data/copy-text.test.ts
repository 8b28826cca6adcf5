import { parseCopyLine } from './copy-text.js';

test('fields, NULL, empty and escapes', () => {
  expect(parseCopyLine('1\t\\N\t\ta\\tb\\\\N\\n')).toEqual(['1', null, '', 'a\tb\\N\n']);
  expect(parseCopyLine('')).toEqual(['']);
});
