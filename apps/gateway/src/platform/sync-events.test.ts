import { get, type IncomingMessage } from 'node:http';
import { eventSubject, type Counts, type RunEvent, type RunView } from '@sluice/messages';
import { Harness, claims, errorBody, otherTenant, sign, tenant } from '../../test/harness.js';

interface Message {
  readonly id?: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}
const counts: Counts = { rowsRead: 5, rowsWritten: 4, rowsRejected: 1, bytes: 50 };
const at = '2024-03-15T10:15:02Z';
const saidAt = '2024-03-15T10:15:02.000Z';
const lost = { class: 'transient', code: 'connection-lost', message: 'the connection was lost' } as const;

describe('the events of a sync', () => {
  let api: Harness;
  let connectionId: string;
  beforeAll(async () => {
    api = await Harness.start();
    const source = await api.post('/api/v1/sources', { name: 's', connectorType: 'postgres', connectionConfig: {} });
    const made = await api.post('/api/v1/connections', { sourceId: (source.body as { id: string }).id, name: 'c' });
    connectionId = (made.body as { id: string }).id;
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const say = async (run: RunView, event: Record<string, unknown> & { kind: RunEvent['kind'] }): Promise<number> => {
    const base = { runId: run.id, tenantId: tenant, fence: '1', at: saidAt };
    return (await api.jets.client.publish(eventSubject(run.id, event.kind), JSON.stringify({ ...base, ...event }))).seq;
  };
  const progress = (run: RunView, rowsRead: number): Promise<number> =>
    say(run, {
      kind: 'progress',
      ...counts,
      rowsRead,
      phase: 'loading',
      estimatedRows: 100,
      streams: [{ stream: 'a', status: 'running', ...counts, estimatedRows: null, error: null }],
    });
  /** The runner's last word, and then the catalog's. */
  const done = async (run: RunView): Promise<number> => {
    const place = await say(run, { kind: 'finished', ...counts, outcome: { status: 'succeeded' } });
    setTimeout(() => Object.assign(run, { status: 'succeeded', finishedAt: saidAt, ...counts }), 100);
    return place;
  };

  /** Opens the stream; `messages` fills as they come, `text` is everything, `ended` resolves at its end. */
  async function follow(
    id: string,
    headers: Record<string, string> = {},
  ): Promise<{ messages: Message[]; response: IncomingMessage; ended: Promise<void>; text: () => string }> {
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      get(
        `${api.url}/api/v1/syncs/${id}/events`,
        { headers: { authorization: `Bearer ${sign(claims())}`, 'x-tenant-id': tenant, ...headers } },
        resolve,
      ).on('error', reject),
    );
    const messages: Message[] = [];
    let text = '';
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
        );
        if (fields['event'] !== undefined)
          messages.push({
            ...(fields['id'] && { id: fields['id'] }),
            event: fields['event'],
            data: JSON.parse(fields['data'] ?? 'null') as Record<string, unknown>,
          });
      }
    });
    const ended = new Promise<void>((resolve) => response.once('close', resolve));
    return { messages, response, ended, text: () => text };
  }
  const until = async (condition: () => boolean): Promise<void> => {
    for (const end = Date.now() + 10_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 20)))
      if (Date.now() > end) throw new Error('it did not happen');
  };

  test('past and coming events, flattened, with their places, until the end', async () => {
    const run = api.catalog.addRun(connectionId, { status: 'running' });
    await say(run, { kind: 'started', runnerId: 'r1' });
    const first = await progress(run, 5);
    const stream = await follow(run.id);
    expect([
      stream.response.statusCode,
      stream.response.headers['content-type'],
      stream.response.headers['cache-control'],
    ]).toEqual([200, 'text/event-stream', 'no-store']);
    await until(() => stream.messages.length === 1);
    await say(run, { kind: 'log', level: 'info', message: 'two lines\nof text', fields: { table: 'a' } });
    await say(run, {
      kind: 'log',
      level: 'debug',
      message: 'where it failed',
      fields: { stack: 'at x (/opt/x.js:1:1)' },
    });
    await say(run, {
      kind: 'log',
      level: 'error',
      message: "cannot be read in mode cursor: no file '/opt/sluice/a.js'",
      fields: { end: 'source', stderr: 'at x (/opt/x.js:1:1)', code: 'bug' },
    });
    await say(run, { kind: 'checkpoint', lane: 'l1', checkpoint: { v: 1, secretValue: 'canary-row' }, complete: true });
    const last = await done(run);
    await stream.ended;
    expect(stream.messages).toEqual([
      {
        id: String(first),
        event: 'progress',
        data: {
          phase: 'loading',
          ...counts,
          estimatedRows: 100,
          streams: [{ name: 'a', status: 'RUNNING', ...counts, estimatedRows: null }],
          at,
        },
      },
      {
        id: expect.any(String),
        event: 'log',
        data: { level: 'info', message: 'two lines\nof text', fields: { table: 'a' }, at },
      },
      {
        id: expect.any(String),
        event: 'log',
        data: {
          level: 'error',
          message: "cannot be read in mode INCREMENTAL: no file 'a.js'",
          fields: { end: 'source', code: 'bug' },
          at,
        },
      },
      { id: expect.any(String), event: 'checkpoint', data: { lane: 'l1', complete: true, at } },
      { id: String(last), event: 'finished', data: { status: 'SUCCEEDED', ...counts, at } },
    ]);
    expect(stream.text()).not.toContain('canary-row');
  });

  test('Last-Event-ID goes on after that event: none is lost, none comes twice', async () => {
    const run = api.catalog.addRun(connectionId, { status: 'running' });
    const places = [await progress(run, 1), await progress(run, 2), await progress(run, 3), await done(run)];
    const stream = await follow(run.id, { 'last-event-id': String(places[1]) });
    await stream.ended;
    expect(stream.messages.map(({ id }) => Number(id))).toEqual(places.slice(2));
  });

  test('a failed attempt is followed by the next one in the same stream', async () => {
    const first = api.catalog.addRun(connectionId, { status: 'running' });
    const stream = await follow(first.id);
    await say(first, { kind: 'finished', ...counts, outcome: { status: 'failed', error: lost } });
    Object.assign(first, { status: 'failed', error: lost });
    api.catalog.unsettled.add(first.id);
    await new Promise((resolve) => setTimeout(resolve, 600));
    const second = api.catalog.addRun(connectionId, { status: 'running', attempt: 2, rootId: first.id });
    first.nextId = second.id;
    await progress(second, 9);
    await done(second);
    await stream.ended;
    expect(stream.messages.map(({ event, data }) => [event, data['message'] ?? data['rowsRead']])).toEqual([
      ['log', 'Attempt 1 failed: the connection was lost. Attempt 2 follows'],
      ['progress', 9],
      ['finished', 5],
    ]);
  });

  test('who resumes in the second attempt is not told of the first again', async () => {
    const first = api.catalog.addRun(connectionId, { status: 'failed', error: lost });
    const second = api.catalog.addRun(connectionId, { status: 'running', attempt: 2, rootId: first.id });
    first.nextId = second.id;
    await progress(first, 1);
    await say(first, { kind: 'finished', ...counts, outcome: { status: 'failed', error: lost } });
    const seen = await progress(second, 2);
    const places = [await progress(second, 3), await done(second)];
    const stream = await follow(first.id, { 'last-event-id': String(seen) });
    await stream.ended;
    expect(stream.messages.map(({ id }) => Number(id))).toEqual(places);
  });

  test('a failure that nothing follows is the end, with its reason', async () => {
    const error = { class: 'config', code: 'permission', message: 'may not read', fix: 'GRANT SELECT' } as const;
    const run = api.catalog.addRun(connectionId, { status: 'failed', error, finishedAt: saidAt, ...counts });
    await say(run, { kind: 'finished', ...counts, outcome: { status: 'failed', error } });
    const stream = await follow(run.id);
    await stream.ended;
    expect(stream.messages.map(({ data }) => data)).toEqual([
      {
        status: 'FAILED',
        ...counts,
        errorMessage: 'may not read; to fix it: GRANT SELECT',
        errorCode: 'permission',
        at,
      },
    ]);
  });

  test('a sync whose runner vanished without a word ends as the catalog says', async () => {
    const error = { class: 'heartbeat', code: 'heartbeat', message: 'the runner went silent' } as const;
    const run = api.catalog.addRun(connectionId, {
      status: 'failed',
      error,
      finishedAt: saidAt,
      ...counts,
    });
    await progress(run, 5);
    const stream = await follow(run.id);
    await stream.ended;
    expect(stream.messages.map(({ id, event, data }) => [id !== undefined, event, data['errorCode']])).toEqual([
      [true, 'progress', undefined],
      [false, 'finished', 'heartbeat'],
    ]);
  });

  test('a runner that vanished is followed by the next attempt', async () => {
    const first = api.catalog.addRun(connectionId, { status: 'failed', error: lost });
    const second = api.catalog.addRun(connectionId, { status: 'running', attempt: 2, rootId: first.id });
    first.nextId = second.id;
    await done(second);
    const stream = await follow(first.id);
    await stream.ended;
    expect(stream.messages.map(({ event, data }) => [event, data['message'] ?? data['status']])).toEqual([
      ['log', 'Attempt 1 failed: its runner stopped answering. Attempt 2 follows'],
      ['finished', 'SUCCEEDED'],
    ]);
  });

  test('an event of another tenant on the same subject is not passed on', async () => {
    const run = api.catalog.addRun(connectionId, { status: 'running' });
    await say(run, { kind: 'log', level: 'info', message: 'theirs', tenantId: otherTenant });
    await done(run);
    const stream = await follow(run.id);
    await stream.ended;
    expect(stream.messages.map(({ event }) => event)).toEqual(['finished']);
  });

  test('unknown, foreign and malformed: the error body, no stream', async () => {
    const run = api.catalog.addRun(connectionId);
    const path = `/api/v1/syncs/${run.id}/events`;
    const foreign = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };
    expect((await api.get(path, foreign)).body).toEqual(errorBody(404, 'Not Found', 'Sync not found', path));
    expect((await api.get(path, { headers: { 'last-event-id': 'x' } })).body).toEqual(
      errorBody(400, 'Bad Request', 'Last-Event-ID must be a number', path),
    );
    expect((await api.get('/api/v1/syncs/x/events')).status).toBe(400);
  });

  test('[T6] one tenant cannot take every stream', async () => {
    const run = api.catalog.addRun(connectionId, { status: 'running' });
    const path = `/api/v1/syncs/${run.id}/events`;
    const open = await Promise.all(Array.from({ length: 100 }, () => follow(run.id)));
    expect(open.map(({ response }) => response.statusCode)).toEqual(open.map(() => 200));
    const message = 'Too many event streams are open; try again later';
    expect((await api.get(path)).body).toEqual(errorBody(503, 'Service Unavailable', message, path));
    const theirs = api.catalog.addRun(connectionId, { status: 'succeeded', finishedAt: saidAt, tenantId: otherTenant });
    const foreign = { token: sign(claims({ tenant_id: otherTenant })), tenantId: otherTenant };
    expect((await api.get(`/api/v1/syncs/${theirs.id}/events`, foreign)).status).toBe(200);
    await done(run);
    await Promise.all(open.map(({ ended }) => ended));
  });

  test('a client that leaves takes its consumer with it', async () => {
    const run = api.catalog.addRun(connectionId, { status: 'running' });
    const manager = await api.jets.client.jetstreamManager();
    const consumers = async (): Promise<number> => {
      let mine = 0;
      for await (const { config } of manager.consumers.list('RUN_EVENTS'))
        if (JSON.stringify(config).includes(run.id)) mine++;
      return mine;
    };
    const stream = await follow(run.id);
    await progress(run, 1);
    await until(() => stream.messages.length === 1);
    expect(await consumers()).toBe(1);
    stream.response.destroy();
    for (const end = Date.now() + 10_000; (await consumers()) > 0;)
      if (Date.now() > end) throw new Error('the consumer is still there');
  });

  test('a gateway that stops ends its streams', async () => {
    const second = await Harness.start();
    const source = await second.post('/api/v1/sources', { name: 's', connectorType: 'postgres', connectionConfig: {} });
    const made = await second.post('/api/v1/connections', { sourceId: (source.body as { id: string }).id, name: 'c' });
    const run = second.catalog.addRun((made.body as { id: string }).id, { status: 'running' });
    const response = await fetch(`${second.url}/api/v1/syncs/${run.id}/events`, {
      headers: { authorization: `Bearer ${sign(claims())}`, 'x-tenant-id': tenant },
    });
    const text = response.text();
    const began = Date.now();
    await second[Symbol.asyncDispose]();
    expect(await text).toBe('retry: 2000\n\n');
    expect(Date.now() - began).toBeLessThan(10_000);
  });
});
