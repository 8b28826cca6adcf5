/** Structured logs: one JSON line per event on standard output, with the app's name and, where there is one, run and tenant. */
import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

export type { Logger };

/** Names of fields whose values never reach a log, at any of the first three levels. (Invariant 12) */
const secretNames = ['password', 'secret', 'secrets', 'token', 'apiKey', 'authorization', 'cookie'];
const secretPaths = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export const createLogger = (app: string, level: string): Logger =>
  pino({
    level,
    base: { app },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secretPaths, censor: '***' },
  });

/** Lets Nest write through pino. Nest passes the context as the last parameter. */
export function nestLogger(logger: Logger): LoggerService {
  const line =
    (level: 'info' | 'error' | 'warn' | 'debug' | 'trace') =>
    (message: unknown, ...rest: unknown[]): void => {
      const context = rest.at(-1);
      const stack = level === 'error' && rest.length > 1 ? { stack: rest[0] } : {};
      const fields = { ...(typeof context === 'string' && { context }), ...stack };
      if (message instanceof Error) logger[level]({ ...fields, err: message }, message.message);
      else logger[level](fields, typeof message === 'string' ? message : JSON.stringify(message));
    };
  return { log: line('debug'), error: line('error'), warn: line('warn'), debug: line('debug'), verbose: line('trace') };
}
