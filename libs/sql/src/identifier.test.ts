import { identifierQuoter } from './identifier.js';

const postgres = identifierQuoter({ quote: '"', limit: { bytes: 63 }, system: 'PostgreSQL' });
const mysql = identifierQuoter({ quote: '`', limit: { characters: 64 }, system: 'MySQL' });

test.each([
  [postgres('orders'), '"orders"'],
  [postgres('public', 'a.b'), '"public"."a.b"'],
  [postgres('x"; DROP TABLE y; --'), '"x""; DROP TABLE y; --"'],
  [mysql('a`b', 'c"d'), '`a``b`.`c"d`'],
  [mysql('𝒳'.repeat(64)), '`' + '𝒳'.repeat(64) + '`'],
])('%s', (made, wanted) => expect(made).toBe(wanted));

test.each([
  [() => postgres('é'.repeat(32)), /64 bytes; PostgreSQL keeps 63/],
  [() => mysql('x'.repeat(65)), /65 characters; MySQL keeps 64/],
  [() => postgres('public', ''), /empty name/],
  [() => mysql('a\0b'), /zero byte/],
])('a name that cannot be held is refused, not cut', (make, message) => expect(make).toThrow(message));
