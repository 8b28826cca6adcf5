/** Whether a failed attempt is followed by another one, and when. */
import type { RunError, UnresolvedRun } from '@sluice/messages';

export type Decision =
  { readonly retry: false; readonly why: string } | { readonly retry: true; readonly delay: number };

const firstWait = 10_000;
const factor = 3;
const longestWait = 30 * 60_000;
/** However much progress they make. */
const attemptsAtMost = 20;
/** The others need a person: a wrong password does not become right, nor does a lost position come back. */
const worthRepeating: ReadonlySet<RunError['class']> = new Set(['transient', 'bug', 'heartbeat']);

type Attempt = Pick<
  UnresolvedRun,
  'status' | 'error' | 'attempt' | 'maxAttempts' | 'fruitless' | 'fruitlessInARow' | 'lostRunners' | 'cancelRequestedAt'
>;

/** `delay` in ms. `random` is in [0, 1); `scale` multiplies every wait. */
export function decide(run: Attempt, random: number, scale = 1): Decision {
  const why = reasonToStop(run);
  if (why !== undefined) return { retry: false, why };
  return { retry: true, delay: Math.round(wait(run, random) * scale) };
}

function reasonToStop({ error, attempt, maxAttempts, fruitless, cancelRequestedAt }: Attempt): string | undefined {
  if (cancelRequestedAt !== null) return 'it was cancelled';
  if (error === null || !worthRepeating.has(error.class)) return `errors of class '${error?.class}' are not retried`;
  if (maxAttempts <= 1) return 'the pipeline allows one attempt';
  if (fruitless >= maxAttempts) return `${fruitless} attempts made no progress`;
  if (attempt >= attemptsAtMost) return `there were ${attempt} attempts`;
  return undefined;
}

/** 10 s, 30 s, 90 s, ... and a fifth more or less, so that pipelines which failed together do not return together. */
function wait({ error, fruitlessInARow, lostRunners }: Attempt, random: number): number {
  // The first lost runner is nobody's fault; a second one may be what the run does to its runners.
  if (error?.class === 'heartbeat' && lostRunners <= 1) return 0;
  const step = Math.max(fruitlessInARow, 1) - 1;
  const backoff = Math.min(firstWait * factor ** step, longestWait) * (0.8 + 0.4 * random);
  return Math.min(Math.max(backoff, error?.retryAfter ?? 0), Math.max(longestWait, error?.retryAfter ?? 0));
}
