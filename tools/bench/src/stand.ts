/** All that scenarios share: options, programs, and servers that start when they are first asked for. */
import type { Options } from './options.js';
import type { Say } from './local-tools.js';
import { startMariadbServer, type MariadbServer } from './servers/mariadb-server.js';
import { startPostgresServer, type PostgresServer } from './servers/postgres-server.js';
import { findTools, type Tools } from './servers/tools.js';
import { openWorkFolder, type WorkFolder } from './servers/work-folder.js';
import { startPlatform, type Platform } from './sluice/platform.js';
import type { Contender } from './measure/rounds.js';

export interface Stand {
  readonly options: Options;
  readonly say: Say;
  readonly work: WorkFolder;
  readonly tools: Tools;
  /** Aborted when the user stops the benchmark. */
  readonly signal: AbortSignal;
  /** Two clusters of one version with the same settings. */
  postgresSource(): Promise<PostgresServer>;
  postgresDestination(): Promise<PostgresServer>;
  mariadb(): Promise<MariadbServer>;
  platform(): Promise<Platform>;
  /** Without those that the user left out. */
  chosen(contenders: readonly Contender[]): readonly Contender[];
  stop(): Promise<void>;
}

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
};

export const openStand = async (options: Options, say: Say, signal: AbortSignal): Promise<Stand> => {
  const work = await openWorkFolder(options.dir);
  const tools = await findTools(work, options.installPeers, say);
  const stops: (() => Promise<unknown>)[] = [];
  const kept = <T>(make: () => Promise<T>, stop: (started: T) => Promise<unknown>): (() => Promise<T>) =>
    once(async () => {
      const started = await make();
      stops.unshift(() => stop(started));
      return started;
    });
  const postgres = (name: string): (() => Promise<PostgresServer>) =>
    kept(
      () => startPostgresServer(tools.postgresBin, name, work),
      ({ child }) => child.stop(),
    );
  const stop = once(async () => {
    for (const end of stops) await end();
  });
  return {
    options,
    say: (line) => say(work.scrub(line)),
    work,
    tools,
    signal,
    postgresSource: postgres('source'),
    postgresDestination: postgres('destination'),
    mariadb: kept(
      () => startMariadbServer(work, say),
      ({ child }) => child.stop(),
    ),
    platform: kept(
      () => startPlatform(work, say),
      (platform) => platform.stop(),
    ),
    chosen: (contenders) => contenders.filter(({ id }) => !options.without.includes(id)),
    stop,
  };
};
