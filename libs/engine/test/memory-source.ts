/** A source with numbered rows: reads them in windows, with or without checkpoints, as rows or as raw lines. */
import type { Batch, Checkpoint, Encoding, SourceSession, Stream, StreamRequest } from '@sluice/connector-sdk';

export interface Script {
  /** Rows [1] .. [count]. */
  readonly count: number;
  readonly window: number;
  /** A checkpoint after every window; without, only at the end. */
  readonly checkpoints?: boolean;
  /** Overrides what follows; to misbehave. */
  readonly tail?: (signal: AbortSignal) => AsyncIterable<Batch>;
  readonly onBatch?: (first: number) => void | Promise<void>;
  readonly confirms?: string[];
  /** Called before the first batch; throws where `after` is no position to go on from. */
  readonly onRead?: (after: Checkpoint | undefined, request: StreamRequest) => void;
}
export const numbers: Stream = {
  id: 'public.numbers',
  path: ['public', 'numbers'],
  kind: 'table',
  columns: [{ name: 'n', type: 'int32', nullable: false, native: 'integer' }],
  key: ['n'],
  modes: ['full', 'cursor'],
  cursors: ['n'],
};

export function memorySource(script: Script, signal: AbortSignal): SourceSession {
  const confirm = { confirm: async (c: Checkpoint) => void script.confirms?.push(`confirm ${String(c['n'])}`) };
  return {
    check: async () => [],
    discover: async () => [numbers],
    read: ([request], after) => read(script, request!, signal, after),
    split: async (_stream, parts) => pieces(script.count, parts),
    ...(script.confirms !== undefined && confirm),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function pieces(count: number, parts: number): [number, number][] {
  const size = Math.ceil(count / parts);
  return Array.from({ length: parts }, (_, i) => [i * size, Math.min(count, (i + 1) * size)]);
}

async function* read(
  script: Script,
  request: StreamRequest,
  signal: AbortSignal,
  after?: Checkpoint,
): AsyncGenerator<Batch> {
  const { window, checkpoints = true } = script;
  script.onRead?.(after, request);
  const [from, end] = (request.part ?? [0, script.count]) as [number, number];
  let n = Number(after?.['n'] ?? from);
  while (n < end) {
    if (signal.aborted) return;
    const next = Math.min(n + window, end);
    await script.onBatch?.(n + 1);
    const checkpoint = checkpoints ? { checkpoint: { v: 1, n: next } } : {};
    yield { ...data(request, n, next, signal), ...checkpoint };
    n = next;
  }
  if (signal.aborted) return;
  if (script.tail !== undefined) yield* script.tail(signal);
  else if (request.mode === 'full') yield { kind: 'complete', stream: request.stream.id, checkpoint: { v: 1, n } };
  else if (!checkpoints) yield { kind: 'idle', checkpoint: { v: 1, n } };
}

function data({ stream, encoding }: StreamRequest, from: number, to: number, signal: AbortSignal): Batch {
  const values = Array.from({ length: to - from }, (_, i) => from + i + 1);
  if (encoding === undefined) return { kind: 'rows', stream: stream.id, rows: values.map((value) => [value]) };
  return { kind: 'raw', stream: stream.id, encoding, body: lines(values, signal), rows: () => values.length };
}

async function* lines(values: readonly number[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const value of values) {
    signal.throwIfAborted();
    yield Buffer.from(`${value}\n`);
  }
}
export const lineEncoding: Encoding = 'lines/1';
