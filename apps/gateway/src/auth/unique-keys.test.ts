import { hasUniqueKeys } from './unique-keys.js';

test.each([
  ['{}', true],
  ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}', true],
  ['{"a":"b","b":"a"}', true],
  ['{"a":1,"a":1}', false],
  ['{"a":1,"\\u0061":1}', false],
  ['{"x":[{"a":1,"a":2}]}', false],
  ['{"a\\"":1,"a":":{\\"a\\":1}"}', true],
  ['["a","a"]', true],
])('%s: %s', (text, unique) => expect(hasUniqueKeys(text)).toBe(unique));
