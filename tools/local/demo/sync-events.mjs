// @ts-check
/** Follows a sync to its end: by its event stream, and by asking for its status when the stream is not to be had. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} Progress
 * @property {number} rowsRead
 * @property {number} rowsWritten
 * @property {number} bytes
 * @property {number | null} [estimatedRows]
 * @property {string} [phase]
 */
/** @typedef {{ id?: string, type: string, data: string }} ServerEvent */

/**
 * Splits the text of a server-sent event stream into events; text after the last blank line is kept for the next piece.
 * @returns {(piece: string) => ServerEvent[]}
 */
export const eventParser = () => {
  let rest = '';
  return (piece) => {
    const blocks = (rest + piece).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.map(parseBlock).filter(({ data }) => data !== '');
  };
};

/** @param {string} block @returns {ServerEvent} */
const parseBlock = (block) => {
  /** @type {ServerEvent} */
  const event = { type: 'message', data: '' };
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
    if (field === 'id') event.id = value;
    if (field === 'event') event.type = value;
    if (field === 'data') event.data += `${event.data && '\n'}${value}`;
  }
  return event;
};

/** @param {import('./rest.mjs').RestClient} rest @param {string} path @param {string | undefined} lastId @returns {AsyncGenerator<ServerEvent>} */
async function* eventsOf({ url, headers }, path, lastId) {
  const response = await fetch(`${url}/api/v1${path}`, {
    headers: { ...headers, Accept: 'text/event-stream', ...(lastId && { 'Last-Event-ID': lastId }) },
  });
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
  const parse = eventParser();
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) yield* parse(piece);
}

const over = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'PARTIAL'];

/**
 * @param {import('./rest.mjs').RestClient} rest @param {string} syncId
 * @param {{ progress: (progress: Progress) => void, log: (line: string) => void }} show
 * @returns {Promise<{ status: string, recordsSynced: number | null, durationMs: number | null, message?: string }>} the finished sync
 */
export const followSync = async (rest, syncId, show) => {
  const path = `/syncs/${encodeURIComponent(syncId)}`;
  /** @type {string | undefined} */
  let lastId;
  for (;;) {
    try {
      for await (const { id, type, data } of eventsOf(rest, `${path}/events`, lastId)) {
        lastId = id ?? lastId;
        if (type === 'progress') show.progress(JSON.parse(data));
        if (type === 'log') show.log(logText(data));
        if (type === 'finished') break;
      }
    } catch {
      // no event stream: the status below says how far it is
    }
    const sync = await rest.call('GET', path);
    if (over.includes(sync.status)) return sync;
    show.progress({
      rowsRead: sync.recordsSynced ?? 0,
      rowsWritten: sync.recordsSynced ?? 0,
      bytes: sync.bytesSynced ?? 0,
    });
    await sleep(250);
  }
};

/** @param {string} data */
const logText = (data) => {
  try {
    const parsed = JSON.parse(data);
    return String(parsed.message ?? parsed.line ?? data);
  } catch {
    return data;
  }
};
