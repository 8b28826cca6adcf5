/**
 * When a schedule is due. A time of day that summer time skips is due when the clock has jumped; one that comes twice is due
 * at the first. Schedules with a wildcard or a step in minute or hour go by elapsed time instead, and run in both.
 */
import type { Schedule } from '@sluice/messages';
import { Cron } from 'croner';

export interface Occurrences {
  /** The first after `time`; null when there is none any more. */
  after(time: Date): Date | null;
  /** The last at or before `time`. */
  upTo(time: Date): Date | null;
}

/** Throws when the expression or the time zone is not valid. */
export function occurrencesOf({ cron, timezone = 'UTC' }: Schedule): Occurrences {
  const job = new Cron(cron, { mode: '5-part', timezone, paused: true, fixedTimeRule: 'no-wildcard' });
  return {
    after: (time) => job.nextRun(time),
    // Croner answers what lies before the reference.
    upTo: (time) => job.previousRuns(1, new Date(time.getTime() + 1))[0] ?? null,
  };
}
