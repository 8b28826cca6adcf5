import {
  type TlsMode,
  isTlsFailure,
  tlsChecks,
  tlsFindings,
  tlsMissing,
  tlsModeOf,
  tlsModes,
  tlsUntrusted,
} from './tls.js';

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

test('what is wrong is a ConfigError at ssl_mode, which says what to set', () => {
  const cause = new Error('x');
  const missing = tlsMissing({ host: elsewhere }, cause);
  expect(missing).toMatchObject({ class: 'config', code: 'tls', path: ['ssl_mode'], cause });
  expect(missing.message).toBe(
    'The server does not offer TLS, and ssl_mode verify-full (the default for a server elsewhere) asks for it.',
  );
  expect(missing.fix).toMatch(/ssl_mode to prefer/);
  expect(tlsMissing({ host: elsewhere, ssl_mode: 'require' }, cause).message).toMatch(/ssl_mode require asks/);
  expect(tlsUntrusted({ host: elsewhere }, 'SELF_SIGNED_CERT_IN_CHAIN', cause).fix).toMatch(/ssl_root_cert/);
  expect(tlsUntrusted({ host: elsewhere }, 'ERR_TLS_CERT_ALTNAME_INVALID', cause).fix).toMatch(/Set host to a name/);
  expect(['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ECONNRESET', 5, undefined].map(isTlsFailure)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('a check warns of a line that is open, or that does not say who answers', () => {
  const codes = (ssl_mode: TlsMode, encrypted: boolean): string[] =>
    tlsFindings({ host: elsewhere, ssl_mode }, encrypted).map(({ code }) => code);
  expect([codes('prefer', false), codes('require', true), codes('verify-ca', true)]).toEqual([
    ['tls-off'],
    ['tls-unverified'],
    [],
  ]);
});
