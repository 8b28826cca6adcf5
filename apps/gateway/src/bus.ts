/** What the gateway needs of the rest of the platform, as tokens to inject; `RpcClient` and `RunLog` are the real ones. */
import type { Answer, Request, RunEvent, Subject } from '@sluice/messages';

/** Requests to other services. Throws ServiceError. `timeout` in ms. */
export abstract class Bus {
  abstract call<S extends Subject>(subject: S, data: Request<S>, timeout?: number): Promise<Answer<S>>;
}

export interface LoggedEvent {
  /** Its place in the log of all runs; grows. */
  readonly seq: number;
  readonly event: RunEvent;
}

/** The log of what runs say. */
export abstract class EventLog {
  /**
   * Events of one attempt with a place after `afterSeq`, oldest first, past and coming. Yields undefined when there was nothing
   * for a second. Ends when `signal` aborts.
   */
  abstract read(runId: string, afterSeq: number, signal: AbortSignal): AsyncIterable<LoggedEvent | undefined>;
}

/** How long a service may take when it has to ask a customer's own system first: checks and discoveries, in ms. */
export const probeTimeout = 130_000;
