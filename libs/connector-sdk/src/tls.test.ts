import { type TlsMode, tlsAsChosen, tlsChecks, tlsFindings, tlsModeOf, tlsModes } from './tls.js';

const elsewhere = 'db.example';

test.each([
  ['localhost', 'prefer'],
  ['LOCALHOST', 'prefer'],
  ['127.0.0.1', 'prefer'],
  ['127.8.8.8', 'prefer'],
  ['::1', 'prefer'],
  [elsewhere, 'verify-full'],
  ['10.0.0.5', 'verify-full'],
  ['192.168.1.1', 'verify-full'],
  ['127.0.0.1.example', 'verify-full'],
  ['localhost.example', 'verify-full'],
  ['x.localhost', 'verify-full'],
  ['::ffff:10.0.0.1', 'verify-full'],
])('[R4] %s without a mode is reached by %s', (host, mode) => expect(tlsModeOf({ host })).toBe(mode));

test.each(tlsModes)('[R4] mode %s is kept when it is chosen', (ssl_mode) => {
  expect(tlsModeOf({ host: 'localhost', ssl_mode })).toBe(ssl_mode);
  expect(tlsModeOf({ host: elsewhere, ssl_mode })).toBe(ssl_mode);
});

test.each<[TlsMode, string | undefined, boolean, boolean]>([
  ['disable', 'pem', false, false],
  ['allow', 'pem', false, false],
  ['prefer', 'pem', false, false],
  ['require', undefined, false, false],
  ['require', 'pem', true, false],
  ['verify-ca', undefined, true, false],
  ['verify-full', undefined, true, true],
])('mode %s with authority %s checks certificate: %s, name: %s', (ssl_mode, ssl_root_cert, certificate, name) => {
  expect(tlsChecks({ host: elsewhere, ssl_mode, ssl_root_cert })).toEqual({ certificate, name });
});

test('a message names the mode, and says when nobody chose it', () => {
  expect(tlsAsChosen({ host: elsewhere })).toBe('verify-full (the default for a server elsewhere)');
  expect(tlsAsChosen({ host: elsewhere, ssl_mode: 'require' })).toBe('require');
});

test('a check warns of a line that is open, or that does not say who answers', () => {
  const codes = (ssl_mode: TlsMode, encrypted: boolean): string[] =>
    tlsFindings({ host: elsewhere, ssl_mode }, encrypted).map(({ code }) => code);
  expect([codes('prefer', false), codes('require', true), codes('verify-ca', true)]).toEqual([
    ['no-tls'],
    ['tls-unverified'],
    [],
  ]);
});
