/** What the scheduler reads from its environment beside what every service reads. docs/configuration.md lists the variables. */
import { whole } from '@sluice/service';

export interface SchedulerSettings {
  /** For how long a leader that is not heard of stays the leader, ms. */
  readonly leaderTtl: number;
  /** How often lost and failed attempts are looked for, ms. */
  readonly watchdogEvery: number;
  /** Waits before attempts are multiplied by this; 1 but for tests. */
  readonly retryScale: number;
}

export function schedulerSettings(env: NodeJS.ProcessEnv = process.env): SchedulerSettings {
  return {
    leaderTtl: whole(env, 'SLUICE_LEADER_TTL_MS', 10_000, 1000, 600_000),
    watchdogEvery: whole(env, 'SLUICE_WATCHDOG_MS', 2000, 20, 60_000),
    retryScale: scale(env, 'SLUICE_RETRY_SCALE'),
  };
}

function scale(env: NodeJS.ProcessEnv, name: string): number {
  const value = Number(env[name] || 1);
  if (!(value >= 0 && value <= 10))
    throw new Error(`${name} is ${JSON.stringify(env[name])}; a number from 0 to 10 is needed`);
  return value;
}
