/** Sluice's REST API as a client sees it: what the benchmark does, a user can do. */
import { parseEvents, type ServerEvent } from './server-events.js';
import type { Local } from './platform.js';

export interface Sync {
  readonly id: string;
  readonly status: string;
  readonly recordsSynced: number | null;
  readonly errorMessage?: string | null;
}
export interface NewConnection {
  readonly name: string;
  readonly sourceId: string;
  readonly destinationId: string;
  readonly syncMode: 'FULL_REFRESH';
  readonly selectedStreams?: readonly string[];
  readonly options?: { readonly encoding?: 'auto' | 'rows'; readonly parallelism?: number };
}
export interface Api {
  /** @throws Error with the answer's body when the status is another */
  call<T>(status: number, method: string, path: string, body?: unknown): Promise<T>;
  create(kind: 'sources' | 'destinations' | 'connections', body: unknown): Promise<string>;
  trigger(connectionId: string): Promise<Sync>;
  sync(id: string): Promise<Sync>;
  /** What a run says, until it is over. */
  events(syncId: string, signal: AbortSignal): AsyncIterable<ServerEvent>;
}

export const headersOf = ({ token, tenantId }: Local): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'x-tenant-id': tenantId,
});

export const openApi = (local: Local): Api => {
  const request = (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${local.url}/api/v1${path}`, { ...init, method, headers: { ...headersOf(local), ...init.headers } });
  const call = async <T>(status: number, method: string, path: string, body?: unknown): Promise<T> => {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await request(method, path, body === undefined ? {} : json);
    const text = await response.text();
    if (response.status !== status) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  return {
    call,
    create: async (kind, body) => (await call<{ id: string }>(201, 'POST', `/${kind}`, body)).id,
    trigger: (connectionId) => call<Sync>(202, 'POST', `/syncs/connections/${connectionId}/trigger`),
    sync: (id) => call<Sync>(200, 'GET', `/syncs/${id}`),
    events: async function* (syncId, signal) {
      const response = await request('GET', `/syncs/${syncId}/events`, {
        headers: { accept: 'text/event-stream' },
        signal,
      });
      if (!response.ok || !response.body) throw new Error(`GET /syncs/${syncId}/events answered ${response.status}`);
      yield* parseEvents(response.body);
    },
  };
};
