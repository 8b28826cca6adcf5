import { isSluiceError } from '@sluice/connector-sdk';
import { ConnectTimeout, NoTls } from '@sluice/sql';
import { DatabaseError } from 'pg';
import { type SourceConfig, sourceConfig } from './config.js';
import { ClearTextRefused, connectError } from './connect-error.js';
import { mapError } from './errors.js';

const config = sourceConfig.parse({ host: 'db.example.com', database: 'sales', username: 'reader', password: 'p' });

const server = (code: string, message: string, routine = 'x'): Error =>
  Object.assign(new DatabaseError(message, 0, 'error'), { code, routine });
const system = (code: string): Error => Object.assign(new Error(`${code} of the system`), { code });
const before = { connected: false, spoke: false, encrypted: false };
const after = { connected: true, spoke: true, encrypted: false };

const hba = 'no pg_hba.conf entry for host "10.0.0.7", user "reader", database "sales", no encryption';
test.each<[string, Error, object, Partial<SourceConfig>, [string, string, string[], string]]>([
  [
    'wrong password',
    server('28P01', 'password authentication failed', 'auth_failed'),
    after,
    {},
    [
      'config',
      'authentication',
      ['password'],
      `Check user name and password; ALTER ROLE "reader" PASSWORD '...' sets a new one.`,
    ],
  ],
  [
    'unknown user',
    server('28000', 'role "reader" does not exist', 'InitializeSessionUserId'),
    after,
    {},
    ['config', 'authentication', ['username'], `CREATE ROLE "reader" LOGIN PASSWORD '...'`],
  ],
  [
    'not from this host',
    server('28000', hba, 'ClientAuthentication'),
    after,
    {},
    [
      'config',
      'permission',
      ['host'],
      'Add a line such as "host sales reader <address of Sluice>/32 scram-sha-256" to pg_hba.conf, and run SELECT pg_reload_conf().',
    ],
  ],
  [
    'not without TLS',
    server('28000', hba, 'ClientAuthentication'),
    after,
    { ssl_mode: 'disable' },
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Set ssl_mode to require or verify-full; when that is refused too, add a line such as "hostssl sales reader <address of Sluice>/32 scram-sha-256" to pg_hba.conf, and run SELECT pg_reload_conf().',
    ],
  ],
  [
    'unknown database',
    server('3D000', 'database "sales" does not exist'),
    after,
    {},
    ['config', 'no-such-database', ['database'], 'CREATE DATABASE "sales"'],
  ],
  [
    'no right to connect',
    server('42501', 'permission denied for database "sales"'),
    after,
    {},
    ['config', 'permission', ['username'], 'GRANT CONNECT ON DATABASE "sales" TO "reader"'],
  ],
  [
    'too many connections',
    server('53300', 'sorry, too many clients already'),
    after,
    {},
    [
      'transient',
      'throttled',
      [],
      'End idle sessions, or raise max_connections (or the CONNECTION LIMIT of the role or the database).',
    ],
  ],
  [
    'starting up',
    server('57P03', 'the database system is starting up'),
    after,
    {},
    ['transient', 'connection-lost', [], 'Wait until the server takes connections; its log says how far it is.'],
  ],
  [
    'a refusal nobody foresaw',
    server('XX000', 'odd'),
    after,
    {},
    ['config', 'postgres.refused', [], 'See what PostgreSQL says, and its log.'],
  ],
  [
    'unknown host',
    system('ENOTFOUND'),
    before,
    {},
    ['config', 'unreachable', ['host'], 'Check the host name, and the DNS of the machine that Sluice runs on.'],
  ],
  [
    'no name server',
    system('EAI_AGAIN'),
    before,
    {},
    ['transient', 'unreachable', [], 'Check the host name, and the DNS of the machine that Sluice runs on.'],
  ],
  [
    'refused',
    system('ECONNREFUSED'),
    before,
    {},
    [
      'transient',
      'unreachable',
      [],
      'Check host and port, that PostgreSQL runs, and that listen_addresses lets it listen there.',
    ],
  ],
  ['no route', system('EHOSTUNREACH'), before, {}, ['transient', 'unreachable', [], 'Check host, port and firewall.']],
  ['timeout', new ConnectTimeout(), before, {}, ['transient', 'unreachable', [], 'Check host, port and firewall.']],
  [
    'no TLS',
    new NoTls(),
    after,
    {},
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Set up TLS on the server; or set ssl_mode to prefer, if you trust the network in between with the data.',
    ],
  ],
  [
    'password in clear',
    new ClearTextRefused(),
    after,
    {},
    ['config', 'tls', ['ssl_mode'], 'Set ssl_mode to verify-full, or have the server use scram-sha-256.'],
  ],
  [
    'untrusted',
    system('DEPTH_ZERO_SELF_SIGNED_CERT'),
    after,
    {},
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Give the certificate of its authority in ssl_root_cert, or set ssl_mode to require, which does not check it.',
    ],
  ],
  [
    'expired',
    system('CERT_HAS_EXPIRED'),
    after,
    {},
    ['config', 'tls', ['ssl_mode'], 'Renew the certificate of the server.'],
  ],
  [
    'of another host',
    system('ERR_TLS_CERT_ALTNAME_INVALID'),
    after,
    {},
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Give the host by a name that the certificate holds, or set ssl_mode to verify-ca.',
    ],
  ],
  [
    'no common TLS',
    system('ERR_SSL_UNSUPPORTED_PROTOCOL'),
    after,
    {},
    ['config', 'tls', ['ssl_mode'], 'Check the TLS settings of the server; it must offer TLS 1.2 or later.'],
  ],
  [
    'no password',
    new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string'),
    after,
    {},
    ['config', 'authentication', ['password'], 'Give the password of the role.'],
  ],
  [
    'Kerberos',
    new Error('Unknown authenticationOk message type 7'),
    after,
    {},
    [
      'config',
      'authentication',
      ['username'],
      'Have pg_hba.conf use scram-sha-256 for this role; Kerberos, SSPI and the like are not supported.',
    ],
  ],
  [
    'reset',
    system('ECONNRESET'),
    after,
    {},
    ['transient', 'connection-lost', [], 'See the log of the server; it may be restarting.'],
  ],
  [
    'what the driver cannot read',
    new RangeError('out of range'),
    after,
    {},
    ['config', 'not-this-server', ['port'], 'Give the host and port of a PostgreSQL server; 5432 is the usual port.'],
  ],
])('%s', (_, thrown, far, more, [cls, code, path, fix]) => {
  const error = connectError(thrown, { config: { ...config, ...more }, ...(far as typeof after) });
  expect(isSluiceError(error)).toBe(true);
  const told = error as { class: string; code: string; path?: string[]; fix: string; message: string; cause: unknown };
  expect([told.class, told.code, told.path ?? [], told.fix]).toEqual([cls, code, path, fix]);
  expect(told.message).toMatch(/^[A-Z].*[.)]$/s);
  expect(told.cause).toBe(thrown);
});

test("[R6] a server's words are capped and cannot colour a terminal", () => {
  const error = connectError(server('28P01', `\x1b[31m${'x'.repeat(5000)}`), { config, ...after }) as Error;
  expect(error.message).not.toMatch(/\p{Cc}/u);
  expect(error.message.length).toBeLessThan(500);
});

test.each([
  ['3F000', 'no-such-database', /^CREATE SCHEMA/],
  ['42501', 'permission', /^Grant the right/],
  ['42P01', 'no-such-stream', /^Discover the source again/],
  ['25006', 'permission', /the primary/],
])('what a statement meets later, %s, says what to do too', (state, code, fix) => {
  expect(mapError(server(state, 'm'))).toMatchObject({
    class: 'config',
    code,
    fix: expect.stringMatching(fix) as unknown,
  });
});
