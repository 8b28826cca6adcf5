/** How a command ends on the wire: a value, or an error whose kind says what the caller can do. */
import type { Json } from '@sluice/connector-sdk';

/**
 * 'invalid': the request is wrong. 'not-found': no such thing in this tenant. 'conflict': not in this state. 'forbidden': a
 * permission is missing. 'unavailable': try again. 'internal': a bug; the message is for the log, not for the user.
 */
export type FailureKind = 'invalid' | 'not-found' | 'conflict' | 'forbidden' | 'unavailable' | 'internal';
export interface Failure {
  readonly kind: FailureKind;
  /** Stable: a code of the connector contract, or one of this service: 'run-active'. */
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly details?: Json;
}
export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

/** A `Failure` as something to throw: services raise it, the wire carries it, the gateway's dialects render it. */
export class ServiceError extends Error {
  constructor(
    readonly failure: Failure,
    cause?: unknown,
  ) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.name = 'ServiceError';
  }
  get kind(): FailureKind {
    return this.failure.kind;
  }
}
type Extra = Partial<Pick<Failure, 'fix' | 'details'>> & { readonly cause?: unknown };
const failing =
  (kind: FailureKind) =>
  (code: string, message: string, { cause, ...extra }: Extra = {}): ServiceError =>
    new ServiceError({ kind, code, message, ...extra }, cause);
export const invalid = failing('invalid');
export const notFound = failing('not-found');
export const conflict = failing('conflict');
export const forbidden = failing('forbidden');
export const unavailable = failing('unavailable');
