/** What the runner reads from its environment beside what every service reads. docs/configuration.md lists the variables. */
import { availableParallelism } from 'node:os';
import { type OutboundSettings, outboundGate } from '@sluice/outbound';
import { pluginRoots } from '@sluice/plugin-host';
import { natsServers, whole } from '@sluice/service';
import type { Parallelism } from './lane-board.js';

export interface RunnerSettings {
  /** Runs at the same time. */
  readonly slots: number;
  /** For runs that do not say. */
  readonly parallelism: Parallelism;
  /** Workers that stand by with their plugins loaded. */
  readonly warmWorkers: number;
  /** Connector types of the sources whose runs this runner takes; empty: all. Runners share a queue or have disjoint ones. */
  readonly connectors: readonly string[];
  /** Folders in which connector plugins are looked for. */
  readonly pluginRoots: readonly string[];
  /** Which hosts connections may go to. */
  readonly outbound: OutboundSettings;
  /** MiB of resident memory a worker may have. (Invariant 10) */
  readonly workerMemory: number;
  /** Seconds from the wish to cancel until workers are killed. */
  readonly cancelGrace: number;
  /** Seconds from SIGTERM until workers are killed. */
  readonly releaseGrace: number;
  /** Seconds without a sign of life from a worker until it is killed. */
  readonly workerSilence: number;
  /** Seconds between two heartbeats of a run. */
  readonly heartbeat: number;
}

export function runnerSettings(env: NodeJS.ProcessEnv = process.env): RunnerSettings {
  return {
    slots: whole(env, 'SLUICE_RUNNER_SLOTS', 2, 1, 64),
    parallelism: parallelismOf(env),
    warmWorkers: whole(env, 'SLUICE_WARM_WORKERS', 2, 0, 64),
    connectors: list(env['SLUICE_RUNNER_CONNECTORS'], ','),
    pluginRoots: pluginRoots(env),
    outbound: outboundSettings(env),
    workerMemory: whole(env, 'SLUICE_WORKER_MEMORY_MB', 512, 64, 65_536),
    cancelGrace: whole(env, 'SLUICE_CANCEL_GRACE_SECONDS', 30, 0, 3600),
    releaseGrace: whole(env, 'SLUICE_RELEASE_GRACE_SECONDS', 20, 0, 3600),
    workerSilence: whole(env, 'SLUICE_WORKER_SILENCE_SECONDS', 60, 2, 3600),
    heartbeat: whole(env, 'SLUICE_HEARTBEAT_SECONDS', 5, 1, 60),
  };
}

/** Throws an error that names the variable and the entry that cannot be read. */
function outboundSettings(env: NodeJS.ProcessEnv): OutboundSettings {
  const settings = {
    allow: list(env['SLUICE_OUTBOUND_ALLOW'], ','),
    deny: list(env['SLUICE_OUTBOUND_DENY'], ','),
    own: list(env['SLUICE_OWN_SERVERS'], ','),
  };
  outboundGate(settings);
  return { ...settings, own: [...settings.own, ...natsServers(env['SLUICE_NATS_URL'] ?? '')] };
}

export const evenly = (lanes: number): Parallelism => ({ lanes, parts: { rows: lanes, bytes: lanes } });

/** As many lanes as cores, at most four; of bytes half of that, as the servers at both ends have to do as much again. */
function parallelismOf(env: NodeJS.ProcessEnv): Parallelism {
  if (env['SLUICE_PARALLELISM']) return evenly(whole(env, 'SLUICE_PARALLELISM', 1, 1, 32));
  const cores = availableParallelism();
  const lanes = Math.min(4, cores);
  return { lanes, parts: { rows: lanes, bytes: Math.max(1, Math.min(4, Math.floor(cores / 2))) } };
}

const list = (text: string | undefined, separator: string): readonly string[] =>
  (text ?? '')
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
