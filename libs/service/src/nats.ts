/** The bus connection of an app. Nest's transport has its own; this one carries our requests, JetStream and KV. */
import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';

/** Below this, `sync_interval: always` does not exist, or whole streams can be lost by a killed server (reliability). */
export const oldestNats = [2, 10, 23] as const;

/** The servers of a URL list as 'host:port', with brackets around IPv6. */
export const natsServers = (urls: string): readonly string[] =>
  urls
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => new URL(part.includes('://') ? part : `nats://${part}`))
    .map(({ hostname, port }) => `${hostname}:${port || '4222'}`);

/** Splits credentials off the URL, because the client does not read them there. */
export function natsOptions(url: string, name: string): ConnectionOptions {
  const urls = url.split(',').map((part) => new URL(part.includes('://') ? part : `nats://${part}`));
  const { username, password } = urls[0]!;
  return {
    servers: urls.map(({ host }) => host),
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    ...(urls.some(({ protocol }) => protocol === 'tls:') && { tls: {} }), // a server without it is refused
    // The only inbox that the user of a service may read; for a user without limits a name like any other.
    ...(password !== '' && /^\w+$/.test(username) && { inboxPrefix: `_INBOX.${username}` }),
    ...(username !== '' &&
      (password === '' ? { token: decodeURIComponent(username) } : credentials(username, password))),
  };
}
const credentials = (user: string, pass: string): ConnectionOptions => ({
  user: decodeURIComponent(user),
  pass: decodeURIComponent(pass),
});

/** Connects, and refuses a server too old to keep what it acknowledges. */
export async function connectNats(url: string, name: string): Promise<NatsConnection> {
  const connection = await connect({ ...natsOptions(url, name), waitOnFirstConnect: true });
  const version = connection.info?.version ?? '0';
  if (isOlder(version, oldestNats)) {
    await connection.close();
    throw new Error(
      `nats-server ${version} is too old; ${oldestNats.join('.')} or newer is needed (SLUICE_NATS_SERVER names one)`,
    );
  }
  return connection;
}

export function isOlder(version: string, oldest: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [i, least] of oldest.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return !(part > least);
  }
  return false;
}
