import { ServiceError } from '@sluice/messages';

/** Codes of the bus: nobody looked at the endpoint, so nothing is known about it. */
const unasked = new Set(['no-service', 'timeout', 'bus', 'bad-reply', 'ticket-refused']);

/** True when the failure of a request to a runner says something about the endpoint. */
export const wasAsked = (error: unknown): boolean =>
  !(error instanceof ServiceError) || !unasked.has(error.failure.code);
