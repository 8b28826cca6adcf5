/** Server-sent events over one response: writes no faster than the client reads, and notices when it is gone. */
import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import type { FeedMessage } from './sync-feed.js';

/** A comment this often keeps proxies from hanging up, in ms. */
export const heartbeat = 15_000;

/** Sends all of `feed`, then ends the response. Resolves when that is done, the client has gone or `stop` is aborted. */
export async function sendEvents(
  reply: FastifyReply,
  feed: AsyncIterable<FeedMessage>,
  stop: AbortController,
): Promise<void> {
  const { raw } = reply;
  const headers = {
    ...reply.getHeaders(),
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  reply.hijack();
  raw.writeHead(200, headers as Record<string, string>);
  raw.write('retry: 2000\n\n');
  const beat = setInterval(() => raw.write(':\n\n'), heartbeat);
  raw.once('close', () => stop.abort());
  try {
    for await (const message of feed) {
      if (stop.signal.aborted) break;
      if (!raw.write(frame(message))) await once(raw, 'drain', { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    clearInterval(beat);
    raw.end();
  }
}

/** JSON has no bare line breaks, so that `data` is always one line. */
const frame = ({ type, data, seq }: FeedMessage): string =>
  `${seq === undefined ? '' : `id: ${seq}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
