/** The catalog's connection pool: opened once, migrated once however many catalogs start, with errors in our own words. */
import { ServiceError, conflict, unavailable } from '@sluice/messages';
import { DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { Initial1763700000000 } from '../migrations/1763700000000-initial.js';
import { DropOrders1763800000000 } from '../migrations/1763800000000-drop-orders.js';
import { entities } from './entities.js';

/** Any two catalogs use the same number; nothing else of ours takes advisory locks. */
const startLock = 7_318_349_394;

export class Database implements AsyncDisposable {
  private constructor(readonly source: DataSource) {}

  /** Connects and brings the schema up to date. `pool`: connections at most. */
  static async open(url: string, pool = 10): Promise<Database> {
    const source = new DataSource({
      type: 'postgres',
      url,
      entities,
      migrations: [Initial1763700000000, DropOrders1763800000000],
      migrationsTableName: 'migration',
      synchronize: false,
      logging: false,
      applicationName: 'sluice catalog',
      poolSize: pool,
      extra: { connectionTimeoutMillis: 5000, idleTimeoutMillis: 30_000, statement_timeout: 30_000 },
    });
    await source.initialize();
    const database = new Database(source);
    await database.alone(() => source.runMigrations({ transaction: 'each' }));
    return database;
  }

  /** Runs `work` while no other catalog runs one. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    try {
      await runner.query('SET statement_timeout = 0');
      await runner.query('SELECT pg_advisory_lock($1)', [startLock]);
      return await work();
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1)', [startLock]).catch(() => undefined);
      await runner.query('RESET statement_timeout').catch(() => undefined);
      await runner.release();
    }
  }

  get manager(): EntityManager {
    return this.source.manager;
  }

  /**
   * One transaction, begun anew when the database chose it as a deadlock's victim: `work` may run more than once and touches
   * nothing else. ServiceErrors pass, the database's own become ones a caller can act on.
   */
  async transaction<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.source.transaction(work);
      } catch (error) {
        if (tries === mostTries || !isVictim(error)) rethrow(error);
      }
    }
  }

  /** Outside of a transaction. */
  async run<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    return work(this.source.manager).catch(rethrow);
  }

  /** Connections of the pool: open, idle, and requests that wait for one. */
  poolUse(): { open: number; idle: number; waiting: number } {
    const pool = (
      this.source.driver as unknown as { master: Record<'totalCount' | 'idleCount' | 'waitingCount', number> }
    ).master;
    return { open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.destroy();
  }
}

/** Rows of a statement; TypeORM answers a pair for UPDATE and DELETE. */
export async function rows<T>(em: EntityManager, sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
  const result: unknown = await em.query(sql, [...parameters]);
  const pair = /^\s*(UPDATE|DELETE)/i.test(sql);
  return (pair ? (result as [T[], number])[0] : result) as T[];
}
export async function first<T>(
  em: EntityManager,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<T | undefined> {
  return (await rows<T>(em, sql, parameters))[0];
}

const mostTries = 5;
/** deadlock_detected, serialization_failure. */
const isVictim = (error: unknown): boolean =>
  error instanceof QueryFailedError && ['40P01', '40001'].includes((error.driverError as { code?: string }).code ?? '');

const taken: Readonly<Record<string, readonly [code: string, message: string]>> = {
  endpoint_name: ['name-taken', 'another one of this tenant has this name already'],
  pipeline_name: ['name-taken', 'another pipeline of this tenant has this name already'],
  run_active: ['run-active', 'a run of this pipeline is active already'],
  run_due: ['already-started', 'the run due at this time was started already'],
  run_previous: ['already-continued', 'this attempt was followed by another one already'],
  pipeline_source: ['in-use', 'a pipeline uses it'],
  pipeline_destination: ['in-use', 'a pipeline uses it'],
};
const offline = /^(08|57P0|53300)|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND/;

function rethrow(error: unknown): never {
  if (error instanceof ServiceError) throw error;
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const {
    code = '',
    constraint = '',
    message = '',
  } = (cause ?? {}) as Record<'code' | 'constraint' | 'message', string>;
  const known = taken[constraint];
  if (known && (code === '23505' || code === '23503')) throw conflict(known[0], known[1], { cause: error });
  if (offline.test(code) || /connection (terminated|timeout)|timeout exceeded when trying to connect/i.test(message))
    throw unavailable('database', "the catalog's database is not reachable; try again", { cause: error });
  throw error;
}
