import { ConfigError, type Context, type SourceSession, type Stream, codes, defineSource } from '@sluice/connector-sdk';
import { currentUser, hasDatabase } from '../account.js';
import { type SourceConfig, sourceConfig } from '../config.js';
import { toSluiceError } from '../errors.js';
import { guard } from '../guard.js';
import { type Link, openLink } from '../link.js';
import { nameProblem, quoteName } from '../quote.js';
import { variants } from '../variants.js';
import { check } from './check.js';
import { discover } from './discover.js';
import { read } from './read.js';

/** What the members of one session share. */
export interface SourceState {
  readonly link: Link;
  readonly config: SourceConfig;
  readonly context: Context;
  /** All full reads of a session see the moment of the first one, up to the next read by cursor. */
  enterSnapshot(): Promise<void>;
  /** Lets go of the tables read so far, so that nobody's DDL waits for this session; the snapshot stays. */
  releaseTables(): Promise<void>;
  /** A moment of its own. Answers the server's clock from just before, in UTC: what was committed by then is seen. */
  newSnapshot(): Promise<string>;
  discover(only?: readonly string[]): Promise<readonly Stream[]>;
  /** Ends the statement that `link` runs; the transaction and its snapshot stay. */
  kill(): Promise<void>;
}

export const source = defineSource<SourceConfig>({
  id: 'mysql',
  title: 'MySQL',
  variants: { mysql: variants.mysql, mariadb: variants.mariadb },
  config: sourceConfig,
  can: { modes: ['full', 'cursor'], encodings: ['copy-text/1', 'csv/1'], split: false },
  open: async (config, context) =>
    session(
      await guard(() => openLink(config, { dial: context.dial, variant: context.variant, withoutDatabase: true })),
      config,
      context,
    ),
});

function session(link: Link, config: SourceConfig, context: Context): SourceSession {
  let inSnapshot = false;
  const begin = async (): Promise<void> => {
    await link.run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    // With its binary log on for the session MariaDB keeps metadata locks over a ROLLBACK TO SAVEPOINT. Needs BINLOG ADMIN;
    // without it DDL on tables that were read waits until the session ends. Not to be changed inside a transaction.
    if (!inSnapshot && link.server.flavour === 'mariadb')
      await link.run('SET SESSION sql_log_bin = 0').catch(() => undefined);
    await link.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'); // ends the one before
    await link.run('SAVEPOINT sluice');
    inSnapshot = true;
  };
  const state: SourceState = {
    link,
    config,
    context,
    enterSnapshot: async () => (inSnapshot ? undefined : begin()),
    async newSnapshot() {
      const [row] = await link.query('SELECT UTC_TIMESTAMP(6)');
      await begin();
      return row![0]!;
    },
    releaseTables: async () => {
      if (inSnapshot && !link.lost) await link.run('ROLLBACK TO SAVEPOINT sluice');
    },
    discover: (only) => discover(link, only === undefined ? config.database : undefined, only),
    kill: () => kill(state),
  };
  return {
    check: () => guard(() => check(state)),
    discover: (only) => guard(() => discoverKnown(state, only)),
    async *read(requests, after) {
      try {
        yield* read(state, requests, after);
      } catch (error) {
        throw toSluiceError(error);
      }
    },
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}

async function discoverKnown({ link, config }: SourceState, only?: readonly string[]): Promise<readonly Stream[]> {
  const { database } = config;
  const streams = await discover(link, database, only);
  if (streams.length > 0 || database === undefined || (await hasDatabase(link, database))) return streams;
  throw new ConfigError(`There is no database ${JSON.stringify(database)}, or the user may not see it.`, {
    code: codes.noSuchDatabase,
    path: ['database'],
    fix: `Give the name of a database that is there, or GRANT SELECT ON ${nameProblem(database) === undefined ? quoteName(database) : '...'}.* TO ${await currentUser(link)}`,
  });
}

/** When no other connection is to be had the reading one is given up: its statement must not go on. */
async function kill({ link, config, context: { dial } }: SourceState): Promise<void> {
  if (link.lost) return;
  try {
    await using other = await openLink(config, { dial, withoutDatabase: true });
    await other.run(`KILL QUERY ${Number(link.connection.threadId)}`);
  } catch {
    link.destroy();
  }
}
