import { answers, greets, plainDial, tinyServer } from '@sluice/connector-kit';
import type { Socket } from 'node:net';
import { isSluiceError } from '@sluice/connector-sdk';
import { type SourceConfig, sourceConfig } from '../src/config.js';
import { openLink } from '../src/link.js';

jest.setTimeout(20_000);
beforeEach(() => void jest.spyOn(console, 'error').mockReturnValue(undefined)); // the driver's, about packets out of order
afterEach(() => jest.restoreAllMocks());

/** As MySQL 8.0.36 greets, with TLS or without. */
const greeting = (tls: boolean, plugin = 'mysql_native_password'): string => {
  const flags = tls ? '\xff\xff' : '\xff\xf7';
  const words = `\x0a8.0.36\0\x01\0\0\x0012345678\0${flags}\xff\x02\0\xdf\xff\x15${'\0'.repeat(10)}123456789012\0${plugin}\0`;
  return `${String.fromCharCode(words.length)}\0\0\0${words}`;
};
const ok = '\x07\0\0\x02\0\0\0\x02\0\0\0';
/** Greets, and answers the login with `words`. */
const then =
  (words: string, tls = false) =>
  (socket: Socket): void => {
    greets(greeting(tls))(socket);
    answers(words)(socket);
  };

/** One second where the end of the time is what is tested, and else enough for a machine that does much besides. */
const patience = (expected: object): { connect_timeout: number } => ({
  connect_timeout: JSON.stringify(expected).includes('within 1 s') ? 1 : 30,
});

async function failure(talk: (socket: Socket) => void, more: Partial<SourceConfig> = {}) {
  await using server = await tinyServer(talk);
  const config = sourceConfig.parse({
    host: '127.0.0.1',
    port: server.port,
    username: 'u',
    password: 'open-sesame',
    connect_timeout: 1,
    ...more,
  });
  const error = await openLink(config, { dial: plainDial }).then(
    () => new Error('it connected'),
    (reason: unknown) => reason,
  );
  expect(isSluiceError(error)).toBe(true);
  const { class: cls, code, message, fix, path } = error as unknown as Record<string, string>;
  expect(message).not.toContain('open-sesame');
  return { class: cls, code, message: message!.replace(`:${server.port}`, ':PORT'), fix, path };
}

const not = (speaker: string) => ({
  class: 'config',
  code: 'not-this-server',
  path: ['port'],
  message: `At 127.0.0.1:PORT answers ${speaker}.`,
  fix: 'Give the host and port of a MySQL server; 3306 is the usual port.',
});
const unreachable = (how: string) => ({
  class: 'transient',
  code: 'unreachable',
  message: `MySQL cannot be reached at 127.0.0.1:PORT (${how}).`,
});

describe.each(['disable', 'prefer', 'require'] as const)('ssl_mode %s', (ssl_mode) => {
  test.each<[string, (socket: Socket) => void, object]>([
    ['an SSH server', greets('SSH-2.0-OpenSSH_9.2\r\n'), not('an SSH server, not MySQL')],
    ['a NATS server', greets('INFO {"server_id":"x"}\r\n'), not('a NATS server, not MySQL')],
    ['PostgreSQL, which waits', answers('N'), not('a PostgreSQL server, not MySQL')],
    ['a web server, which waits', answers('HTTP/1.1 400 Bad Request\r\n\r\n'), not('a web server (HTTP), not MySQL')],
    [
      'random bytes',
      greets('\x80\x81\x82\x83\x84\x85\x86\x87\x88'),
      not('something unknown (its first bytes: 8081828384858687), not MySQL'),
    ],
    [
      'one that says nothing',
      () => undefined,
      unreachable('the connection was taken, but nothing was said within 1 s'),
    ],
    ['one that closes at once', (s) => void s.destroy(), unreachable('it closed the connection without a word')],
    ['one that ends at once', (s) => void s.end(), unreachable('it closed the connection without a word')],
  ])('%s', async (_, talk, expected) => {
    expect(await failure(talk, { ssl_mode })).toMatchObject(expected);
  });
});

const strange = 'something that breaks the protocol of MySQL';
const notAllowed = "Host '10.0.0.7' is not allowed to connect here".padEnd(0x29, '.').slice(0, 0x29);
const stopped = 'the connection was taken, but the server stopped in the middle of its greeting within 1 s';
test.each<[string, (socket: Socket) => void, object]>([
  ['a greeting that ends too soon', greets('\x05\0\0\0\x0a8.0.'), not(strange)],
  ['a greeting of 4 MB', greets('\xff\xff\x3f\0\x0a8.0.36\0'), not('a MySQL server (8.0.36), not MySQL')],
  ['a greeting that stops', greets(greeting(false).slice(0, 20)), unreachable(stopped)],
  ['a packet that is none', then('\x04\0\0\x02\x33\x33\x33\x33'), not(strange)],
  ['more of a login that was never begun', then('\x02\0\0\x02\x01\x04'), not(strange)],
  [
    'an answer of 2 MB',
    then(`\xff\xff\xff\x02${'x'.repeat(2 << 20)}`),
    not('something that says more than a login takes, not MySQL'),
  ],
  ['no answer to the login', greets(greeting(false)), unreachable(stopped)],
  ['no answer to the first statement', then(ok), unreachable(stopped)],
  [
    'an end in the middle',
    (s) => (greets(greeting(false))(s), void s.once('data', () => s.end())),
    { class: 'transient', code: 'connection-lost' },
  ],
  [
    'a way to log in that is not known',
    then('\x0d\0\0\x02\xfegssapi_xyz\0x'),
    { class: 'config', code: 'authentication', path: ['username'] },
  ],
  [
    'too many connections, said at once',
    greets('\x17\0\0\0\xff\x10\x04Too many connections'),
    { class: 'transient', code: 'throttled' },
  ],
  [
    'no entry for this host',
    greets(`\x2c\0\0\0\xff\x6a\x04${notAllowed}`),
    { class: 'config', code: 'permission', path: ['host'] },
  ],
])('in mid handshake: %s', async (_, talk, expected) => {
  expect(await failure(talk, { ssl_mode: 'disable', ...patience(expected) })).toMatchObject(expected);
});

test('garbage in place of TLS', async () => {
  expect(await failure(then('garbage, and no TLS at all', true), { ssl_mode: 'prefer' })).toMatchObject({
    class: 'config',
    code: 'tls',
    path: ['ssl_mode'],
  });
});
