/** Lets a few pieces of work of one owner run at a time, in the order they came: an owner who asks for much waits for itself. */
import { unavailable } from '@sluice/messages';

export interface TurnLimits {
  readonly atOnce: number;
  /** Beyond this many that wait, the next is refused. */
  readonly waiting: number;
}
export type InTurn = <T>(owner: string, work: () => Promise<T>) => Promise<T>;

/** Throws 'unavailable' when too many wait already. */
export function turns({ atOnce, waiting }: TurnLimits): InTurn {
  const owners = new Map<string, { busy: number; readonly queue: (() => void)[] }>();
  return async (owner, work) => {
    const mine = owners.get(owner) ?? { busy: 0, queue: [] };
    owners.set(owner, mine);
    if (mine.busy < atOnce) mine.busy++;
    else if (mine.queue.length >= waiting)
      throw unavailable('too-many-probes', 'too many tests and discoveries of this tenant are under way', {
        fix: 'try again when some have ended',
      });
    else await new Promise<void>((resolve) => mine.queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = mine.queue.shift();
      if (next) next();
      else if (--mine.busy === 0) owners.delete(owner);
    }
  };
}
