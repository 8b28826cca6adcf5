/** The Fastify server under Nest: limits, request ids, JSON bodies, security headers, and the gate that every request passes. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import helmet from '@fastify/helmet';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Gatekeeper } from '../auth/gatekeeper.js';
import { failureOf, HttpFailure } from './failure.js';
import type { ErrorFilter, RenderError } from './error-filter.js';
import { parseJson } from './json-body.js';
import type { RouteBook } from './route-book.js';

export interface Limits {
  /** Bytes. */
  readonly body: number;
}

export function createServer(limits: Limits, filter: ErrorFilter, render: RenderError): FastifyInstance {
  return fastify({
    bodyLimit: limits.body,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    requestTimeout: 120_000,
    genReqId,
    routerOptions: { maxParamLength: 500, ignoreTrailingSlash: true },
    // Errors before routing: bad escapes in the address, and what is not HTTP at all.
    frameworkErrors: (error, request, reply) =>
      filter.answer(
        new HttpFailure(400, 'The address is not a valid URL', {}, error),
        request as FastifyRequest,
        reply as FastifyReply,
      ),
    clientErrorHandler: (error, socket) => refuseRaw(error, socket, render),
  });
}

/** A caller's own id when it is harmless, to follow a request through several systems' logs. */
const genReqId = (request: { headers: Record<string, string | string[] | undefined> }): string => {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
};

function refuseRaw(error: NodeJS.ErrnoException, socket: Socket, render: RenderError): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const failure = tooLarge
    ? new HttpFailure(431, 'The request headers are too large')
    : late
      ? new HttpFailure(408, 'The request did not arrive in time')
      : new HttpFailure(400, 'The request is not valid HTTP');
  const body = JSON.stringify(render(failure, '/'));
  const name = { 431: 'Request Header Fields Too Large', 408: 'Request Timeout', 400: 'Bad Request' }[failure.status];
  socket.end(
    `HTTP/1.1 ${failure.status} ${name}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** Before any route is registered. */
export async function prepareServer(
  server: FastifyInstance,
  limits: Limits,
  gate: Gatekeeper,
  routes: RouteBook,
): Promise<void> {
  server.decorateRequest('caller', null);
  server.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  await server.register(helmet, {
    // Swagger UI draws with inline styles and data: images; everything else must come from here.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
        baseUri: ["'self'"],
      },
    },
    // Only who ends TLS in front of this server can promise that there is TLS.
    strictTransportSecurity: false,
  });
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
    try {
      const late = gate.admit(request);
      if (late === undefined) return done(sizeProblem(request, limits));
      late.then(
        () => done(sizeProblem(request, limits)),
        (error: unknown) => done(failureOf(error)),
      );
    } catch (error) {
      done(failureOf(error));
    }
  });
  acceptJsonOnly(server);
}

/** Said before the body is read: the connection survives, and the client hears why instead of a reset. */
function sizeProblem({ headers }: FastifyRequest, { body }: Limits): HttpFailure | undefined {
  const length = Number(headers['content-length'] ?? 0);
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    return new HttpFailure(415, 'Compressed request bodies are not read; send plain JSON');
  return length > body
    ? new HttpFailure(413, `The request body has ${length} bytes; at most ${body} are read`)
    : undefined;
}

function acceptJsonOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => {
    try {
      done(null, parseJson(body as Buffer));
    } catch (error) {
      done(failureOf(error));
    }
  });
}
