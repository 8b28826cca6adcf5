/** The REST API as a client sees it. */
import { local, type Local } from './local.js';

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}
export interface Sync {
  readonly id: string;
  readonly status: string;
  readonly recordsSynced: number | null;
  readonly bytesSynced: number | null;
  readonly completedAt: string | null;
  readonly durationMs: number | null;
  readonly errorMessage?: string | null;
}

export class Api {
  constructor(
    readonly platform: Local = local(),
    private readonly extra: Record<string, string> = {},
  ) {}

  async call<T = Record<string, never>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const response = await fetch(this.platform.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.platform.token}`,
        'x-tenant-id': this.platform.tenantId,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...this.extra,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  /** As `call`, and fails the test when the status is another. */
  async expect<T = { id: string }>(status: number, method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(method, path, body);
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async source(name: string, connectorType: string, connectionConfig: object): Promise<string> {
    const { id } = await this.expect(201, 'POST', '/api/v1/sources', { name, connectorType, connectionConfig });
    return id;
  }
  async destination(name: string, connectorType: string, connectionConfig: object): Promise<string> {
    const { id } = await this.expect(201, 'POST', '/api/v1/destinations', { name, connectorType, connectionConfig });
    return id;
  }
  async connection(body: object): Promise<string> {
    const { id } = await this.expect(201, 'POST', '/api/v1/connections', body);
    return id;
  }
  async trigger(connectionId: string): Promise<Sync> {
    return this.expect<Sync>(202, 'POST', `/api/v1/syncs/connections/${connectionId}/trigger`);
  }
  /** Polls until the sync is over. */
  async finished(syncId: string, seconds = 90): Promise<Sync> {
    for (const end = Date.now() + seconds * 1000; ; await new Promise((next) => setTimeout(next, 100))) {
      const sync = await this.expect<Sync>(200, 'GET', `/api/v1/syncs/${syncId}`);
      if (sync.status !== 'RUNNING') return sync;
      if (Date.now() > end) throw new Error(`sync ${syncId} still runs after ${seconds} s`);
    }
  }
  /** Triggers and waits; fails the test with the sync's own message when it did not succeed. */
  async run(connectionId: string): Promise<Sync> {
    const sync = await this.finished((await this.trigger(connectionId)).id);
    if (sync.status !== 'SUCCEEDED') throw new Error(`${sync.status}: ${sync.errorMessage}`);
    return sync;
  }
}
