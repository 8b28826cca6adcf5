import { isSluiceError } from '@sluice/connector-sdk';
import { ConnectTimeout } from '@sluice/sql';
import { sourceConfig } from './config.js';
import { KeyRefused, connectError } from './connect-error.js';

const config = sourceConfig.parse({ host: 'db.example.com', database: 'sales', username: 'reader', password: 'p' });

const server = (errno: number, message: string): Error => Object.assign(new Error(message), { errno, code: 'ER_X' });
const system = (code: string, message = `${code} of the system`): Error =>
  Object.assign(new Error(message), { code, errno: -111 });
const before = { connected: false, spoke: false };
const after = { connected: true, spoke: true };

test.each<[string, Error, typeof before, [string, string, string[], string]]>([
  [
    'wrong password',
    server(1045, "Access denied for user 'reader'@'10.0.0.7' (using password: YES)"),
    after,
    [
      'config',
      'authentication',
      ['password'],
      "Check user name and password, and that the user may come from this host; ALTER USER `reader`@'%' IDENTIFIED BY '...' sets a new password.",
    ],
  ],
  [
    'unknown user, or one for the socket only',
    server(1698, "Access denied for user 'reader'@'localhost'"),
    after,
    [
      'config',
      'authentication',
      ['password'],
      "Check user name and password, and that the user may come from this host; ALTER USER `reader`@'%' IDENTIFIED BY '...' sets a new password.",
    ],
  ],
  [
    'not from this host',
    server(1130, "Host '10.0.0.7' is not allowed to connect to this MySQL server"),
    after,
    [
      'config',
      'permission',
      ['host'],
      "CREATE USER `reader`@'<address of Sluice>' IDENTIFIED BY '...', with the rights it needs.",
    ],
  ],
  [
    'locked out',
    server(1129, "Host '10.0.0.7' is blocked because of many connection errors"),
    after,
    [
      'config',
      'permission',
      ['host'],
      'FLUSH HOSTS, and see in the log of the server why connections from this host broke off.',
    ],
  ],
  [
    'not without TLS',
    server(3159, 'Connections using insecure transport are prohibited'),
    after,
    ['config', 'tls', ['ssl_mode'], 'Set ssl_mode to require or verify-full.'],
  ],
  [
    'unknown database',
    server(1049, "Unknown database 'sales'"),
    after,
    ['config', 'no-such-database', ['database'], 'CREATE DATABASE `sales`'],
  ],
  [
    'no right to the database',
    server(1044, "Access denied for user 'reader'@'%' to database 'sales'"),
    after,
    ['config', 'permission', ['username'], "GRANT SELECT ON `sales`.* TO `reader`@'%'"],
  ],
  [
    'too many connections',
    server(1040, 'Too many connections'),
    after,
    [
      'transient',
      'throttled',
      [],
      'End idle sessions, or raise max_connections (or max_user_connections, or the limit of the user).',
    ],
  ],
  [
    'shutting down',
    server(1053, 'Server shutdown in progress'),
    after,
    ['transient', 'connection-lost', [], 'Wait until the server takes connections; its log says how far it is.'],
  ],
  [
    'a refusal nobody foresaw',
    server(1999, 'odd'),
    after,
    ['config', 'mysql.refused', [], 'See what the server says, and its log.'],
  ],
  [
    'unknown host',
    system('ENOTFOUND'),
    before,
    ['config', 'unreachable', ['host'], 'Check the host name, and the DNS of the machine that Sluice runs on.'],
  ],
  [
    'no name server',
    system('EAI_AGAIN'),
    before,
    ['transient', 'unreachable', [], 'Check the host name, and the DNS of the machine that Sluice runs on.'],
  ],
  [
    'refused',
    system('ECONNREFUSED'),
    before,
    [
      'transient',
      'unreachable',
      [],
      'Check host and port, that MySQL runs, and that bind_address lets it listen there.',
    ],
  ],
  ['no route', system('EHOSTUNREACH'), before, ['transient', 'unreachable', [], 'Check host, port and firewall.']],
  ['timeout', new ConnectTimeout(), before, ['transient', 'unreachable', [], 'Check host, port and firewall.']],
  [
    'no TLS',
    system('HANDSHAKE_NO_SSL_SUPPORT'),
    after,
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Set up TLS on the server; or set ssl_mode to prefer, if you trust the network in between with the data.',
    ],
  ],
  [
    'a key without TLS',
    new KeyRefused(),
    after,
    ['config', 'tls', ['ssl_mode'], 'Set up TLS on the server, and set ssl_mode to verify-full or require.'],
  ],
  [
    'untrusted',
    system('HANDSHAKE_SSL_ERROR', 'self-signed certificate in certificate chain'),
    after,
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Give the certificate of its authority in ssl_root_cert, or set ssl_mode to require, which does not check it.',
    ],
  ],
  [
    'expired',
    system('HANDSHAKE_SSL_ERROR', 'certificate has expired'),
    after,
    ['config', 'tls', ['ssl_mode'], 'Renew the certificate of the server.'],
  ],
  [
    'of another host',
    system('HANDSHAKE_SSL_ERROR', "Hostname/IP does not match certificate's altnames: x"),
    after,
    [
      'config',
      'tls',
      ['ssl_mode'],
      'Give the host by a name that the certificate holds, or set ssl_mode to verify-ca.',
    ],
  ],
  [
    'no common TLS',
    system('HANDSHAKE_SSL_ERROR', 'unsupported protocol'),
    after,
    ['config', 'tls', ['ssl_mode'], 'Check the TLS settings of the server; it must offer TLS 1.2 or later.'],
  ],
  [
    'a plugin for the login',
    system('AUTH_SWITCH_PLUGIN_ERROR', 'Server requests authentication using unknown plugin gssapi'),
    after,
    [
      'config',
      'authentication',
      ['username'],
      "ALTER USER `reader`@'%' IDENTIFIED WITH caching_sha2_password BY '...' (mysql_native_password on MariaDB)",
    ],
  ],
  [
    'lost',
    system('PROTOCOL_CONNECTION_LOST', 'Connection lost: The server closed the connection.'),
    after,
    ['transient', 'connection-lost', [], 'See the log of the server; it may be restarting.'],
  ],
  [
    'what the driver cannot read',
    new RangeError('out of range'),
    after,
    ['config', 'not-this-server', ['port'], 'Give the host and port of a MySQL server; 3306 is the usual port.'],
  ],
])('%s', (_, thrown, far, [cls, code, path, fix]) => {
  const error = connectError(thrown, { config, ...far });
  expect(isSluiceError(error)).toBe(true);
  const told = error as { class: string; code: string; path?: string[]; fix: string; message: string; cause: unknown };
  expect([told.class, told.code, told.path ?? [], told.fix]).toEqual([cls, code, path, fix]);
  expect(told.message).toMatch(/^[A-Z].*[.)]$/s);
  expect(told.cause).toBe(thrown);
});
