/** What an error of the server or the driver means: one table, by number or name. */
import {
  type Code,
  ConfigError,
  DataError,
  type SluiceError,
  TransientError,
  codes,
  isSluiceError,
} from '@sluice/connector-sdk';
import { nameProblem, quoteName } from './quote.js';

type Kind = 'config' | 'transient' | 'data';
type Meaning = readonly [kind: Kind, code: Code, path?: string];

const byNumber: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [1044, ['config', codes.permission, 'database']], // access denied to database
  [1045, ['config', codes.authentication, 'password']], // access denied for user
  [1049, ['config', codes.noSuchDatabase, 'database']],
  [1130, ['config', codes.permission, 'host']], // host is not allowed to connect
  [1142, ['config', codes.permission]], // table command denied
  [1143, ['config', codes.permission]], // column command denied
  [1227, ['config', codes.permission]], // a privilege is missing
  [1370, ['config', codes.permission]],
  [1251, ['config', codes.authentication, 'password']], // client does not support the authentication
  [1698, ['config', codes.authentication, 'password']],
  [3159, ['config', codes.tls, 'ssl_mode']], // the server insists on TLS
  [1146, ['config', codes.noSuchStream]], // no such table
  [1054, ['config', codes.noSuchStream]], // no such column
  [1356, ['config', codes.noSuchStream]], // view refers to what is not there
  [1148, ['config', codes.permission]], // LOAD DATA LOCAL is off
  [3948, ['config', codes.permission]],
  [4166, ['config', codes.permission]],
  [1071, ['config', codes.targetMismatch]], // key too long
  [1118, ['config', codes.targetMismatch]], // row too large
  [1117, ['config', codes.targetMismatch]], // too many columns
  [1290, ['config', codes.permission]], // read-only server
  [1836, ['config', codes.permission]],
  [1792, ['config', codes.permission]],
  [1040, ['transient', codes.throttled]], // too many connections
  [1203, ['transient', codes.throttled]],
  [1226, ['transient', codes.throttled]],
  [1205, ['transient', codes.lockConflict]],
  [1213, ['transient', codes.lockConflict]],
  [1020, ['transient', codes.lockConflict]], // record has changed since last read
  [1412, ['transient', codes.lockConflict]], // table definition has changed during the snapshot
  [3572, ['transient', codes.lockConflict]],
  [1053, ['transient', codes.connectionLost]], // shutdown in progress
  [1077, ['transient', codes.connectionLost]],
  [1079, ['transient', codes.connectionLost]],
  [1152, ['transient', codes.connectionLost]],
  [1158, ['transient', codes.connectionLost]],
  [1159, ['transient', codes.connectionLost]],
  [1160, ['transient', codes.connectionLost]],
  [1161, ['transient', codes.connectionLost]],
  [1184, ['transient', codes.connectionLost]],
  [1317, ['transient', codes.connectionLost]], // query execution was interrupted
  [1927, ['transient', codes.connectionLost]], // connection was killed
  [1969, ['transient', codes.connectionLost]], // statement took too long
  [3024, ['transient', codes.connectionLost]],
  [4031, ['transient', codes.connectionLost]], // disconnected for inactivity
  [1021, ['transient', codes.throttled]], // disk full
  [1114, ['transient', codes.throttled]], // table is full
  [1206, ['transient', codes.lockConflict]],
  [1048, ['data', codes.valueRejected]], // NULL in a NOT NULL column
  [1062, ['data', codes.valueRejected]], // duplicate key
  [1169, ['data', codes.valueRejected]],
  [1586, ['data', codes.valueRejected]],
  [1261, ['data', codes.valueRejected]], // a row with too few values
  [1262, ['data', codes.valueRejected]], // a row with too many values
  [1300, ['data', codes.valueRejected]], // not in the character set
  [1264, ['data', codes.valueRejected]], // out of range
  [1265, ['data', codes.valueRejected]], // truncated
  [1292, ['data', codes.valueRejected]], // wrong date or number
  [1366, ['data', codes.valueRejected]], // wrong string or number
  [1406, ['data', codes.valueRejected]], // too long
  [1411, ['data', codes.valueRejected]],
  [1416, ['data', codes.valueRejected]], // not a geometry
  [1451, ['data', codes.valueRejected]], // foreign keys
  [1452, ['data', codes.valueRejected]],
  [1690, ['data', codes.valueRejected]],
  [1153, ['data', codes.valueRejected]], // larger than max_allowed_packet
  [1301, ['data', codes.valueRejected]],
  [3140, ['data', codes.valueRejected]], // not JSON
  [3819, ['data', codes.valueRejected]], // CHECK constraint
  [4025, ['data', codes.valueRejected]],
]);

const byName: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['ENOTFOUND', ['config', codes.unreachable, 'host']],
  ['EAI_NONAME', ['config', codes.unreachable, 'host']],
  ['EAI_AGAIN', ['transient', codes.unreachable]],
  // A server that restarts looks just like a wrong port: the host tries again, and says what it met.
  ['ECONNREFUSED', ['transient', codes.unreachable]],
  ['EHOSTUNREACH', ['transient', codes.unreachable]],
  ['ENETUNREACH', ['transient', codes.unreachable]],
  ['ETIMEDOUT', ['transient', codes.unreachable]],
  ['HANDSHAKE_NO_SSL_SUPPORT', ['config', codes.tls, 'ssl_mode']],
  ['HANDSHAKE_SSL_ERROR', ['config', codes.tls, 'ssl_mode']],
  ['AUTH_SWITCH_PLUGIN_ERROR', ['config', codes.authentication, 'password']],
  ['ECONNRESET', ['transient', codes.connectionLost]],
  ['EPIPE', ['transient', codes.connectionLost]],
  ['PROTOCOL_CONNECTION_LOST', ['transient', codes.connectionLost]],
]);

const tlsName = /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/;
const closed = /closed state|connection is closed|Connection lost|server closed/i;

interface Raw {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

export const errorNumber = (error: unknown): number | undefined => {
  const number = (error as Raw | null)?.errno;
  return typeof number === 'number' && number > 0 ? number : undefined;
};

function meaningOf(error: unknown): Meaning | undefined {
  const raw = error as Raw;
  const known = byNumber.get(errorNumber(error) ?? 0) ?? byName.get(String(raw.code));
  if (known !== undefined) return known;
  if (tlsName.test(String(raw.code))) return ['config', codes.tls, 'ssl_mode'];
  return closed.test(String(raw.message)) ? ['transient', codes.connectionLost] : undefined;
}

/** Data errors quote the value ("Incorrect integer value: 'x'"), which no message may hold; number and column are kept. */
function safeMessage(error: unknown, kind: Kind): string {
  const raw = error as Raw;
  const message = String(raw.message ?? error).replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
  if (kind !== 'data') return message.slice(0, 500);
  const column = /for (?:column|key) .*$/u.exec(message)?.[0] ?? /[Cc]olumn '.*$/u.exec(message)?.[0] ?? '';
  return `The server refused a value (error ${errorNumber(error) ?? '?'} ${String(raw.code ?? '')}) ${column}`
    .trim()
    .slice(0, 500);
}

/** The SDK's error for one of the server or driver; errors of the SDK and unknown ones come back as they are. */
export function toSluiceError(error: unknown, stream?: string): SluiceError | unknown {
  if (isSluiceError(error)) {
    return error.class === 'data' && error.stream === '' && stream !== undefined
      ? new DataError(`${stream}: ${error.message}`, { stream, code: error.code, cause: error })
      : error;
  }
  const meaning = meaningOf(error);
  if (meaning === undefined) return error;
  const [kind, code, path] = meaning;
  const message = safeMessage(error, kind);
  if (kind === 'transient') return new TransientError(message, { code, cause: error });
  if (kind === 'data') return new DataError(`${stream ?? ''}: ${message}`, { stream: stream ?? '', code });
  const fix = fixOf(error);
  return new ConfigError(message, {
    code,
    cause: error,
    path: path === undefined ? [] : [path],
    ...(fix === undefined ? {} : { fix }),
  });
}

/** For what a statement met: the database of the configuration, or one that a target table names. */
function fixOf(error: unknown): string | undefined {
  const message = String((error as Raw).message ?? '');
  switch (errorNumber(error)) {
    case 1049: {
      const name = /Unknown database '(.{1,64})'$/u.exec(message)?.[1];
      const which = name === undefined || nameProblem(name) !== undefined ? '...' : quoteName(name);
      return `CREATE DATABASE ${which} CHARACTER SET utf8mb4; or give another database, in the configuration or in the name of the target table.`;
    }
    case 1044:
    case 1142:
    case 1143:
    case 1227:
    case 1370:
      return 'Grant the right that the server names (GRANT ... ON ... TO ...); check says which ones are needed.';
    case 1054:
    case 1146:
    case 1356:
      return 'Discover the source again, and take what is gone out of the pipeline.';
    case 1290:
    case 1792:
    case 1836:
      return 'Connect to a server that takes writes.';
    default:
      return undefined;
  }
}
