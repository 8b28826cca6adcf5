import { answers, greets, plainDial, tinyServer } from '@sluice/connector-kit';
import { isSluiceError } from '@sluice/connector-sdk';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { certificate, key } from '../test/certificate.js';
import { type SourceConfig, sourceConfig } from './config.js';
import { connect } from './connect.js';

jest.setTimeout(20_000);

const login = 'R\0\0\0\x08\0\0\0\0';
const ready = 'Z\0\0\0\x05I';

/** As MySQL 8.0.36 greets. */
const mysqlGreeting =
  '\x4a\0\0\0\x0a8.0.36\0\x01\0\0\x0012345678\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\x00123456789012\0mysql_native_password\0';

/** One second where the end of the time is what is tested, and else enough for a machine that does much besides. */
const patience = (expected: object): { connect_timeout: number } => ({
  connect_timeout: JSON.stringify(expected).includes('within 1 s') ? 1 : 30,
});

async function failure(talk: (socket: Socket) => void, more: Partial<SourceConfig> = {}) {
  await using server = await tinyServer(talk);
  const config = sourceConfig.parse({
    host: '127.0.0.1',
    port: server.port,
    database: 'd',
    username: 'u',
    password: 'open-sesame',
    connect_timeout: 30,
    ...more,
  });
  const error = await connect(config, { dial: plainDial }).then(
    () => new Error('it connected'),
    (reason: unknown) => reason,
  );
  expect(isSluiceError(error)).toBe(true);
  expect((error as Error).message).not.toContain('open-sesame');
  const { class: cls, code, message, fix, path } = error as unknown as Record<string, string>;
  return { class: cls, code, message: message!.replace(`:${server.port}`, ':PORT'), fix, path };
}

const not = (speaker: string) => ({
  class: 'config',
  code: 'not-this-server',
  path: ['port'],
  message: `At 127.0.0.1:PORT answers ${speaker}.`,
  fix: 'Give the host and port of a PostgreSQL server; 5432 is the usual port.',
});
const unreachable = (how: string) => ({
  class: 'transient',
  code: 'unreachable',
  message: `PostgreSQL cannot be reached at 127.0.0.1:PORT (${how}).`,
});

describe.each(['disable', 'prefer', 'require'] as const)('ssl_mode %s', (ssl_mode) => {
  test.each<[string, (socket: Socket) => void, object]>([
    ['an SSH server', greets('SSH-2.0-OpenSSH_9.2\r\n'), not('an SSH server, not PostgreSQL')],
    ['a NATS server', greets('INFO {"server_id":"x"}\r\n'), not('a NATS server, not PostgreSQL')],
    ['MySQL', greets(mysqlGreeting), not('a MySQL server (8.0.36), not PostgreSQL')],
    ['a web server', answers('HTTP/1.1 400 Bad Request\r\n\r\n'), not('a web server (HTTP), not PostgreSQL')],
    [
      'a web server that hangs up',
      (s) => void s.once('data', () => s.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      not('a web server (HTTP), not PostgreSQL'),
    ],
    [
      'a TLS server',
      answers('\x15\x03\x01\0\x02\x02\x46'),
      not('a server that speaks TLS from the start (HTTPS?), not PostgreSQL'),
    ],
    [
      'random bytes',
      answers('\x80\x81\x82\x83\x84\x85\x86\x87\x88'),
      not('something unknown (its first bytes: 8081828384858687), not PostgreSQL'),
    ],
    [
      'one that says nothing',
      () => undefined,
      unreachable('the connection was taken, but nothing was said within 1 s'),
    ],
    ['one that closes at once', (s) => void s.destroy(), unreachable('it closed the connection without a word')],
    [
      'one that closes when asked',
      (s) => void s.once('data', () => s.end()),
      unreachable('it closed the connection without a word'),
    ],
  ])('%s', async (_, talk, expected) => {
    expect(await failure(talk, { ssl_mode, ...patience(expected) })).toMatchObject(expected);
  });
});

const strange = 'something that breaks the protocol of PostgreSQL';
test.each<[string, (socket: Socket) => void, object]>([
  ['a letter that is none', answers(`${login}\x01\0\0\0\x04`), not(strange)],
  ['a message that ends too soon', answers('R\0\0\0\x08\0\0\0\x0a'), not(strange)],
  ['an error that ends too soon', answers('E\0\0\0\x05X'), not(strange)],
  ['a row that nobody asked for, cut short', answers(`${login}D\0\0\0\x06\x7f\xff`), not(strange)],
  [
    'a first message of 2 GB',
    answers('R\x7f\xff\xff\xff'),
    not('something unknown (its first bytes: 527fffffff), not PostgreSQL'),
  ],
  [
    'a login of 2 MB',
    answers(`${login}S\x7f\xff\xff\xff${'x'.repeat(2 << 20)}`),
    not('something that says more than a login takes, not PostgreSQL'),
  ],
  [
    'one that stops after the login',
    answers(login),
    unreachable('the connection was taken, but the server stopped in the middle of its greeting within 1 s'),
  ],
  [
    'one that lets us in and answers nothing',
    answers(login + ready),
    unreachable('the connection was taken, but the server stopped in the middle of its greeting within 1 s'),
  ],
  ['garbage as an answer to the first statement', answers(login + ready, '\x01\0\0\0\x04'), not(strange)],
  [
    'a way to log in that is not known',
    answers('R\0\0\0\x08\0\0\0\x07'),
    { class: 'config', code: 'authentication', path: ['username'], message: expect.stringContaining('request 7') },
  ],
  [
    'one that hangs up during the login',
    (s) => void s.once('data', () => s.end('R\0\0\0\x0c\0\0\0\x05abcd')),
    { class: 'transient', code: 'connection-lost' },
  ],
])('in mid handshake: %s', async (_, talk, expected) => {
  expect(await failure(talk, { ssl_mode: 'disable', ...patience(expected) })).toMatchObject(expected);
});

test('[R5] the same garbage under TLS ends in the same words, and not the process', async () => {
  const talk = (socket: Socket): void =>
    void socket.once('data', () => {
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, key, cert: certificate });
      secure.on('error', () => undefined);
      answers('E\0\0\0\x05X')(secure);
    });
  expect(await failure(talk, { ssl_mode: 'prefer' })).toMatchObject(not(strange));
});

test('bytes that come with the answer about TLS are refused: they came in clear', async () => {
  expect(await failure(answers(`S${login}`), { ssl_mode: 'require' })).toMatchObject({ code: 'not-this-server' });
});
