/** Transactions that may yet commit rows below a cursor value already seen. InnoDB tells them to users with the right PROCESS. */
import { randomBytes } from 'node:crypto';
import { outlast, rest } from '@sluice/sql';
import { errorNumber } from '../errors.js';
import type { SourceState } from './source.js';

export interface Writer {
  readonly id: string;
  /** The connection; 0 for a prepared XA transaction. */
  readonly thread: number;
}

/**
 * All that have written or locked a row, in any table: of what, InnoDB does not say. Asked inside a transaction of ours, because the server answers
 * from a copy that it makes anew only when nobody looked for 0.1 s: it is new when our own line quotes this very statement.
 * Undefined when they may not be seen, or no new copy is to be had.
 */
export async function openWriters({
  link,
  context,
}: Pick<SourceState, 'link' | 'context'>): Promise<Writer[] | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const mark = `sluice ${randomBytes(8).toString('hex')}`;
    const sql = `SELECT /* ${mark} */ trx_id, trx_mysql_thread_id, trx_mysql_thread_id = CONNECTION_ID() AND trx_query LIKE '%${mark}%',
      trx_mysql_thread_id <> CONNECTION_ID() AND (trx_rows_modified > 0 OR trx_lock_structs > 0) FROM information_schema.INNODB_TRX`;
    try {
      const rows = await link.query(sql);
      if (rows.some((row) => row[2] === '1'))
        return rows.filter((row) => row[3] === '1').map((row) => ({ id: row[0]!, thread: Number(row[1]) }));
    } catch (error) {
      if (errorNumber(error) === 1227) return undefined;
      throw error;
    }
    await rest(110 + Math.random() * 100, context.signal);
  }
  return undefined;
}

/** Waits for those that are open now, for `cursor_wait_seconds` at most. Answers those that stay; undefined when they may not be seen. */
export const outlastWriters = (state: SourceState): Promise<readonly Writer[] | undefined> =>
  outlast(() => openWriters(state), state.config.cursor_wait_seconds, state.context.signal);
