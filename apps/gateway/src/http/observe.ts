/** Health, metrics and a log line per request. */
import type { Logger, Ops } from '@sluice/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Histogram } from 'prom-client';

export function serveOps(server: FastifyInstance, ops: Ops): void {
  for (const url of ['/livez', '/readyz', '/metrics'])
    server.get(url, async (_, reply) => {
      const answer = await ops.answer(url);
      return reply
        .code(answer?.status ?? 404)
        .type(answer?.type ?? 'text/plain')
        .header('cache-control', 'no-store')
        .send(answer?.body ?? '');
    });
}

/** Counts by route template, never by path: ids would make a series each. */
export function observe(server: FastifyInstance, ops: Ops, logger: Logger): void {
  const seconds = new Histogram({
    name: 'sluice_http_request_seconds',
    help: 'Time from request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10],
    registers: [ops.metrics],
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (isWorthALine(request, reply)) logger.info(lineOf(request, reply, route), 'request');
    done();
  });
}

const isWorthALine = ({ method }: FastifyRequest, { statusCode }: FastifyReply): boolean =>
  statusCode >= 400 || method !== 'GET';

const lineOf = (request: FastifyRequest, reply: FastifyReply, route: string): object => ({
  requestId: request.id,
  ...(request.caller && { tenantId: request.caller.tenantId, actor: request.caller.actor }),
  method: request.method,
  route,
  status: reply.statusCode,
  ms: Math.round(reply.elapsedTime),
});
