/** Every way a request can fail, brought to one form that a dialect's error filter renders. */
import { HttpException } from '@nestjs/common';
import { ServiceError, type Failure, type FailureKind } from '@sluice/messages';

/** A refusal with its HTTP status. `message` is for the client: no secret, no stack. */
export class HttpFailure extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HttpFailure';
  }
}
export const badRequest = (message: string): HttpFailure => new HttpFailure(400, message);

const statusOf: Readonly<Record<FailureKind, number>> = {
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  internal: 500,
  unavailable: 503,
};

/** `error` as something to answer with. What is not known to be fit for a client becomes a plain 500. */
export function failureOf(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (error instanceof ServiceError) return ofService(error.failure, error);
  if (error instanceof HttpException) return ofStatus(error.getStatus(), error);
  return internal(error);
}

const internal = (cause: unknown): HttpFailure =>
  new HttpFailure(500, 'An unexpected error; the log has its cause', {}, cause);

function ofService({ kind, message, fix }: Failure, cause: ServiceError): HttpFailure {
  if (kind === 'internal') return internal(cause);
  const advice = fix === undefined ? '' : `; to fix it: ${fix}`;
  const headers = kind === 'unavailable' ? { 'retry-after': '1' } : {};
  return new HttpFailure(statusOf[kind], sentence(message) + advice, headers, cause);
}

/** What Fastify and Nest themselves refuse; their own texts are for developers of servers. */
const texts: Readonly<Record<number, string>> = {
  400: 'The request could not be read',
  404: 'There is nothing at this address',
  413: 'The request body is too large',
  414: 'The address is too long',
  415: 'The body must be JSON: send Content-Type: application/json',
  431: 'The request headers are too large',
};
function ofStatus(status: number, cause: unknown): HttpFailure {
  const text = texts[status];
  return text === undefined ? internal(cause) : new HttpFailure(status, text, {}, cause);
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
