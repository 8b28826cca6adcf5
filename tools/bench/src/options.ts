/** The command line. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Ids of scenarios, in the order they run. */
  readonly only: readonly string[];
  /** Of the firenibble table. */
  readonly rows: number;
  /** Counted rounds, after one warm-up. */
  readonly rounds: number;
  /** Also what takes long: 10 million rows. */
  readonly large: boolean;
  readonly installPeers: boolean;
  /** Ids of methods to leave out. */
  readonly without: readonly string[];
  /** Work folder; absent: `bench` in the data directory. */
  readonly dir?: string;
  /** Where the JSON files go; absent: the package's `results`. */
  readonly results?: string;
  /** A missed target makes the exit code 1; a failure does so anyway. */
  readonly strict: boolean;
  readonly help: boolean;
}

export const usage = (scenarios: readonly string[]): string => `npm run bench -- [options]

  --only a,b            scenarios: ${scenarios.join(', ')}; default all
  --rows n              rows of the firenibble table, default 2000000
  --rounds n            counted rounds after one warm-up, default 5
  --large               memory at 10 million rows too
  --without a,b         leave methods out: pgloader, pgcopydb, sluice, ...
  --no-install-peers    do not fetch peers that the system lacks
  --dir folder          clusters and prepared files; default: bench in the data directory
  --results folder      where the JSON files go; default tools/bench/results
  --strict              exit code 1 when a target is missed, too
`;

const positive = (name: string, text: string): number => {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} ${text}: not a positive whole number`);
  return value;
};
const list = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);

/** @throws Error that names the option */
export const parseOptions = (args: readonly string[], scenarios: readonly string[]): Options => {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      only: { type: 'string', default: scenarios.join(',') },
      rows: { type: 'string', default: '2000000' },
      rounds: { type: 'string', default: '5' },
      large: { type: 'boolean', default: false },
      'install-peers': { type: 'boolean', default: true },
      without: { type: 'string', default: '' },
      dir: { type: 'string' },
      results: { type: 'string' },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const only = list(values.only);
  const unknown = only.filter((id) => !scenarios.includes(id));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: there are ${scenarios.join(', ')}`);
  return {
    only,
    rows: positive('rows', values.rows),
    rounds: positive('rounds', values.rounds),
    large: values.large,
    installPeers: values['install-peers'],
    without: list(values.without),
    ...(values.dir !== undefined && { dir: values.dir }),
    ...(values.results !== undefined && { results: values.results }),
    strict: values.strict,
    help: values.help,
  };
};
