/** Triggers a connection and waits until its run is over, as a client does: through the event stream and the status. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, Sync } from './api.js';
import type { ServerEvent } from './server-events.js';

export interface SyncResult {
  readonly sync: Sync;
  /** From sending the trigger to knowing that the run is over. */
  readonly wallSeconds: number;
  /** From sending the trigger to the event that first shows a row read; null when no event did. */
  readonly firstRowMs: number | null;
}

/** The payload of an event, as far as the benchmark looks at it. */
interface RunEvent {
  readonly kind?: string;
  readonly rowsRead?: number;
  readonly at?: string;
}

const payload = ({ data }: ServerEvent): RunEvent => {
  try {
    return JSON.parse(data) as RunEvent;
  } catch {
    return {};
  }
};

/** Reads the stream until the run's last event, or until it ends. @returns ms since the epoch of the first row */
const follow = async (events: AsyncIterable<ServerEvent>): Promise<number | null> => {
  let firstRow: number | null = null;
  for await (const event of events) {
    const { kind, rowsRead, at } = payload(event);
    if (firstRow === null && (rowsRead ?? 0) > 0) firstRow = at === undefined ? Date.now() : Date.parse(at);
    if (kind === 'finished' || event.event === 'finished') break;
  }
  return firstRow;
};

/** @throws Error with the run's own message when it did not succeed */
export const runSync = async (api: Api, connectionId: string, seconds = 1800): Promise<SyncResult> => {
  const stop = AbortSignal.timeout(seconds * 1000);
  const start = performance.now();
  const sentAt = Date.now();
  const { id } = await api.trigger(connectionId);
  const firstRow = await follow(api.events(id, stop)).catch(() => null); // the status below is what counts
  for (;;) {
    const sync = await api.sync(id);
    if (sync.status !== 'RUNNING' && sync.status !== 'PENDING') {
      const wallSeconds = (performance.now() - start) / 1000;
      if (sync.status !== 'SUCCEEDED') throw new Error(`sync ${sync.status}: ${sync.errorMessage ?? '(no message)'}`);
      return { sync, wallSeconds, firstRowMs: firstRow === null ? null : firstRow - sentAt };
    }
    stop.throwIfAborted();
    await sleep(20);
  }
};
