/** Triggers a connection and waits until its run is over, as a client does: through the event stream and the status. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, Sync } from './api.js';
import type { ServerEvent } from './server-events.js';

export interface SyncResult {
  readonly sync: Sync;
  /** From sending the trigger to knowing that the run is over. */
  readonly wallSeconds: number;
  /** From sending the trigger to the time stamp of the event that first tells of data read; null when none did. */
  readonly firstRowMs: number | null;
}

/** The payload of an event, as far as the benchmark looks at it. */
interface RunEvent {
  readonly rowsRead?: number;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly at?: string;
}

const payload = ({ data }: ServerEvent): RunEvent => {
  try {
    return JSON.parse(data) as RunEvent;
  } catch {
    return {};
  }
};

/** A log line of the runner says it at once, with the stages of the start; progress says it at its next beat. */
const tellsOfData = ({ rowsRead = 0, fields }: RunEvent): boolean =>
  rowsRead > 0 || fields?.['first-data'] !== undefined;

/** Reads the stream until the run's last event, or until it ends. @returns ms since the epoch of the first row */
const follow = async (events: AsyncIterable<ServerEvent>): Promise<number | null> => {
  let firstRow: number | null = null;
  for await (const event of events) {
    const told = payload(event);
    if (firstRow === null && tellsOfData(told)) firstRow = told.at === undefined ? Date.now() : Date.parse(told.at);
    if (event.event === 'finished') break;
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
