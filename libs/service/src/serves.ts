/** The serving side of `RpcClient`: a decorator for handlers and what turns results and errors into `Reply`. */
import {
  Catch,
  applyDecorators,
  Injectable,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { isSluiceError } from '@sluice/connector-sdk';
import { ServiceError, type Answer, type Failure, type Reply, type Request, type Subject } from '@sluice/messages';
import { MessagePattern } from '@nestjs/microservices';
import { map, of, type Observable } from 'rxjs';
import type { Logger } from './logger.js';

@Injectable()
class ReplyInterceptor implements NestInterceptor<unknown, Reply<unknown>> {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<Reply<unknown>> {
    return next.handle().pipe(map((value: unknown) => ({ ok: true, value: value ?? null })));
  }
}

@Catch()
export class ReplyFilter implements ExceptionFilter {
  /** Set by `runService`: an unexpected error is a bug and must leave a trace here, since the caller gets none. */
  static logger: Logger | undefined;
  catch(error: unknown, host: ArgumentsHost): Observable<Reply<never>> {
    const failure = failureOf(error);
    if (failure.kind === 'internal')
      ReplyFilter.logger?.error({ err: error, subject: host.getArgByIndex(1)?.getSubject?.() }, 'a request failed');
    return of({ ok: false, failure });
  }
}

/** An error as the wire carries it. Errors that are not ours are told to the log only. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ServiceError) return error.failure;
  if (isSluiceError(error)) {
    const kind =
      error.class === 'config' || error.class === 'data'
        ? 'invalid'
        : error.class === 'transient'
          ? 'unavailable'
          : 'conflict';
    return { kind, code: error.code, message: error.message, ...(error.fix !== undefined && { fix: error.fix }) };
  }
  return { kind: 'internal', code: 'internal', message: 'an unexpected error; the service log has its cause' };
}

type Handler<S extends Subject> = (request: Request<S>) => Promise<Answer<S>>;
/** Serves one subject; the method's type must be that of `Rpc[subject]`. */
export const Serves =
  <S extends Subject>(subject: S) =>
  <T extends Handler<S>>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void => {
    applyDecorators(MessagePattern(subject), UseInterceptors(ReplyInterceptor), UseFilters(ReplyFilter))(
      target,
      key,
      descriptor,
    );
  };
