/** What happens in a sync, attempt after attempt, as the messages of an event stream. */
import type { FinishedEvent, RunEvent, RunView } from '@sluice/messages';
import type { Bus, EventLog } from '../bus.js';
import { countsOf, errorText, runWords, toStreamWords } from './run-words.js';

export interface FeedMessage {
  readonly type: 'progress' | 'log' | 'checkpoint' | 'finished';
  readonly data: object;
  /** Absent for what the log of events does not hold: it cannot be resumed from. */
  readonly seq?: number;
}
export interface FeedSources {
  readonly bus: Bus;
  readonly events: EventLog;
}
/** How long to wait for the next attempt after one that can be tried again, in ms. */
const grace = 3000;
const between = 250;
/** Seconds of silence between two looks at what the catalog says. */
const askEvery = 3;

/** Past and coming messages with a place after `afterSeq`; ends after 'finished', the last word on the sync. */
export async function* feedOf(
  sources: FeedSources,
  first: RunView,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<FeedMessage> {
  let run: RunView | undefined = first;
  let seq = afterSeq;
  while (run !== undefined && !signal.aborted) {
    let ending: Ending | undefined;
    for await (const item of attempt(sources, run, seq, signal)) {
      if ('over' in item) ending = item;
      else {
        seq = item.seq ?? seq;
        yield item;
      }
    }
    if (ending === undefined) return;
    seq = ending.seq ?? seq;
    run = await successor(sources.bus, run, ending, signal);
    if (run === undefined) yield finished(ending);
    // Who resumes beyond the end of this attempt has been told of it before.
    else if (ending.seq !== undefined || afterSeq === 0) yield attemptFailed(ending, run);
  }
}

interface Ending {
  readonly over: Pick<FinishedEvent, 'outcome' | 'at' | 'rowsRead' | 'rowsWritten' | 'rowsRejected' | 'bytes'>;
  readonly seq?: number;
}
/** The messages of one attempt, then its end. An attempt whose runner vanished says no last word: the catalog has it. */
async function* attempt(
  { bus, events }: FeedSources,
  { tenantId, id }: RunView,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<FeedMessage | Ending> {
  let quiet = 0;
  for await (const logged of events.read(id, afterSeq, signal)) {
    if (logged === undefined) {
      if (quiet++ % askEvery !== 0) continue;
      const run = await bus.call('catalog.runs.get', { tenantId, id });
      if (!isOver(run)) continue;
      return yield {
        over: { outcome: outcomeOf(run), at: run.finishedAt ?? new Date().toISOString(), ...countsOf(run) },
      };
    }
    const { seq, event } = logged;
    if (event.tenantId !== tenantId) continue; // Invariant 11
    if (event.kind === 'finished') return yield { over: event, seq };
    const message = toMessage(event);
    if (message) yield { ...message, seq };
  }
}

const isOver = ({ status }: RunView): boolean => !['pending', 'running', 'cancelling'].includes(status);

function outcomeOf({ status, error }: RunView): FinishedEvent['outcome'] {
  if (status === 'succeeded' || status === 'partial' || status === 'cancelled') return { status };
  return { status: 'failed', error: error ?? { class: 'bug', code: 'unknown', message: 'The sync failed' } };
}

/** The attempt that follows, or undefined when the chain is over. */
async function successor(
  bus: Bus,
  { tenantId, id }: RunView,
  { over }: Ending,
  signal: AbortSignal,
): Promise<RunView | undefined> {
  if (over.outcome.status !== 'failed') return undefined;
  const retryable = ['transient', 'bug', 'heartbeat'].includes(over.outcome.error.class);
  const until = Date.now() + (retryable ? grace : 0);
  for (;;) {
    const run = await bus.call('catalog.runs.get', { tenantId, id });
    if (run.nextId !== null) return bus.call('catalog.runs.get', { tenantId, id: run.nextId });
    const stillComing = run.retrying ?? Date.now() < until;
    if (!stillComing || signal.aborted) return undefined;
    await new Promise((resolve) => setTimeout(resolve, between));
  }
}

function toMessage(event: Exclude<RunEvent, FinishedEvent>): Omit<FeedMessage, 'seq'> | undefined {
  const { at } = event;
  if (event.kind === 'progress') {
    const { phase, estimatedRows, streams } = event;
    return {
      type: 'progress',
      data: { phase, ...countsOf(event), estimatedRows, streams: streams.map(toStreamWords), at },
    };
  }
  if (event.kind === 'log') {
    const { level, message, fields } = event;
    return { type: 'log', data: { level, message, ...(fields && { fields }), at } };
  }
  // What a checkpoint holds is the source's own business, and may be a value of a row.
  if (event.kind === 'checkpoint')
    return { type: 'checkpoint', data: { lane: event.lane, complete: event.complete, at } };
  return undefined;
}

function finished({ over, seq }: Ending): FeedMessage {
  const { outcome, at } = over;
  const why =
    outcome.status === 'failed' ? { errorMessage: errorText(outcome.error), errorCode: outcome.error.code } : {};
  return {
    type: 'finished',
    data: { status: runWords[outcome.status], ...countsOf(over), ...why, at },
    ...(seq !== undefined && { seq }),
  };
}

function attemptFailed({ over, seq }: Ending, next: RunView): FeedMessage {
  const why = over.outcome.status === 'failed' ? errorText(over.outcome.error) : over.outcome.status;
  const message = `Attempt ${next.attempt - 1} failed: ${why}. Attempt ${next.attempt} follows`;
  return { type: 'log', data: { level: 'warn', message, at: over.at }, ...(seq !== undefined && { seq }) };
}
