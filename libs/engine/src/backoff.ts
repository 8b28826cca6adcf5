/** Waits between tries: exponential with full jitter, so that many lanes that failed together do not come back together. */
export interface Backoff {
  /** Tries in a row without a commit in between, the first included. */
  readonly tries: number;
  /** Milliseconds: the first wait is up to `base`, each later one up to twice that, none above `cap`. */
  readonly base: number;
  readonly cap: number;
}
export const defaultBackoff: Backoff = { tries: 5, base: 500, cap: 15_000 };

/** Milliseconds before the next try after `failures` of them (1 or more); never less than what the system asked for. */
export function backoffDelay(
  { base, cap }: Pick<Backoff, 'base' | 'cap'>,
  failures: number,
  retryAfter = 0,
  random = Math.random(),
): number {
  return Math.max(retryAfter, random * Math.min(cap, base * 2 ** (failures - 1)));
}
