/** What an answer of the server to the request for its log means. */
import { ConfigError, TransientError, codes } from '@sluice/connector-sdk';
import { errorNumber, toSluiceError } from '../errors.js';
import { lost } from './position.js';
import type { DumpStart } from './replica-requests.js';

const fatal = 1236;
/** What the server says under one number has three meanings: gone, thrown out by a namesake, too large. */
export function dumpError(error: unknown, start: DumpStart): unknown {
  if (errorNumber(error) === 1227 || errorNumber(error) === 1045) {
    return new ConfigError('The user may not read the binary log.', {
      code: codes.permission,
      cause: error,
      fix: 'GRANT REPLICATION SLAVE ON *.* TO the user; check names it.',
    });
  }
  if (errorNumber(error) !== fatal) return toSluiceError(error);
  const message = String((error as Error).message).slice(0, 500);
  if (/same server_(uu)?id/i.test(message)) return new TransientError(message, { cause: error });
  if (/max_allowed_packet/i.test(message))
    return new ConfigError(message, { cause: error, fix: 'SET GLOBAL max_allowed_packet = 1073741824' });
  return lost(`The server cannot send its binary log from there: ${message}`, shownStart(start), 'see the message');
}
const shownStart = (start: DumpStart): string =>
  start.by === 'place'
    ? `${start.place.file}:${start.place.position}`
    : start.by === 'gtids'
      ? start.gtids.toString()
      : start.state;
