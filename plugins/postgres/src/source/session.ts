/** An open PostgreSQL source: one connection, and the one moment that all its full reads see. */
import { ConfigError, type Context, type SourceSession, codes } from '@sluice/connector-sdk';
import type { SourceConfig } from '../config.js';
import { type Connection, connect, disconnect } from '../connect.js';
import { mapped } from '../errors.js';
import { literal } from '../names.js';
import { checkSource } from './check.js';
import { discover } from './discover.js';
import { read } from './read.js';
import { split } from './split.js';

export const supported = { from: 13, to: 18 } as const;

/** What the parts of the source share. */
export interface Source {
  readonly config: SourceConfig;
  readonly connection: Connection;
  readonly context: Context;
  /** Where `read` keeps its place in time; see `Moment`. */
  readonly moment: Moment;
}

/** Connects. Throws ConfigError or TransientError. */
export async function openSource(config: SourceConfig, context: Context): Promise<SourceSession> {
  const connection = await connect(config, context);
  const source: Source = { config, connection, context, moment: new Moment(connection, context) };
  return {
    check: () => mapped(() => checkSource(source)),
    discover: (only) => mapped(() => discover(connection, only)),
    read: (requests, after) => read(source, requests, after),
    split: (stream, parts) => mapped(() => split(source, stream, parts)),
    [Symbol.asyncDispose]: () => disconnect(connection),
  };
}

/** One REPEATABLE READ transaction, kept open: every statement in it sees the database as of its first. */
export class Moment {
  readonly #connection: Connection;
  readonly #context: Context;
  #snapshot: string | undefined;
  #open = false;

  constructor(connection: Connection, context: Context) {
    this.#connection = connection;
    this.#context = context;
  }

  /** Opens the moment; with `snapshot`, that of another session, when it is still to be had. False: it was open already. */
  async enter(snapshot?: string): Promise<boolean> {
    if (this.#open && (snapshot === undefined || snapshot === this.#snapshot)) return false;
    await this.leave();
    if (snapshot !== undefined && (await this.#import(snapshot))) return true;
    await this.#begin();
    await this.#mark();
    return true;
  }

  /** Makes the moment's snapshot known to other sessions, for as long as this one stays open. */
  async export(): Promise<string> {
    await this.enter();
    if (this.#snapshot !== undefined) return this.#snapshot;
    const { client } = this.#connection;
    await client.query('RELEASE SAVEPOINT moment'); // a subtransaction cannot export
    const { rows } = await client.query<{ id: string }>('SELECT pg_catalog.pg_export_snapshot() AS id');
    this.#snapshot = rows[0]!.id;
    await client.query('SAVEPOINT moment');
    return this.#snapshot;
  }

  /** Undoes a cancelled statement, and gives back the locks of those before it: the transaction goes on, and the moment with it. */
  async recover(): Promise<void> {
    if (this.#open) await this.#connection.client.query('ROLLBACK TO SAVEPOINT moment');
  }

  async leave(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#snapshot = undefined;
    await this.#connection.client.query('ROLLBACK');
  }

  async #begin(): Promise<void> {
    await this.#connection.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    this.#open = true;
  }
  /** The savepoint is what fixes the snapshot's use: it comes after the first statement, or after the import. */
  async #mark(): Promise<void> {
    await this.#connection.client.query('SELECT 1; SAVEPOINT moment');
  }

  async #import(snapshot: string): Promise<boolean> {
    await this.#begin();
    try {
      await this.#connection.client.query(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`);
    } catch (error) {
      await this.leave();
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log('warn', 'The snapshot that the parts share is gone: this part is read as of now.', { reason });
      return false;
    }
    this.#snapshot = snapshot;
    await this.#mark();
    return true;
  }
}

export const unsupported = (message: string): ConfigError => new ConfigError(message, { code: codes.unsupported });
