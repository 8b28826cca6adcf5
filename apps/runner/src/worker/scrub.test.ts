import { scrubJson, scrubber } from './scrub.js';

const password = 'canary-\u00e4 "9/+';
const key = [
  '-----BEGIN PRIVATE KEY-----',
  'MIICANARYkeyLineOfTheFirst1',
  'MIICANARYkeyLineOfTheSecond',
  '-----END PRIVATE KEY-----',
];
const scrub = scrubber({ password, tls: { key: key.join('\n') } });

describe('[S3] secrets are taken out by value', () => {
  test.each([
    ['as it is', password],
    ['in a URL', encodeURIComponent(password)],
    ['in JSON', JSON.stringify(password)],
    ['in hex', Buffer.from(password).toString('hex')],
    ['in hex, upper case', Buffer.from(password).toString('hex').toUpperCase()],
    ['cut in two by a colour', `${password.slice(0, 5)}\x1b[31m${password.slice(5)}`],
    ['cut in two by a mark of no width', `${password.slice(0, 5)}\u200b${password.slice(5)}`],
    ['one line of a key', key[1]!],
    ['another line of a key', `at ${key[2]!}`],
  ])('%s', (_, text) => {
    const scrubbed = scrub(`before ${text} after`);
    expect(scrubbed).toMatch(/^before .*\*\*\*.* after$/);
    expect(scrubbed).not.toContain(text);
  });

  test.each(['', 'u', 'us', 'user', 'user:'])('in base64, after %j', (lead) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${lead}canary-7f3a9-Zq@host`).toString(encoding);
      const left = scrubber({ password: 'canary-7f3a9-Zq' })(text).split('***');
      expect(left).toHaveLength(2);
      const shown = left.map((part) => Buffer.from(part, 'base64').toString('latin1')).join('');
      expect(shown).not.toContain('anary');
    }
  });

  test('inside values, and innocent text stays', () => {
    expect(scrubJson(scrub, { a: [password], n: 1, s: 'x\n\ty' })).toEqual({ a: ['***'], n: 1, s: 'x\n\ty' });
    expect(scrubber({ password: 'abc' })('abc, PRIVATE KEY')).toBe('abc, PRIVATE KEY');
  });
});

describe('[R6] what a server writes', () => {
  test('cannot steer a terminal or turn the direction of a line', () => {
    expect(scrub('a\x1b[31;1mb\x1b]0;title\x07c\x9b2Jd\u202ee\rf\0g\x7f')).toBe('abc2Jdefg');
  });
  test('is cut', () => {
    expect(scrub('x'.repeat(5_000_000))).toHaveLength(8 * 1024 + 3);
  });
});
