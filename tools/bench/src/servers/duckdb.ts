/** DuckDB's command line with its PostgreSQL and MySQL extensions: of the system, or Debian's, which only its newest suite has. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { localTool, type Say } from '../local-tools.js';
import type { Tools } from './tools.js';
import type { WorkFolder } from './work-folder.js';

export interface Duckdb {
  /** Words for the shell. */
  readonly command: string;
  /** SQL that loads the extensions. */
  readonly setUp: string;
  readonly version: string;
}

const load = 'load postgres; load mysql;';

const works = (command: string, setUp: string, { env }: Tools): Duckdb | undefined => {
  const run = (options: string): { status: number | null; stdout: string } =>
    spawnSync('bash', ['-c', `${command} ${options}`], { env, encoding: 'utf8', timeout: 20_000 });
  if (run(`-bail -c "${setUp}"`).status !== 0) return undefined;
  return { command, setUp, version: run('--version').stdout.split(' ')[0]?.trim() ?? '' };
};

/** The newest suite's C library is newer than the system's: the program is started through the loader it came with. */
const unpacked = (root: string, tools: Tools): Duckdb | undefined => {
  const program = join(root, 'usr/bin/duckdb');
  if (!existsSync(program) || root.includes("'")) return undefined;
  const folders = ['usr/lib64', 'usr/lib'].map((name) => join(root, name)).filter((folder) => existsSync(folder));
  const loader = folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .find((file) => /\/ld-linux[^/]*\.so\.\d$/.test(file));
  const libraries = readdirSync(join(root, 'usr/lib'))
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join(root, 'usr/lib', name));
  if (loader === undefined) return undefined;
  const command = `env -u LD_LIBRARY_PATH '${loader}' --library-path '${libraries.join(':')}' '${program}' -unsigned`;
  return works(command, `set extension_directories=['${join(root, 'usr/lib/duckdb/extensions')}']; ${load}`, tools);
};

/** @returns why there is none, when there is none */
export const findDuckdb = async (
  work: WorkFolder,
  tools: Tools,
  install: boolean,
  say: Say,
): Promise<Duckdb | string> => {
  const root = join(work.path, 'duckdb');
  const found = (tools.find('duckdb') && works('duckdb', load, tools)) || unpacked(root, tools);
  if (found) return found;
  if (!install) return "there is no duckdb with its extensions 'postgres' and 'mysql', and none may be fetched";
  say(`fetching DuckDB, Debian's package of the suite sid, into ${root} (--no-install-peers leaves it out)`);
  try {
    const { unpackDebianPackages } = await localTool('debian-packages.mjs');
    await unpackDebianPackages({ folder: root, packages: ['duckdb', 'libc6'], suite: 'sid', dependencies: true });
  } catch (error) {
    return `duckdb could not be fetched: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
  return unpacked(root, tools) ?? "Debian's duckdb does not run here with its extensions";
};
