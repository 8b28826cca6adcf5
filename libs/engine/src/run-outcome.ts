/** How a run ended, from how its lanes ended. */
import { isSluiceError, type ErrorClass } from '@sluice/connector-sdk';

/** An error as data: what is left of it on its way out of a process. 'bug' is any error that is not of the contract. */
export interface ErrorReport {
  readonly class: ErrorClass | 'bug';
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly stream?: string;
  /** The system asked to be left alone for so many ms. */
  readonly retryAfter?: number;
}
export function reportError(error: unknown, stream?: string): ErrorReport {
  const of = stream === undefined ? {} : { stream };
  if (!isSluiceError(error)) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { class: 'bug', code: 'bug', message, ...of };
  }
  const { class: cls, code, message, fix } = error;
  const rest =
    isSluiceError(error, 'transient') && error.retryAfter !== undefined ? { retryAfter: error.retryAfter } : {};
  return { class: cls, code, message, ...(fix !== undefined && { fix }), ...of, ...rest };
}

export interface StreamEnd {
  readonly status: 'succeeded' | 'failed' | 'pending';
  readonly error: ErrorReport | null;
}
export type RunOutcome =
  { readonly status: 'succeeded' | 'partial' } | { readonly status: 'failed'; readonly error: ErrorReport };

/**
 * 'partial' when some streams are whole and the others failed by themselves; 'failed' with the first error when none is, or
 * when the run was cut short (`cut`): what is missing then is the next attempt's to do. (Invariant 7: no green run with no rows)
 */
export function runOutcome(streams: readonly StreamEnd[], cut?: ErrorReport): RunOutcome {
  if (cut !== undefined) return { status: 'failed', error: cut };
  const failed = streams.filter(({ status }) => status !== 'succeeded');
  if (streams.length === 0) return { status: 'failed', error: nothingToDo };
  if (failed.length === 0) return { status: 'succeeded' };
  if (failed.length < streams.length) return { status: 'partial' };
  return { status: 'failed', error: failed.find(({ error }) => error !== null)?.error ?? nothingToDo };
}
const nothingToDo: ErrorReport = {
  class: 'config',
  code: 'no-such-stream',
  message: 'the source offers no stream to this pipeline',
  fix: 'check what the user of the connection may see, then discover the source again',
};
