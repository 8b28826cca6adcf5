import fc from 'fast-check';
import { log, tuple } from '../../test/log-messages.js';
import { parseLsn, lsnText } from './lsn.js';
import { decodeMessage } from './pgoutput.js';

const decode = (bytes: Buffer, streamed = false, parallel = false) =>
  decodeMessage(bytes, 0, bytes.length, { streamed, parallel });

const columns = [
  { name: 'id', type: 23, identity: true },
  { name: 'größe', type: 1700, modifier: 786438 },
];
/** Name, bytes, whether inside a streamed block, whether `parallel`, and what it says. */
const cases: [string, Buffer, boolean, boolean, object][] = [
  ['begin', log.begin(7, 0x16b374d848n), false, false, { kind: 'begin', lsn: 0x16b374d848n, time: 0n, xid: 7 }],
  ['commit', log.commit(1n, 2n), false, false, { kind: 'commit', lsn: 1n, end: 2n, time: 0n }],
  ['origin', log.origin(3n, 'other'), false, false, { kind: 'origin', lsn: 3n, name: 'other' }],
  [
    'relation',
    log.relation(9, ['public', 'ta"b'], columns, 'f'),
    false,
    false,
    {
      kind: 'relation',
      xid: undefined,
      id: 9,
      schema: 'public',
      name: 'ta"b',
      identity: 'f',
      columns: [
        { name: 'id', type: 23, identity: true, modifier: -1 },
        { name: 'größe', type: 1700, identity: false, modifier: 786438 },
      ],
    },
  ],
  [
    'type',
    log.type(4294967295, 's', 'mood', 3),
    true,
    false,
    { kind: 'type', xid: 3, id: 4294967295, schema: 's', name: 'mood' },
  ],
  ['insert', log.insert(9, ['1', null, 'é']), false, false, { kind: 'insert', xid: undefined, relation: 9, after: 6 }],
  ['insert, streamed', log.insert(9, ['1'], 4), true, false, { kind: 'insert', xid: 4, relation: 9, after: 10 }],
  ['update', log.update(9, ['1', undefined]), false, false, { kind: 'update', relation: 9, whole: false, after: 6 }],
  [
    'update of a key',
    log.update(9, ['2', undefined], tuple('K', ['1', null])),
    false,
    false,
    { kind: 'update', relation: 9, before: 6, whole: false, after: 6 + 2 + 6 + 1 + 1 },
  ],
  [
    'update with the old row',
    log.update(9, ['2'], tuple('O', ['1'])),
    false,
    false,
    { kind: 'update', before: 6, whole: true, after: 15 },
  ],
  [
    'delete by key',
    log.delete(9, tuple('K', ['1'])),
    false,
    false,
    { kind: 'delete', relation: 9, before: 6, whole: false },
  ],
  ['delete', log.delete(9, tuple('O', ['1'])), false, false, { kind: 'delete', relation: 9, before: 6, whole: true }],
  [
    'truncate',
    log.truncate([9, 10], 3),
    false,
    false,
    { kind: 'truncate', relations: [9, 10], cascade: true, restartIdentity: true },
  ],
  [
    'message',
    log.message('p', 'abc', true),
    false,
    false,
    { kind: 'message', transactional: true, lsn: 5n, prefix: 'p', content: Buffer.from('abc') },
  ],
  ['stream start', log.streamStart(8, false), false, false, { kind: 'stream-start', xid: 8, first: false }],
  ['stream stop', log.streamStop(), true, false, { kind: 'stream-stop' }],
  ['stream commit', log.streamCommit(8, 1n, 2n), false, false, { kind: 'stream-commit', xid: 8, lsn: 1n, end: 2n }],
  ['stream abort', log.streamAbort(8, 9), false, false, { kind: 'stream-abort', xid: 8, subxid: 9 }],
  ['stream abort, parallel', log.streamAbortAt(8, 9), false, true, { kind: 'stream-abort', xid: 8, subxid: 9 }],
];

test.each(cases)('%s', (_, bytes, streamed, parallel, expected) => {
  expect(decode(bytes, streamed, parallel)).toMatchObject(expected);
  const around = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yyyy')]);
  expect(decodeMessage(around, 2, 2 + bytes.length, { streamed, parallel }).kind).toBe(
    decode(bytes, streamed, parallel).kind,
  );
});

test.each(cases)('%s, cut short at every byte or followed by one more, is refused', (_, bytes, streamed, parallel) => {
  const options = { streamed, parallel };
  for (let end = 0; end < bytes.length; end++) {
    expect(() => decodeMessage(bytes.subarray(0, end), 0, end, options)).toThrow(
      /not in the form that PostgreSQL sends/,
    );
    expect(() => decodeMessage(bytes, 0, end, options)).toThrow(/not in the form/); // the rest is there, and is not its own
  }
  expect(() => decode(Buffer.concat([bytes, Buffer.from([0])]), streamed, parallel)).toThrow(/not in the form/);
});

test.each(['b', 'P', 'K', 'r', 'p'])('two-phase message %s is refused as what it is', (letter) => {
  expect(() => decode(Buffer.from(`${letter}abc`))).toThrow(/two_phase/);
});

test.each([
  ['an unknown letter', Buffer.from('z')],
  ['a cell of an unknown kind', Buffer.from('I\0\0\0\x09N\0\x01x', 'latin1')],
  ['a cell of negative length', Buffer.from('I\0\0\0\x09N\0\x01t\xff\xff\xff\xff', 'latin1')],
  ['more cells than there are', Buffer.from('I\0\0\0\x09N\xff\xffn', 'latin1')],
  ['an update without its row', Buffer.from('U\0\0\0\x09K\0\0', 'latin1')],
  ['an unknown replica identity', log.relation(1, ['a', 'b'], [], 'x')],
  ['a commit with flags', Buffer.from(log.commit(1n, 2n)).fill(1, 1, 2)],
  ['a block inside another', log.streamStart(1)],
  ['the end of a block that was not begun', log.streamStop()],
])('%s is refused', (what, bytes) => {
  expect(() => decode(bytes, what === 'a block inside another')).toThrow(/not in the form/);
});

test('bytes of any kind are decoded or refused, and never read beyond their end', () => {
  const letters = fc.constantFrom(...'BCORYIUDTMSEcA'.split('')).map((letter) => Buffer.from(letter));
  const bodies = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(letters, bodies, fc.boolean(), (letter, body, streamed) => {
      const bytes = Buffer.concat([letter, body]);
      try {
        const message = decode(bytes, streamed);
        if ('after' in message) expect(message.after).toBeLessThan(bytes.length);
      } catch (error) {
        expect(error).toMatchObject({ class: 'transient', code: 'postgres.malformed-message' });
      }
    }),
    { numRuns: 5000 },
  );
});

test('positions are written and read as PostgreSQL writes them', () => {
  expect(lsnText(0x16b374d848n)).toBe('16/B374D848');
  expect(lsnText(0n)).toBe('0/0');
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (lsn) => expect(parseLsn(lsnText(lsn))).toBe(lsn)));
  for (const text of ['', '1', '/', '1/', '1/g', '123456789/0', 5, undefined]) expect(parseLsn(text)).toBeUndefined();
});
