/** A system in memory, with what plugins of real ones meet: connections that break, a password, tables, a change log. */
import { ConfigError, TransientError, codes, streamId } from '@sluice/connector-sdk';
import type { Change, Row } from '@sluice/connector-sdk';
import type { PeerColumn, PeerTable } from '../peer.js';
import type { MemoryConfig } from './config.js';

export interface MemoryTable {
  path: readonly string[];
  columns: readonly PeerColumn[];
  key: readonly string[];
  rows: Row[];
}

export const memoryPassword = 'open sesame';

export class MemorySystem {
  readonly tables = new Map<string, MemoryTable>();
  /** Committed transactions; the position of the first is `purged`. */
  log: (readonly Change[])[] = [];
  purged = 0;
  /** Rows handed to a connection so far. */
  fetched = 0;
  readonly connections = new Set<MemoryConnection>();
  readonly #waiting = new Set<() => void>();

  connect(config: MemoryConfig): MemoryConnection {
    if (config.host === 'nowhere')
      throw new ConfigError("the host 'nowhere' does not resolve", { code: codes.unreachable, path: ['host'] });
    if (config.password !== memoryPassword)
      throw new ConfigError('the password was refused', { code: codes.authentication, path: ['password'] });
    return new MemoryConnection(this);
  }
  make(table: PeerTable): void {
    this.tables.set(streamId(table.path), { ...table, rows: [...table.rows] });
  }
  /** The position after the last transaction. */
  get position(): number {
    return this.purged + this.log.length;
  }
  /** Applies the changes to the tables and appends them to the log, as one. */
  commit(changes: readonly Change[]): void {
    for (const change of changes) this.#apply(change);
    this.log.push(changes);
    for (const wake of this.#waiting) wake();
  }
  lose(): void {
    this.purged += this.log.length;
    this.log = [];
  }
  cut(): void {
    for (const connection of this.connections) connection.broken = true;
    for (const wake of this.#waiting) wake();
  }
  /** Resolves when something is committed or cut, or when the signal aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
  #apply(change: Change): void {
    const table = this.tables.get(change.stream);
    if (table) applyChange(table, change);
  }
}

/** The rows after one change. A value that is left out keeps what is stored. */
export function applyChange(table: Pick<MemoryTable, 'columns' | 'key' | 'rows'>, change: Change): void {
  if (change.op === 'truncate') return void (table.rows = []);
  const key = keyOf(table);
  if (change.op === 'insert') return void (table.rows = upserted(table, change.after));
  const gone = key(change.op === 'delete' ? change.before : (change.before ?? change.after));
  const old = table.rows.find((row) => key(row) === gone);
  table.rows = table.rows.filter((row) => row !== old);
  if (change.op === 'delete') return;
  const after = change.after.map((value, i) => (value === undefined ? old?.[i] : value));
  table.rows = upserted(table, after);
}

function upserted(table: Pick<MemoryTable, 'columns' | 'key' | 'rows'>, row: Row): Row[] {
  const key = keyOf(table);
  return [...(table.key.length > 0 ? table.rows.filter((old) => key(old) !== key(row)) : table.rows), row];
}

/** One text per key; a table without one is keyed by the whole row. */
export function keyOf(table: Pick<MemoryTable, 'columns' | 'key'>): (row: Row) => string {
  const names = table.columns.map(({ name }) => name);
  const at = table.key.length > 0 ? table.key.map((name) => names.indexOf(name)) : names.map((_, i) => i);
  const [only] = at;
  if (at.length === 1 && only !== undefined) return (row) => String(row[only]);
  return (row) => JSON.stringify(at.map((i) => String(row[i])));
}

export class MemoryConnection {
  broken = false;
  constructor(readonly system: MemorySystem) {
    system.connections.add(this);
  }
  /** Throws when the connection was cut: called before every use. */
  use(): MemorySystem {
    if (this.broken) throw new TransientError('the connection was cut');
    return this.system;
  }
  close(): void {
    this.system.connections.delete(this);
  }
}
