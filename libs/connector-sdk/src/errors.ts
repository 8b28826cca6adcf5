/** Errors by what to do next. Recognised by mark, not by `instanceof`: a third-party plugin brings its own copy of this file. */
import { codes } from './codes.js';

const mark: unique symbol = Symbol.for('sluice.error') as never;
export type ErrorClass = 'config' | 'transient' | 'data' | 'lost-position' | 'fenced';
interface Details {
  /** One of `codes`, or 'plugin-id.own-code'. */
  readonly code?: string;
  readonly cause?: unknown;
  /** What to do about it, as a statement to run where there is one. */
  readonly fix?: string;
}

/** What all of them share. No secret and no row value may stand in `message`. */
export abstract class SluiceError extends Error {
  abstract readonly class: ErrorClass;
  readonly [mark] = true;
  readonly code: string;
  readonly fix?: string;
  constructor(message: string, details: Details, fallback: string) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code ?? fallback;
    if (details.fix !== undefined) this.fix = details.fix;
  }
}

/** The user must act: the run fails at once, with no retry. `path` leads into the configuration: ['host']. */
export class ConfigError extends SluiceError {
  readonly class = 'config';
  readonly path: readonly string[];
  constructor(message: string, details: Details & { readonly path?: readonly string[] } = {}) {
    super(message, details, codes.configInvalid);
    this.path = details.path ?? [];
  }
}

/** The host's turn: it retries with backoff, not before `retryAfter` ms, from the destination's checkpoint. */
export class TransientError extends SluiceError {
  readonly class = 'transient';
  readonly retryAfter?: number;
  constructor(message: string, details: Details & { readonly retryAfter?: number } = {}) {
    super(message, details, codes.connectionLost);
    if (details.retryAfter !== undefined) this.retryAfter = details.retryAfter;
  }
}

/** The pipeline's policy decides: the data does not fit. `stream` names whose. */
export class DataError extends SluiceError {
  readonly class = 'data';
  readonly stream: string;
  constructor(message: string, details: Details & { readonly stream: string }) {
    super(message, details, codes.valueRejected);
    this.stream = details.stream;
  }
}

/** The position is gone (Invariant 7): stop the lane and offer the ways out; never restart in silence. */
export class LostPositionError extends SluiceError {
  readonly class = 'lost-position';
  constructor(
    message: string,
    /** What was asked for, and what is still there, in the system's own words. */
    readonly asked: string,
    readonly available: string,
    details: Details = {},
  ) {
    super(message, details, codes.lostPosition);
  }
}

/** Nobody's turn: another runner has the lane (Invariant 4). End quietly. */
export class FencedError extends SluiceError {
  readonly class = 'fenced';
  constructor(message: string, details: Details = {}) {
    super(message, details, codes.fenced);
  }
}

type ByClass = {
  config: ConfigError;
  transient: TransientError;
  data: DataError;
  'lost-position': LostPositionError;
  fenced: FencedError;
};
/** True for an error of the contract, whichever copy of the SDK made it; with `cls`, for that class only. */
export function isSluiceError<K extends ErrorClass = ErrorClass>(error: unknown, cls?: K): error is ByClass[K] {
  return error instanceof Error && mark in error && (cls === undefined || (error as SluiceError).class === cls);
}
