/** The programs of the comparison: found in the system, or fetched as Debian packages into the work folder. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { localTool, type Say } from '../local-tools.js';
import type { WorkFolder } from './work-folder.js';

export interface Tools {
  /** Folder of postgres, initdb, psql and pg_dump, all of one version. */
  readonly postgresBin: string;
  /** Path of a program, or nothing when it is not there. */
  find(name: string): string | undefined;
  /** Environment to run any of them in, without passwords. */
  readonly env: NodeJS.ProcessEnv;
  /** Program to version line, of those that were found. */
  readonly versions: Readonly<Record<string, string>>;
}

const isProgram = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const findIn = (folders: readonly string[], name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find(isProgram);

const needed = ['postgres', 'initdb', 'pg_ctl', 'psql', 'pg_dump'];

/** Debian keeps each version's programs in a folder of its own; the newest that is complete. */
const postgresFolder = (roots: readonly string[], path: readonly string[]): string | undefined => {
  const versioned = roots.flatMap((root) => {
    const parent = join(root, 'usr/lib/postgresql');
    const versions = existsSync(parent) ? readdirSync(parent).sort((a, b) => Number(b) - Number(a)) : [];
    return versions.map((version) => join(parent, version, 'bin'));
  });
  return [...versioned, ...path].find((folder) => needed.every((name) => isProgram(join(folder, name))));
};

/** Program to Debian package. */
const packages = { pgcopydb: 'pgcopydb', pgloader: 'pgloader', mariadb: 'mariadb-client-core' } as const;

const libraryFolders = (root: string): string[] => {
  const lib = join(root, 'usr/lib');
  const triplets = existsSync(lib) ? readdirSync(lib).filter((name) => name.endsWith('-linux-gnu')) : [];
  return triplets.flatMap((triplet) => [join(lib, triplet), join(root, 'lib', triplet)]);
};

const versionLine = (file: string, env: NodeJS.ProcessEnv): string => {
  const { stdout, stderr } = spawnSync(file, ['--version'], { env, encoding: 'utf8', timeout: 20_000 });
  const [line = ''] = (stdout || stderr || '').trim().split('\n');
  return line.replace(file, basename(file)).trim();
};

const describe = (root: string): Tools | undefined => {
  const systemPath = (process.env['PATH'] ?? '').split(delimiter);
  const postgresBin = postgresFolder(['/', root], systemPath);
  if (postgresBin === undefined) return undefined;
  const folders = [postgresBin, ...systemPath, join(root, 'usr/bin')];
  const env: NodeJS.ProcessEnv = {
    PATH: folders.join(delimiter),
    HOME: process.env['HOME'],
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    ...(existsSync(root) && { LD_LIBRARY_PATH: libraryFolders(root).join(delimiter) }),
  };
  const find = (name: string): string | undefined => findIn(folders, name);
  const versions = ['postgres', 'psql', 'pg_dump', ...Object.keys(packages), 'duckdb'].flatMap((name) => {
    const file = find(name);
    return file === undefined ? [] : [[name, versionLine(file, env)] as const];
  });
  return { postgresBin, find, env, versions: Object.fromEntries(versions) };
};

const missingPackages = (tools: Tools | undefined): string[] => [
  ...(tools ? [] : ['postgresql', 'postgresql-client']),
  ...Object.entries(packages).flatMap(([program, name]) => (tools?.find(program) ? [] : [name])),
];

/**
 * @param install fetch what is missing; nothing is installed into the system
 * @throws when there is no PostgreSQL server, without which there is nothing to compare
 */
export const findTools = async (work: WorkFolder, install: boolean, say: Say): Promise<Tools> => {
  const root = join(work.path, 'peers');
  const before = describe(root);
  const missing = missingPackages(before);
  if (missing.length > 0 && install && !existsSync(root)) {
    say(`fetching peers, Debian packages ${missing.join(', ')}, into ${root} (--no-install-peers leaves them out)`);
    const { unpackDebianPackages } = await localTool('debian-packages.mjs');
    await unpackDebianPackages({ folder: root, packages: missing, dependencies: true }).catch((error: unknown) => {
      say(`  could not be fetched: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    });
  }
  const tools = describe(root);
  if (!tools)
    throw new Error('No PostgreSQL server and client programs. Install the packages postgresql and postgresql-client.');
  return tools;
};
