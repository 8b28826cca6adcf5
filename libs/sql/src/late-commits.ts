/** Seconds: the zones of the world differ by multiples of it. */
export const zoneStep = 900;

/**
 * Seconds to wait for the lag of a time whose zone is unknown: only a mark within the lag of the clock in one of the zones can be too young.
 * `age`: of the mark, by UTC; undefined for what is no such time. A clock that is ahead by some seconds is allowed for. A lag of
 * `zoneStep` or more cannot be kept so, and has to go by UTC.
 */
export function restFor(lag: number, age: number | undefined): number {
  if (age === undefined || lag === 0 || lag >= zoneStep) return 0;
  const ago = ((age % zoneStep) + zoneStep) % zoneStep;
  return ago > zoneStep - 5 ? lag + zoneStep - ago : Math.max(0, lag - ago);
}

/** Resolves after `ms`, or on abort. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

/**
 * Waits until the transactions that `list` tells now have ended, for `seconds` at most, and answers those that have not. Later ones
 * are not waited for. Undefined when `list` cannot tell.
 */
export async function outlast<T extends { readonly id: string }>(
  list: () => Promise<readonly T[] | undefined>,
  seconds: number,
  signal: AbortSignal,
): Promise<readonly T[] | undefined> {
  const deadline = Date.now() + seconds * 1000;
  let open = await list();
  for (let pause = 20; open?.length && Date.now() < deadline && !signal.aborted; pause = Math.min(pause * 2, 500)) {
    await rest(Math.min(pause, deadline - Date.now()), signal);
    const now = await list();
    open = now && open.filter(({ id }) => now.some((one) => one.id === id));
  }
  return open;
}
