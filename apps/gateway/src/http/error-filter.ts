/** Catches everything, picks the dialect by path and lets it render. */
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from '@sluice/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from './dialect.js';
import { failureOf, HttpFailure } from './failure.js';
import type { RouteBook } from './route-book.js';

/** Gives the body of a failure at a path: the dialects' `renderError`, chosen. */
export type RenderError = (failure: HttpFailure, path: string) => unknown;

@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly render: RenderError,
    private readonly routes: RouteBook,
    private readonly logger: Logger,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const failure = this.#refined(failureOf(error), request);
    if (failure.status >= 500) {
      const at = { requestId: request.id, tenantId: request.caller?.tenantId };
      this.logger[failure.status === 500 ? 'error' : 'warn']({ ...at, err: failure.cause ?? failure }, failure.message);
    }
    if (reply.sent) return;
    const path = pathOf(request.raw.url ?? '');
    void reply
      .code(failure.status)
      .headers(failure.headers)
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(this.render(failure, path)));
  }

  /** A known path asked with a method that it has not is a 405 that names those it has. */
  #refined(failure: HttpFailure, request: FastifyRequest): HttpFailure {
    if (failure.status !== 404 || !request.is404) return failure;
    const allowed = this.routes.methodsAt(pathOf(request.raw.url ?? ''));
    if (allowed.length === 0) return failure;
    const list = allowed.join(', ');
    return new HttpFailure(405, `${request.method} is not possible here; use ${list}`, { allow: list });
  }
}
