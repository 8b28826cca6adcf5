/** What the benchmark borrows from tools/local, which are ES modules without declarations. */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Absolute path of the workspace. */
export const workspace = resolve(__dirname, '../../..');

export type Say = (line: string) => void;
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}
export interface Child {
  readonly pid: number;
  readonly exit?: { readonly code: number | null };
  stop(): Promise<unknown>;
}
export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly logFile: string;
  readonly stopSignal?: NodeJS.Signals;
  readonly graceMs?: number;
}
interface Modules {
  readonly 'child.mjs': { startChild(spec: ChildSpec): Child };
  readonly 'debian-packages.mjs': {
    unpackDebianPackages(request: {
      folder: string;
      packages: readonly string[];
      suite?: string;
      dependencies?: boolean;
    }): Promise<string>;
  };
  readonly 'log-files.mjs': { tailOf(file: string, lines?: number): string };
  readonly 'mariadb.mjs': {
    startMariadb(options: {
      dataDir: string;
      binDir: string;
      port: number;
      password: string;
      logFile: string;
      say: Say;
    }): Promise<{ child: Child; url: string }>;
  };
  readonly 'os-user.mjs': { databaseUser(): OsUser | undefined };
  readonly 'paths.mjs': { dataDirectory(): string; binDirectory(): string };
  readonly 'ports.mjs': { freePort(): Promise<number> };
  readonly 'reachable.mjs': { reachablePlace(user: OsUser | undefined, path: string): string };
}

/** Loads one module of tools/local. */
export const localTool = async <Name extends keyof Modules>(name: Name): Promise<Modules[Name]> =>
  (await import(pathToFileURL(join(workspace, 'tools/local', name)).href)) as Modules[Name];
