/** What every method of a comparison is given: both ends, the programs, a place for secrets. */
import type { Address } from '../servers/address.js';
import type { Tools } from '../servers/tools.js';
import type { WorkFolder } from '../servers/work-folder.js';

export interface Pair {
  readonly source: Address;
  readonly destination: Address;
  readonly tools: Tools;
  readonly work: WorkFolder;
}

/** Quotes a word for the shell. */
export const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** psql's and pg_dump's arguments; the password comes from the password file. */
export const psqlTarget = ({ host, port, user, database }: Address): string =>
  `-h ${host} -p ${port} -U ${quoted(user)} -d ${quoted(database)}`;

/** Environment for libpq clients: nothing but a password file that only we can read. */
export const libpqEnvironment = ({ tools, work }: Pair, addresses: readonly Address[]): NodeJS.ProcessEnv => {
  const escape = (text: string): string => text.replaceAll(/[\\:]/g, '\\$&');
  const lines = addresses.map(
    ({ host, port, user, password }) => `${host}:${port}:*:${escape(user)}:${escape(password)}`,
  );
  return { ...tools.env, PGPASSFILE: work.secretFile('pgpass', `${lines.join('\n')}\n`) };
};

/** A client configuration file, since MariaDB's client takes a password from nowhere else but its command line. */
export const mariadbClientFile = (work: WorkFolder, { host, port, user, password }: Address): string =>
  work.secretFile(
    'mariadb.cnf',
    `[client]\nhost=${host}\nport=${port}\nprotocol=tcp\nuser=${user}\npassword="${password}"\ndefault-character-set=utf8mb4\n`,
  );
