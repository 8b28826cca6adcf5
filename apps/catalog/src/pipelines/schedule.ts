/** Checks a schedule before it is stored, with words a person can act on. */
import { invalid, type Schedule } from '@sluice/messages';
import { Cron } from 'croner';

const fix = "use five fields: minute hour day month weekday, e.g. '0 2 * * *' for 02:00 every day";

/** Throws 'schedule-invalid'. */
export function checkSchedule(schedule: Schedule | null | undefined): void {
  if (schedule === null || schedule === undefined) return;
  const { kind, cron, timezone } = schedule as Partial<Schedule>;
  if (kind !== 'cron' || typeof cron !== 'string')
    throw invalid('schedule-invalid', 'the schedule is not a cron schedule', { fix });
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5)
    throw invalid('schedule-invalid', `the cron expression "${cron}" has ${fields.length} field(s), five are needed`, {
      fix,
    });
  if (timezone !== undefined && !isTimeZone(timezone))
    throw invalid('schedule-invalid', `"${timezone}" is not a time zone`, {
      fix: "use an IANA name, e.g. 'Europe/Berlin'",
    });
  checkCron(cron, timezone ?? 'UTC');
}

function checkCron(cron: string, timezone: string): void {
  let next: Date | null;
  try {
    next = new Cron(cron, { mode: '5-part', timezone, paused: true }).nextRun();
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    throw invalid('schedule-invalid', `the cron expression "${cron}" is not valid: ${reason}`, { fix, cause: error });
  }
  if (next === null)
    throw invalid('schedule-invalid', `the cron expression "${cron}" names no time that ever comes`, { fix });
}

function isTimeZone(name: unknown): boolean {
  try {
    if (typeof name !== 'string' || name === '') return false;
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
