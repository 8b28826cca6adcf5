/** What the catalog shows at /metrics. Read from the database when asked for, so that every catalog shows the same. */
import type { Ops } from '@sluice/service';
import { Gauge } from 'prom-client';
import { first, rows, type Database } from './database/database.js';

export function showMetrics({ metrics }: Pick<Ops, 'metrics'>, db: Database): void {
  const registers = [metrics];
  new Gauge({
    name: 'sluice_runs',
    help: 'Runs that are active, and those that ended within the last day, by status.',
    labelNames: ['status'],
    registers,
    async collect() {
      this.reset();
      const sql = `SELECT status, count(*)::int AS n FROM run
        WHERE status IN ('pending', 'running', 'cancelling') OR finished_at > now() - interval '1 day' GROUP BY status`;
      const found = await db.run((em) => rows<{ status: string; n: number }>(em, sql)).catch(() => []);
      for (const { status, n } of found) this.set({ status }, n);
    },
  });
  const gauge = (name: string, help: string, sql: string): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const found = await db.run((em) => first<{ n: number }>(em, sql)).catch(() => undefined);
        this.set(found?.n ?? NaN);
      },
    });
  gauge(
    'sluice_queue_depth',
    'Runs that are due and that no runner has taken.',
    "SELECT count(*)::int AS n FROM run WHERE status = 'pending' AND (not_before IS NULL OR not_before <= now())",
  );
  gauge(
    'sluice_outbox_lag_seconds',
    'Age of the oldest announcement that is due and not published.',
    `SELECT coalesce(extract(epoch FROM now() - min(available_at)), 0)::float8 AS n FROM outbox
     WHERE kind = 'run-start' AND available_at <= now()`,
  );
  gauge(
    'sluice_drop_orders',
    'Deleted pipelines whose checkpoints and shadow tables are still to be removed.',
    "SELECT count(*)::int AS n FROM drop_order WHERE status = 'pending'",
  );
  new Gauge({
    name: 'sluice_catalog_connections',
    help: 'Connections of the pool, and requests that wait for one, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, n] of Object.entries(db.poolUse())) this.set({ state }, n);
    },
  });
}
