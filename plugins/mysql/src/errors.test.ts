import { DataError, isSluiceError } from '@sluice/connector-sdk';
import { toSluiceError } from './errors.js';

const driverError = (errno: number, code: string, message: string): Error =>
  Object.assign(new Error(message), { errno, code });

test.each<[number, string, string, string]>([
  [1045, 'ER_ACCESS_DENIED_ERROR', 'config', 'authentication'],
  [1049, 'ER_BAD_DB_ERROR', 'config', 'no-such-database'],
  [1142, 'ER_TABLEACCESS_DENIED_ERROR', 'config', 'permission'],
  [1205, 'ER_LOCK_WAIT_TIMEOUT', 'transient', 'lock-conflict'],
  [1213, 'ER_LOCK_DEADLOCK', 'transient', 'lock-conflict'],
  [1053, 'ER_SERVER_SHUTDOWN', 'transient', 'connection-lost'],
  [1040, 'ER_CON_COUNT_ERROR', 'transient', 'throttled'],
  [1264, 'ER_WARN_DATA_OUT_OF_RANGE', 'data', 'value-rejected'],
  [0, 'ECONNREFUSED', 'transient', 'unreachable'],
  [0, 'ENOTFOUND', 'config', 'unreachable'],
  [0, 'ECONNRESET', 'transient', 'connection-lost'],
  [0, 'PROTOCOL_CONNECTION_LOST', 'transient', 'connection-lost'],
  [0, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'config', 'tls'],
  [0, 'ERR_TLS_CERT_ALTNAME_INVALID', 'config', 'tls'],
])('%i %s is %s, %s', (errno, code, cls, expected) => {
  expect(toSluiceError(driverError(errno, code, 'm'), 's')).toMatchObject({ class: cls, code: expected });
});

test('a message never holds a value, and keeps the column', () => {
  const error = toSluiceError(
    driverError(
      1366,
      'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
      `Incorrect integer value: 'secret' for column \`d\`.\`t\`.\`c\` at row 1`,
    ),
    's.t',
  );
  expect((error as Error).message).not.toContain('secret');
  expect((error as Error).message).toContain('`c`');
  const twin = toSluiceError(driverError(1062, 'ER_DUP_ENTRY', `Duplicate entry 'secret' for key 'PRIMARY'`), 's.t');
  expect((twin as Error).message).not.toContain('secret');
  expect(error).toMatchObject({ stream: 's.t' });
});

test('errors of the SDK pass, those of the codec get the name of the stream, strangers pass as they are', () => {
  const own = new DataError('x', { stream: 'other' });
  expect(toSluiceError(own, 's')).toBe(own);
  expect(toSluiceError(new DataError('x', { stream: '' }), 's.t')).toMatchObject({ stream: 's.t', message: 's.t: x' });
  const stranger = new TypeError('bug');
  expect(toSluiceError(stranger)).toBe(stranger);
  expect(isSluiceError(toSluiceError(stranger))).toBe(false);
});

test.each<[number, string, string, string]>([
  [
    1049,
    "Unknown database 'sales'",
    'no-such-database',
    'CREATE DATABASE `sales` CHARACTER SET utf8mb4; or give another database, in the configuration or in the name of the target table.',
  ],
  [
    1142,
    "INSERT command denied to user 'u'@'h' for table 't'",
    'permission',
    'Grant the right that the server names (GRANT ... ON ... TO ...); check says which ones are needed.',
  ],
  [
    1146,
    "Table 'd.t' doesn't exist",
    'no-such-stream',
    'Discover the source again, and take what is gone out of the pipeline.',
  ],
  [1290, 'The server is running with --read-only', 'permission', 'Connect to a server that takes writes.'],
])('%i %s says what to do', (errno, message, code, fix) => {
  expect(toSluiceError(driverError(errno, 'ER_X', message))).toMatchObject({ class: 'config', code, fix });
});
