import fc from 'fast-check';
import { parsePath, streamId } from './path.js';

test.each([
  [['public', 'orders'], 'public.orders'],
  [['a.b', 'c'], '"a.b".c'],
  [['say "hi"', 'x'], '"say ""hi""".x'],
  [['.'], '"."'],
])('%j is written %s', (path, id) => {
  expect(streamId(path)).toBe(id);
  expect(parsePath(id)).toEqual(path);
});

test('every path survives the round trip, and no two paths share an id', () => {
  const paths = fc.array(fc.string({ minLength: 1, unit: 'binary' }), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(paths, (path) => expect(parsePath(streamId(path))).toEqual(path)));
});

test.each(['', 'a.', '.a', 'a..b', '"a', '"a"b', 'a"b', '""'])('%j is refused', (text) => {
  expect(() => parsePath(text)).toThrow(RangeError);
});
