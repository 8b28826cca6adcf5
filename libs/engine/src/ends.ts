/** The two open sessions of a lane, reopened after a failure, kept from lane to lane otherwise. */
import type { DestinationSession, Encoding, SourceSession } from '@sluice/connector-sdk';
import { within } from './within.js';

export interface Openers {
  /** Encodings the source can make; empty turns byte pass-through off. */
  readonly offers: readonly Encoding[];
  source(signal: AbortSignal): Promise<SourceSession>;
  destination(signal: AbortSignal): Promise<DestinationSession>;
}
interface Open {
  readonly source: SourceSession;
  readonly destination: DestinationSession;
  readonly stop: AbortController;
}

const closeMs = 10_000;

export class Ends implements AsyncDisposable {
  #open: Open | undefined;
  readonly #signal: AbortSignal;

  /** `signal` ends the run: it reaches every session that is opened here. */
  constructor(
    readonly openers: Openers,
    signal: AbortSignal,
  ) {
    this.#signal = signal;
  }

  /** Both sessions, opened side by side when they are not. Throws what `open` threw, and leaves nothing open then. */
  async both(): Promise<Open> {
    if (this.#open !== undefined) return this.#open;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    const [source, destination] = await Promise.allSettled([
      this.openers.source(signal),
      this.openers.destination(signal),
    ]);
    if (source.status === 'fulfilled' && destination.status === 'fulfilled')
      return (this.#open = { source: source.value, destination: destination.value, stop });
    for (const end of [source, destination]) if (end.status === 'fulfilled') await close(end.value);
    throw (source.status === 'rejected' ? source : (destination as PromiseRejectedResult)).reason;
  }

  /** After a failure: what was staged goes with the session, and whatever still runs in it is told to stop. */
  async drop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    open.stop.abort(new Error('the session is closed'));
    await Promise.all([close(open.source), close(open.destination)]);
  }

  /** In good order: nothing runs any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) await Promise.all([close(open.source), close(open.destination)]);
  }
}

/** A session that cannot be closed in time is left to the end of its process. */
const close = async (session: AsyncDisposable): Promise<void> =>
  void (await within(closeMs, session[Symbol.asyncDispose]()));
