/** A started gateway on a real bus, with the fake catalog behind it. */
import { createHmac, randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { inspect } from 'node:util';
import { Jets, Ops, RpcClient, connectNats, type Logger } from '@sluice/service';
import { createGateway, listen, type Gateway } from '../src/gateway.js';
import { RunLog } from '../src/run-log.js';
import { authSettings } from '../src/auth/settings.js';
import type { GatewaySettings } from '../src/settings.js';
import { FakeCatalog } from './fake-catalog.js';

export const secret = 'only for tests: 0123456789abcdef0123456789abcdef';
export const tenant = '11111111-1111-4111-8111-111111111111';
export const otherTenant = '22222222-2222-4222-8222-222222222222';

export const natsUrl = (): string => {
  const url = process.env['SLUICE_TEST_NATS_URL'];
  if (!url) throw new Error('SLUICE_TEST_NATS_URL is not set: run this through `npm test`');
  return url;
};

const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** A signed token; header and claims may also be raw text, to say what JSON.stringify would not. */
export function sign(claims: unknown, header: unknown = { alg: 'HS256', typ: 'JWT' }, key = secret): string {
  const body = `${encoded(header)}.${encoded(claims)}`;
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}
export const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  iss: 'sluice',
  aud: 'sluice',
  sub: 'ann',
  tenant_id: tenant,
  permissions: ['data:ingestion:read', 'data:ingestion:manage', 'admin'],
  exp: Math.floor(Date.now() / 1000) + 3600,
  ...more,
});

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined when there is none. */
  readonly body: unknown;
}
interface Options {
  readonly token?: string | null;
  readonly tenantId?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array;
}

export class Harness implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly gateway: Gateway,
    readonly catalog: FakeCatalog,
    readonly nats: NatsConnection,
    readonly jets: Jets,
    readonly ops: Ops,
    /** What was logged, for tests that look for secrets in it. */
    readonly logged: string[],
  ) {}

  static async start(settings: Partial<GatewaySettings> = {}): Promise<Harness> {
    const nats = await connectNats(natsUrl(), 'gateway test');
    const prefix = `t${randomUUID()}.`; // a space of its own on a shared server
    const catalog = await FakeCatalog.start(nats, prefix);
    const jets = await Jets.open(nats);
    const logged: string[] = [];
    const ops = new Ops('gateway');
    const logger = loggerInto(logged);
    const gateway = await createGateway(
      { bus: new RpcClient(prefixed(nats, prefix)), events: new RunLog(jets.client), ops, logger },
      { bodyLimit: 1024 * 1024, auth: authSettings({ SLUICE_JWT_SECRET: secret }), ...settings },
    );
    const url = await listen(gateway, '127.0.0.1', 0);
    return new Harness(url, gateway, catalog, nats, jets, ops, logged);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.app.close();
    await this.catalog[Symbol.asyncDispose]();
    await this.nats.close();
    if (this.catalog.problems.length > 0)
      throw new Error(`the fake catalog was asked wrongly: ${this.catalog.problems.join('; ')}`);
  }

  async send(method: string, path: string, body?: unknown, options: Options = {}): Promise<Answer> {
    const { token = sign(claims()), tenantId = tenant, headers = {}, raw } = options;
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(tenantId !== null && { 'x-tenant-id': tenantId }),
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload !== undefined && { body: payload }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === '' ? undefined : parsed(response, text),
    };
  }
  get = (path: string, options: Options = {}): Promise<Answer> => this.send('GET', path, undefined, options);
  post = (path: string, body?: unknown, options: Options = {}): Promise<Answer> =>
    this.send('POST', path, body, options);
  put = (path: string, body?: unknown, options: Options = {}): Promise<Answer> => this.send('PUT', path, body, options);
  remove = (path: string, options: Options = {}): Promise<Answer> => this.send('DELETE', path, undefined, options);
}

const parsed = (response: Response, text: string): unknown =>
  response.headers.get('content-type')?.startsWith('application/json') ? (JSON.parse(text) as unknown) : text;

/** `RpcClient` asks of a connection only that it can make requests. */
function prefixed(nats: NatsConnection, prefix: string): NatsConnection {
  return new Proxy(nats, {
    get(target, name) {
      if (name !== 'request') return Reflect.get(target, name, target) as unknown;
      return (subject: string, ...rest: [string, { timeout: number }]) => target.request(prefix + subject, ...rest);
    },
  });
}

/** The error body, to compare a whole answer with. */
export const errorBody = (status: number, error: string, message: unknown, path: string): object => ({
  timestamp: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/) as unknown,
  status,
  error,
  message,
  path,
});

/** A logger that keeps everything it is told, unredacted: what is not in it is not in any log. */
function loggerInto(lines: string[]): Logger {
  const write =
    (level: string) =>
    (...parts: unknown[]): void =>
      void lines.push(`${level} ${inspect(parts, { depth: 8 })}`);
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, write(level)] as const);
  return Object.fromEntries(levels) as unknown as Logger;
}
