import { isSluiceError } from '@sluice/connector-sdk';
import { MariadbGtids, MysqlGtids } from './gtid-set.js';

const a = '11111111-1111-1111-1111-111111111111';
const b = '22222222-2222-2222-2222-222222222222';

test.each([
  ['', ''],
  [`${a}:1`, `${a}:1`],
  [`${a}:5-7:1-3:4`, `${a}:1-7`],
  [`${b}:1,\n${a}:2:9-10`, `${a}:2:9-10,${b}:1`],
  [`${a}:1-3:tag:4:6-7,${b}:other:1`, `${a}:1-3:tag:4:6-7,${b}:other:1`],
])('%j is %j', (text, canonical) => expect(MysqlGtids.parse(text).toString()).toBe(canonical));

test('transactions join what is there, wherever they belong', () => {
  const set = MysqlGtids.parse(`${a}:1-3`);
  for (const number of [4n, 7n, 5n, 4n]) set.add(a, '', number);
  set.add(b, 'tag', 1n);
  expect(set.toString()).toBe(`${a}:1-5:7,${b}:tag:1`);
  expect([set.has(a, '', 5n), set.has(a, '', 6n), set.has(a, 'tag', 1n), set.has(b, 'tag', 1n)]).toEqual([
    true,
    false,
    false,
    true,
  ]);
});

test('difference and intersection', () => {
  const [left, right] = [MysqlGtids.parse(`${a}:1-10,${b}:1`), MysqlGtids.parse(`${a}:3-4:8-20`)];
  expect(left.minus(right).toString()).toBe(`${a}:1-2:5-7,${b}:1`);
  expect(left.and(right).toString()).toBe(`${a}:3-4:8-10`);
  expect(left.minus(left).empty).toBe(true);
});

test('as the protocol has it', () => {
  const bytes = MysqlGtids.parse(`${a}:1-10`).encode();
  expect(bytes.toString('hex')).toBe(
    `0100000000000000${a.replaceAll('-', '')}0100000000000000${'0100000000000000'}${'0b00000000000000'}`,
  );
});

test('MariaDB: the last of each domain', () => {
  const set = MariadbGtids.parse('1-7-30,0-1-100');
  set.add(0, 2, 101n);
  expect(set.toString()).toBe('0-2-101,1-7-30');
  expect([set.has(0, 101n), set.has(0, 102n), set.has(5, 1n)]).toEqual([true, false, false]);
  expect(set.behind(MariadbGtids.parse('0-1-101,1-7-31,2-1-1'))).toEqual(['1-7-31', '2-1-1']);
});

test.each(['x', `${a}:x-y`, `${a.slice(1)}:1`])('%j is no set', (text) => {
  for (const parse of [MysqlGtids.parse, MariadbGtids.parse]) {
    let error: unknown;
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(isSluiceError(error, 'lost-position')).toBe(true);
  }
});
