/**
 * A worker process: plain Node with the engine and plugins, nothing of the services. It works for one run or one probe, then it
 * is done. Whatever goes wrong in here takes down this process and nothing else.
 */
import { outboundGate } from '@sluice/outbound';
import type { Json, Stream } from '@sluice/connector-sdk';
import { openRegistry } from '@sluice/plugin-host';
import { reportWithEnd } from './worker/ends.js';
import { preload } from './worker/preload.js';
import { check, discover, drop } from './worker/probe.js';
import type { FromWorker, Note, OpenOrder, Orders, Report, ToWorker, WorkerSettings } from './worker/protocol.js';
import { RunSide } from './worker/run-side.js';
import { scrubJson, scrubber, type Scrub } from './worker/scrub.js';

const beatEvery = 1000;
/** Settings come as an argument: they are no secret, and there is no environment. */
const settings = JSON.parse(process.argv[2]!) as WorkerSettings;
const registry = openRegistry({ roots: settings.pluginRoots });
const host = { registry, ...outboundGate(settings.outbound) };
const stop = new AbortController();
let scrub: Scrub = scrubber();
let run: RunSide | undefined;
let busy = 0;

const send = (message: FromWorker): void => void process.send?.(message);
const tell = (note: Note): void => {
  if (note.kind !== 'log') return send(note);
  const { fields, ...rest } = note;
  send({ ...rest, message: scrub(note.message), ...(fields !== undefined && { fields: scrubJson(scrub, fields) }) });
};
const log = (level: 'debug' | 'info' | 'warn', message: string, fields?: Readonly<Record<string, Json>>): void =>
  tell({ kind: 'log', level, message, ...(fields !== undefined && { fields }) });
const clean = (error: Report): Report => ({
  ...error,
  message: scrub(error.message),
  ...(error.fix !== undefined && { fix: scrub(error.fix) }),
});
const hide = (...openings: readonly OpenOrder[]): void => {
  scrub = scrubber(...openings.map(({ secrets }) => secrets));
};

type Work = { [K in keyof Orders]: (body: Orders[K][0]) => Promise<Orders[K][1]> };
const probing = { host, signal: stop.signal, log };
const work: Work = {
  preload: async ({ types }) => {
    await preload(registry, types, log);
    return null;
  },
  check: async ({ role, opening }) => {
    hide(opening);
    const findings = await check(probing, role, opening);
    return findings.map((finding) => scrubJson(scrub, { ...finding }));
  },
  drop: async (order) => {
    hide(order.opening);
    const left = await drop(probing, order);
    return left.map((finding) => scrubJson(scrub, { ...finding }));
  },
  discover: async ({ opening }) => {
    hide(opening);
    const page = (streams: readonly Stream[]): void => tell({ kind: 'streams', streams });
    return { count: await discover(probing, opening, page) };
  },
  begin: async (order) => {
    hide(order.source, order.destination);
    run = new RunSide(order, host, stop.signal, tell);
    return null;
  },
  plan: async () => {
    const { lanes, refused } = await theRun().plan();
    return { lanes, refused: refused.map(({ stream, error }) => ({ stream, error: clean(error) })) };
  },
  lane: async (task) => {
    const answer = await theRun().lane(task);
    if (answer.status === 'lost') return { ...answer, lost: scrubJson(scrub, { ...answer.lost }) };
    return answer.status === 'failed' ? { ...answer, error: clean(answer.error) } : answer;
  },
};
function theRun(): RunSide {
  if (run === undefined) throw new Error('no run has begun in this worker');
  return run;
}

async function take(message: ToWorker): Promise<void> {
  if (message.kind === 'abort') {
    const reason = new Error(message.reason);
    return message.lane === undefined ? stop.abort(reason) : run?.giveUp(message.lane, reason);
  }
  const { id, kind, body } = message;
  busy++;
  try {
    const value = await (work[kind] as (body: unknown) => Promise<unknown>)(body);
    send({ kind: 'answer', id, value });
  } catch (error) {
    send({ kind: 'failure', id, error: clean(reportWithEnd(error)) });
  } finally {
    busy--;
  }
}

/**
 * The runner is done with us, or gone. An idle worker closes its sessions; one that is at work ends on the spot, and the servers
 * roll back what it had not committed: nobody could tell it to stop any more.
 */
process.on('disconnect', () => {
  if (busy > 0 || run === undefined) process.exit(0);
  setTimeout(() => process.exit(0), 1000);
  void run[Symbol.asyncDispose]().finally(() => process.exit(0));
});
/** Signals to the process group of a terminal are the runner's to handle: it tells us over the channel. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('message', (message: ToWorker) => void take(message));
setInterval(() => send({ kind: 'beat' }), beatEvery);
