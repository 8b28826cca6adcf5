/** A sync is a chain of attempts; the client knows it by one id, that of its first. */
import type { ById, RunView } from '@sluice/messages';
import type { Bus } from '../bus.js';

export interface Chain {
  /** The attempt that was asked for. */
  readonly first: RunView;
  /** The latest one: its state is the chain's. */
  readonly last: RunView;
}

/** Throws ServiceError 'not-found'. */
export async function chainOf(bus: Bus, { tenantId, id }: ById): Promise<Chain> {
  return followed(bus, await bus.call('catalog.runs.get', { tenantId, id }));
}

export async function followed(bus: Bus, first: RunView): Promise<Chain> {
  let last = first;
  const seen = new Set([first.id]);
  while (last.nextId !== null && !seen.has(last.nextId)) {
    seen.add(last.nextId);
    last = await bus.call('catalog.runs.get', { tenantId: first.tenantId, id: last.nextId });
  }
  return { first, last };
}
