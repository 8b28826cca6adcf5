import { Counter, Gauge, Histogram } from 'prom-client';
import type { Ops } from '@sluice/service';
import type { WorkerPool } from './worker-pool.js';

export type RunnerMetrics = ReturnType<typeof runnerMetrics>;

/** The runner's figures. Names and labels are part of its interface: docs/operations.md lists them. */
export function runnerMetrics({ metrics }: Pick<Ops, 'metrics'>, pool: Pick<WorkerPool, 'taken'>) {
  const registers = [metrics];
  const seconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200];
  const memory = (of: (bytes: readonly number[]) => number) =>
    function collect(this: Gauge): void {
      this.set(of([...pool.taken].map((worker) => worker.memory)));
    };
  new Gauge({
    name: 'sluice_worker_memory_bytes',
    help: 'Resident memory of the greatest worker at work.',
    registers,
    collect: memory((bytes) => Math.max(0, ...bytes)),
  });
  new Gauge({
    name: 'sluice_workers_memory_bytes',
    help: 'Resident memory of all workers at work.',
    registers,
    collect: memory((bytes) => bytes.reduce((sum, one) => sum + one, 0)),
  });
  return {
    rows: new Counter({
      name: 'sluice_run_rows_total',
      help: 'Rows read from sources, and rows committed at destinations.',
      labelNames: ['direction'] as const,
      registers,
    }),
    bytes: new Counter({
      name: 'sluice_run_bytes_total',
      help: 'Bytes moved, as encoded between the two sides.',
      registers,
    }),
    active: new Gauge({ name: 'sluice_runs_active', help: 'Runs that this runner works on.', registers }),
    ended: new Counter({
      name: 'sluice_runs_ended_total',
      help: 'Runs that this runner let go of, by how.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    queueWait: new Histogram({
      name: 'sluice_run_queue_wait_seconds',
      help: 'From the start message to the runner that took it.',
      buckets: seconds,
      registers,
    }),
    firstRow: new Histogram({
      name: 'sluice_run_first_row_seconds',
      help: 'From the start message to the first data read.',
      buckets: seconds,
      registers,
    }),
    lane: new Histogram({
      name: 'sluice_lane_duration_seconds',
      help: 'Time that a lane took, by how it ended.',
      labelNames: ['status'] as const,
      buckets: seconds,
      registers,
    }),
  };
}
