/** Health and metrics of an app: /livez, /readyz and /metrics. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry, collectDefaultMetrics } from 'prom-client';

/** Answers nothing when well, throws when not. */
export type ReadyCheck = () => Promise<void>;

export class Ops {
  readonly metrics = new Registry();
  readonly #checks = new Map<string, ReadyCheck>();

  constructor(readonly app: string) {
    this.metrics.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this.metrics, prefix: 'sluice_' });
  }

  /** `name` is what /readyz calls it: 'database', 'bus'. */
  check(name: string, check: ReadyCheck): void {
    this.#checks.set(name, check);
  }

  /** Runs all checks, each with 2 s; `ready` is false when one fails. */
  async readiness(): Promise<{ ready: boolean; checks: Record<string, string> }> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await outcome(check)] as const),
    );
    return { ready: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) };
  }

  /** The answer to one of the three paths, or undefined for any other. */
  async answer(path: string): Promise<{ status: number; type: string; body: string } | undefined> {
    if (path === '/livez') return { status: 200, type: 'text/plain', body: 'ok\n' };
    if (path === '/metrics') return { status: 200, type: this.metrics.contentType, body: await this.metrics.metrics() };
    if (path !== '/readyz') return undefined;
    const readiness = await this.readiness();
    return { status: readiness.ready ? 200 : 503, type: 'application/json', body: `${JSON.stringify(readiness)}\n` };
  }

  /** Serves the three paths; answers the port. For apps that have no HTTP of their own. */
  async listen(host: string, port: number): Promise<{ port: number; close(): Promise<void> }> {
    const server = createServer((request, response) => {
      void this.answer(new URL(request.url ?? '/', 'http://x').pathname).then((answer) => {
        const { status, type, body } = answer ?? { status: 404, type: 'text/plain', body: 'not found\n' };
        response.writeHead(status, { 'content-type': type }).end(body);
      });
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
  }
}

async function outcome(check: ReadyCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new Error('no answer in 2 s')), 2000)),
  );
  try {
    await Promise.race([check(), late]);
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
