/** From PostgreSQL's and the socket's errors to the contract's classes: one table by SQLSTATE, the exact code before its class. */
import {
  type Code,
  ConfigError,
  DataError,
  type SluiceError,
  TransientError,
  codes,
  isSluiceError,
} from '@sluice/connector-sdk';

type Kind = 'config' | 'transient' | 'data';
type Rule = readonly [Kind, Code, string];

/** SQLSTATE, or its first two characters, to what it means to a run. */
const rules: Readonly<Record<string, Rule>> = {
  '08': ['transient', codes.connectionLost, 'The connection was lost.'],
  '0A': ['config', codes.unsupported, 'The server does not support a statement.'],
  '22': ['data', codes.valueRejected, 'A value does not fit.'],
  '22000': ['data', codes.valueRejected, 'A value does not fit.'],
  '22001': ['data', codes.valueRejected, 'A text is longer than the column allows.'],
  '22003': ['data', codes.valueRejected, 'A number is out of the range of the column.'],
  '22007': ['data', codes.valueRejected, 'A date or time is not in a form the column takes.'],
  '22008': ['data', codes.valueRejected, 'A date or time is out of range.'],
  '22021': ['data', codes.valueRejected, 'A text holds bytes that the database cannot store, such as a zero byte.'],
  '22P02': ['data', codes.valueRejected, 'A text is not in the form that the column takes.'],
  '22P03': ['data', codes.valueRejected, 'A value is not in the binary form that the column takes.'],
  '22P04': ['data', codes.valueRejected, 'The data is not well-formed COPY data.'],
  '22P05': ['data', codes.valueRejected, "A character does not exist in the database's encoding."],
  '23': ['data', codes.valueRejected, 'A row breaks a constraint.'],
  '23502': ['data', codes.valueRejected, 'NULL in a column that does not take it.'],
  '23503': ['data', codes.valueRejected, 'A row breaks a foreign key.'],
  '23505': ['data', codes.valueRejected, 'Two rows share a key that must be unique.'],
  '23514': ['data', codes.valueRejected, 'A row breaks a check constraint.'],
  '25006': ['config', codes.permission, 'The server is read-only.'],
  '28': ['config', codes.authentication, 'The server refused the user name or password.'],
  '2B': ['config', codes.targetMismatch, 'Other objects depend on this one.'],
  '3D': ['config', codes.noSuchDatabase, 'The database does not exist.'],
  '3F': ['config', codes.noSuchDatabase, 'The schema does not exist.'],
  '40': ['transient', codes.lockConflict, 'The server rolled the transaction back in favour of another.'],
  '42': ['config', codes.targetMismatch, 'The server refused a statement.'],
  '42501': ['config', codes.permission, 'The role lacks a right.'],
  '42703': ['config', codes.noSuchStream, 'A column does not exist any more.'],
  '42P01': ['config', codes.noSuchStream, 'A table does not exist.'],
  '42P07': ['transient', codes.lockConflict, 'Another session makes the same table.'],
  '44': ['data', codes.valueRejected, 'A row breaks the check option of a view.'],
  '53': ['transient', codes.throttled, 'The server is short of memory, disk or connections.'],
  '54': ['config', codes.unsupported, 'A statement goes beyond a limit of the server.'],
  '55': ['transient', codes.lockConflict, 'An object is in use.'],
  '57': ['transient', codes.connectionLost, 'The server ended the statement or the session.'],
  '58': ['transient', codes.connectionLost, 'The server met an error of its system.'],
};

/** What to do, where the statement that failed does not know better. */
const fixes: Readonly<Record<string, string>> = {
  '25006': 'Connect to a server that takes writes: the primary.',
  '3D000': 'CREATE DATABASE ..., or give another in the configuration.',
  '3F000': 'CREATE SCHEMA ..., or give another, in the configuration or in the name of the target table.',
  '42501': 'Grant the right that the server names (GRANT ... ON ... TO ...); check says which ones are needed.',
  '42703': 'Discover the source again, and take what is gone out of the pipeline.',
  '42P01': 'Discover the source again, and take what is gone out of the pipeline.',
  '53300': 'End idle sessions, or raise max_connections.',
};

/** What this plugin reads of an error, whoever threw it. */
interface ServerError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly where?: unknown;
  readonly column?: unknown;
  readonly table?: unknown;
  readonly constraint?: unknown;
}
export interface ErrorPlace {
  /** For DataError. */
  readonly stream?: string;
  /** Names to look for in the server's account of where it happened. */
  readonly columns?: readonly string[];
  readonly fix?: string;
}

const socketCodes = /^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED|ENETDOWN|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED)$/;
const lostMessages = /^(Connection terminated|Client has encountered a connection error|Client was closed)/;

export const sqlState = (error: unknown): string | undefined => {
  const code = (error as ServerError | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

/** The contract's error for `error`; an error of the contract, or one that is nobody's, is answered as it is. */
export function mapError(error: unknown, place: ErrorPlace = {}): unknown {
  if (isSluiceError(error)) return error;
  const state = sqlState(error);
  if (state === undefined || socketCodes.test(String((error as ServerError).code))) return mapSocket(error);
  const rule = rules[state] ?? rules[state.slice(0, 2)];
  if (!rule) return error;
  const [kind, code, meaning] = rule;
  const fix = place.fix ?? fixes[state];
  const details = { code, ...(fix === undefined ? {} : { fix }) };
  if (kind === 'data') return dataError(error as ServerError, state, meaning, place);
  const message = `${meaning} PostgreSQL says: ${String((error as ServerError).message)} (${state})`;
  return kind === 'config'
    ? new ConfigError(message, { ...details, cause: error })
    : new TransientError(message, { ...details, cause: error });
}

function mapSocket(error: unknown): unknown {
  const { code, message } = (error ?? {}) as ServerError;
  if (!socketCodes.test(String(code)) && !lostMessages.test(String(message))) return error;
  return new TransientError('The connection to PostgreSQL was lost.', { cause: error });
}

/** The server's own words quote row values, so they stay out of the message and of the cause. */
function dataError(error: ServerError, state: string, meaning: string, place: ErrorPlace): SluiceError {
  const column = columnOf(error, place.columns ?? []);
  const where = [
    place.stream === undefined ? '' : `stream ${place.stream}`,
    column === undefined ? '' : `column ${JSON.stringify(column)}`,
    typeof error.constraint === 'string' ? `constraint ${JSON.stringify(error.constraint)}` : '',
  ].filter((part) => part !== '');
  const cause = Object.assign(new Error(`PostgreSQL error ${state}`), { code: state });
  const message = `${meaning} (${[...where, state].join(', ')})`;
  return new DataError(message, { code: codes.valueRejected, cause, stream: place.stream ?? '' });
}

function columnOf({ column, where }: ServerError, names: readonly string[]): string | undefined {
  if (typeof column === 'string') return column;
  if (typeof where !== 'string') return undefined;
  const found = names.filter((name) => where.includes(`, column ${name}: `) || where.endsWith(`, column ${name}`));
  return found.sort((a, b) => b.length - a.length)[0];
}

/** Runs `work`, and throws what it throws as an error of the contract. */
export async function mapped<T>(work: () => Promise<T>, place: ErrorPlace = {}): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw mapError(error, place);
  }
}
