import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openApi, type Api } from './api.js';
import { runSync } from './run-sync.js';

let server: Server;
let api: Api;
/** What the platform under test does: its events (none: the route fails), and the statuses it answers one after another. */
let events: readonly { event: string; [field: string]: unknown }[] | undefined;
let statuses: string[];
let seen: string[];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    const path = `${request.method} ${request.url}`;
    seen.push(`${path} ${request.headers.authorization} ${request.headers['x-tenant-id']}`);
    const sync = { id: 's1', status: 'RUNNING', recordsSynced: 3 };
    if (path === 'POST /api/v1/syncs/connections/c1/trigger') return response.writeHead(202).end(JSON.stringify(sync));
    if (path === 'GET /api/v1/syncs/s1/events') {
      if (!events) return response.writeHead(404).end('{}');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const { event, ...data } of events) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      return; // stays open, as a live stream does
    }
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    return response.writeHead(200).end(JSON.stringify({ ...sync, status, errorMessage: 'disk full' }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  api = openApi({ url: `http://127.0.0.1:${port}`, token: 'tok', tenantId: 'ten' });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('waits for the last event and tells when the first row was read', async () => {
  const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
  events = [
    { event: 'progress', rowsRead: 0, at: at(10) },
    { event: 'progress', rowsRead: 1, at: at(50) },
    { event: 'finished', rowsRead: 3, at: at(90) },
  ];
  statuses = ['SUCCEEDED'];
  const { sync, wallSeconds, firstRowMs } = await runSync(api, 'c1');
  expect(sync.recordsSynced).toBe(3);
  expect(wallSeconds).toBeGreaterThan(0);
  expect(firstRowMs).toBeGreaterThanOrEqual(40);
  expect(firstRowMs).toBeLessThan(60);
  expect(seen[0]).toBe('POST /api/v1/syncs/connections/c1/trigger Bearer tok ten');
  expect(seen).toHaveLength(3);
});

test('a log line with the stages of the start tells of the first data', async () => {
  const at = new Date(Date.now() + 20).toISOString();
  events = [
    { event: 'log', level: 'info', message: 'first data', fields: { opened: 5, 'first-data': 12 }, at },
    { event: 'finished', rowsRead: 3, at: new Date(Date.now() + 500).toISOString() },
  ];
  statuses = ['SUCCEEDED'];
  expect((await runSync(api, 'c1')).firstRowMs).toBeLessThan(100);
});

test('without events it polls the status', async () => {
  events = undefined;
  statuses = ['RUNNING', 'RUNNING', 'SUCCEEDED'];
  const { wallSeconds, firstRowMs } = await runSync(api, 'c1');
  expect(wallSeconds).toBeGreaterThanOrEqual(0.04);
  expect(firstRowMs).toBeNull();
});

test('a run that failed is an error with its message', async () => {
  events = [{ event: 'finished' }];
  statuses = ['FAILED'];
  await expect(runSync(api, 'c1')).rejects.toThrow('sync FAILED: disk full');
});
