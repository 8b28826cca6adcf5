/** `read`: each request in turn, from where the checkpoint left it. */
import { type Batch, type Checkpoint, ConfigError, type StreamRequest, codes } from '@sluice/connector-sdk';
import { mapError } from '../errors.js';
import { type State, type States, checkpointOf, statesOf } from './checkpoint.js';
import { readByCursor } from './cursor.js';
import { readFull } from './full.js';
import { type Form, rawForms } from './select.js';
import { type Source, unsupported } from './session.js';

/** Batches of one stream, whose checkpoints are that stream's own state; `read` puts them into the whole. */
export type StreamBatch =
  | Exclude<Batch, { readonly kind: 'schema' | 'idle' | 'complete' }>
  | { readonly kind: 'idle'; readonly state: State }
  | { readonly kind: 'complete'; readonly stream: string; readonly state: State };
export type Stated = StreamBatch & { readonly state?: State };

export async function* read(
  source: Source,
  requests: readonly StreamRequest[],
  after?: Checkpoint,
): AsyncGenerator<Batch> {
  requests.forEach(refuseUnknown);
  let states: States = statesOf(after);
  const full = requests.filter(({ mode }) => mode === 'full');
  if (full.length > 0 && full.every(({ stream }) => isDone(states[stream.id]))) {
    states = without(
      states,
      full.map(({ stream }) => stream.id),
    ); // all of it was read: this is the next full read
  }
  try {
    for (const request of requests) {
      const { id } = request.stream;
      if (request.mode === 'full' && isDone(states[id])) continue;
      const batches =
        request.mode === 'full' ? readFull(source, request, states[id]) : readByCursor(source, request, states[id]);
      for await (const { state, ...batch } of batches) {
        if (state !== undefined) states = { ...states, [id]: state };
        yield (state === undefined ? batch : { ...batch, checkpoint: checkpointOf(states) }) as Batch;
      }
      if (source.context.signal.aborted) return;
    }
  } catch (error) {
    await source.moment.leave().catch(() => undefined); // a read that failed holds no lock on; the error says more
    throw mapError(error, requests.length === 1 ? { stream: requests[0]!.stream.id } : {});
  }
}

const isDone = (state: State | undefined): boolean => state !== undefined && 'done' in state;

const without = (states: States, ids: readonly string[]): States =>
  Object.fromEntries(Object.entries(states).filter(([id]) => !ids.includes(id)));

function refuseUnknown({ stream, mode, encoding, cursor }: StreamRequest): void {
  if (mode !== 'full' && mode !== 'cursor')
    throw unsupported(`The PostgreSQL source does not read ${stream.id} in mode '${mode}'.`);
  if (encoding !== undefined && !(rawForms as readonly string[]).includes(encoding)) {
    throw unsupported(`The PostgreSQL source does not offer the encoding ${encoding}.`);
  }
  if (mode === 'cursor' && (cursor === undefined || !stream.cursors.includes(cursor))) {
    const message = `${cursor === undefined ? 'No cursor column is given' : `${JSON.stringify(cursor)} is not a cursor column`} for ${stream.id}.`;
    throw new ConfigError(message, { code: codes.configInvalid, path: ['cursor'] });
  }
  if (stream.path.length !== 2) throw new ConfigError(`There is no stream ${stream.id}.`, { code: codes.noSuchStream });
}

/** The form that a request's data takes. */
export const formOf = ({ encoding }: StreamRequest): Form => (encoding as Form | undefined) ?? 'rows';
