/** What happens in a sync, attempt after attempt, as the messages of an event stream. */
import type { FinishedEvent, LogEvent, RunEvent, RunView } from '@sluice/messages';
import type { Bus, EventLog } from '../bus.js';
import { instant } from '../http/time.js';
import { forClients, withoutPlaces } from '../ingestion/words.js';
import { countsOf, errorEndOf, errorText, runWords, toStreamWords } from './run-words.js';

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
/** How often to look whether the catalog knows what comes next, in ms. */
const between = 250;
/** How long the catalog may take to agree that a sync is over, in ms. */
const agreement = 10_000;
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
    const next = await whatFollows(sources.bus, run, ending, signal);
    if (next === undefined) return;
    if (next.attempt > run.attempt) {
      // Who resumes beyond the end of this attempt has been told of it before.
      if (ending.seq !== undefined || afterSeq === 0) yield attemptEnded(ending, next);
      run = next;
    } else {
      yield finished(ending, next);
      run = undefined;
    }
  }
}

interface Ending {
  /** What the attempt said last; null when its runner vanished. */
  readonly over: FinishedEvent | null;
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
      if (isOver(run) || run.nextId !== null) return yield { over: null };
      continue;
    }
    const { seq, event } = logged;
    if (event.tenantId !== tenantId) continue; // Invariant 11
    if (event.kind === 'finished') return yield { over: event, seq };
    const message = toMessage(event);
    if (message) yield { ...message, seq };
  }
}

const isOver = ({ status }: RunView): boolean => !['pending', 'running', 'cancelling'].includes(status);

/** The attempt that follows, or the first one, which shows how the chain ended; undefined when nobody listens any more. */
async function whatFollows(
  bus: Bus,
  { tenantId, id, rootId }: RunView,
  { over }: Ending,
  signal: AbortSignal,
): Promise<RunView | undefined> {
  const mayFollow = over === null || over.outcome.status === 'failed';
  const until = mayFollow ? Infinity : Date.now() + agreement;
  while (!signal.aborted) {
    const { nextId } = await bus.call('catalog.runs.get', { tenantId, id });
    if (nextId !== null) return bus.call('catalog.runs.get', { tenantId, id: nextId });
    const root = await bus.call('catalog.runs.get', { tenantId, id: rootId });
    if (isOver(root) || Date.now() > until) return root;
    await new Promise((resolve) => setTimeout(resolve, between));
  }
  return undefined;
}

function toMessage(event: Exclude<RunEvent, FinishedEvent>): Omit<FeedMessage, 'seq'> | undefined {
  const at = instant(event.at);
  if (event.kind === 'progress') {
    const { phase, estimatedRows, streams } = event;
    return {
      type: 'progress',
      data: { phase, ...countsOf(event), estimatedRows, streams: streams.map(toStreamWords), at },
    };
  }
  if (event.kind === 'log') {
    return event.level === 'debug' ? undefined : { type: 'log', data: { ...toLogLine(event), at } };
  }
  // What a checkpoint holds is the source's own business, and may be a value of a row.
  if (event.kind === 'checkpoint')
    return { type: 'checkpoint', data: { lane: event.lane, complete: event.complete, at } };
  return undefined;
}

/** Traces are for whoever mends a plugin, and stand in the runner's log. */
const traces: ReadonlySet<string> = new Set(['stack', 'cause', 'stderr']);
function toLogLine({ level, message, fields }: LogEvent): object {
  const words = level === 'info' ? withoutPlaces : forClients; // statements are told as they were run
  const shown = Object.entries(fields ?? {}).filter(([name]) => !traces.has(name));
  const clean = shown.map(([name, value]) => [name, typeof value === 'string' ? words(value) : value] as const);
  return { level, message: words(message), ...(shown.length > 0 && { fields: Object.fromEntries(clean) }) };
}

/** `root` shows the sums of all attempts, as GET /api/v1/syncs/{id} does. */
function finished({ over, seq }: Ending, root: RunView): FeedMessage {
  const status = isOver(root) ? root.status : (over?.outcome.status ?? 'failed');
  const why =
    root.error === null
      ? {}
      : { errorMessage: errorText(root.error), errorCode: root.error.code, ...errorEndOf(root.error) };
  const at = root.finishedAt ?? over?.at ?? new Date().toISOString();
  return {
    type: 'finished',
    data: { status: runWords[status], ...countsOf(root), ...why, at: instant(at) },
    ...(seq !== undefined && { seq }),
  };
}

function attemptEnded({ over, seq }: Ending, next: RunView): FeedMessage {
  const outcome = over?.outcome;
  const why = outcome?.status === 'failed' ? errorText(outcome.error) : 'its runner stopped answering';
  const message = `Attempt ${next.attempt - 1} failed: ${why}. Attempt ${next.attempt} follows`;
  const at = instant(over?.at ?? next.createdAt);
  return { type: 'log', data: { level: 'warn', message, at }, ...(seq !== undefined && { seq }) };
}
