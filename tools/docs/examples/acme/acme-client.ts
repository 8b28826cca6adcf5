import { ConfigError, TransientError, codes } from '@sluice/connector-sdk';

export interface Contact {
  readonly id: number;
  readonly email: string | null;
  /** '2024-05-01T08:30:00.250Z' */
  readonly updatedAt: string;
}
export interface AcmeConfig {
  readonly url: string;
  readonly apiKey: string;
  readonly pageSize: number;
}

/** Contacts with `after` < id <= `until`, in the order of their ids, at most a page of them. */
export async function contacts(
  config: AcmeConfig,
  after: number,
  until: number,
  signal: AbortSignal,
): Promise<Contact[]> {
  const query = new URLSearchParams({ after: String(after), until: String(until), limit: String(config.pageSize) });
  return (await get(config, `/contacts?${query}`, signal)) as Contact[];
}

/** The greatest id of now, 0 when there is none. */
export async function lastId(config: AcmeConfig, signal: AbortSignal): Promise<number> {
  return ((await get(config, '/contacts/last', signal)) as { id: number }).id;
}

/** Says with the class of each error whose turn it is. The key is never part of a message. */
async function get(config: AcmeConfig, path: string, signal: AbortSignal): Promise<unknown> {
  const headers = { authorization: `Bearer ${config.apiKey}`, connection: 'close' };
  let response: Response;
  try {
    response = await fetch(new URL(path, config.url), { headers, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new TransientError('Acme cannot be reached', { code: codes.connectionLost, cause });
  }
  if (response.ok) return response.json();
  await response.body?.cancel();
  if (response.status === 401) {
    throw new ConfigError('Acme refused the API key', {
      code: codes.authentication,
      path: ['apiKey'],
      fix: 'Make a new key in Settings, API.',
    });
  }
  const seconds = Number(response.headers.get('retry-after') ?? 1);
  if (response.status === 429)
    throw new TransientError('Acme asks to slow down', { code: codes.throttled, retryAfter: seconds * 1000 });
  throw new TransientError(`Acme answered with status ${response.status}`);
}
