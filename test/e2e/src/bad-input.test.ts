/** What goes wrong is said in words a person can act on, and nothing is half-made. */
import { Api } from './api.js';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { freePort, local, root } from './local.js';
import { postgres, type Database } from './systems.js';

const api = new Api();
let db: Database;
beforeAll(async () => {
  db = await postgres();
  await db.run('CREATE TABLE keyed (id int PRIMARY KEY, at timestamptz); CREATE TABLE keyless (x text)');
});
afterAll(() => db.drop());

const sources = (): Promise<{ id: string; name: string; status: string }[]> =>
  api.expect(200, 'GET', '/api/v1/sources');

test.each([
  ['unreachable host', { host: '127.0.0.1', port: 1 }, /refused|reach/i],
  ['unknown host', { host: 'no-such-host.invalid' }, /no-such-host\.invalid/],
  ['wrong password', { password: 'wrong-canary' }, /password|authentication/i],
  ['missing database', { database: 'nowhere' }, /nowhere/],
])('%s: the test answers 200 with status ERROR and says why', async (title, change, reason) => {
  const id = await api.source(`bad ${title}`, 'postgres', { ...db.config, ...change });
  const answer = await api.expect<{ status: string; lastTestedAt: string }>(200, 'POST', `/api/v1/sources/${id}/test`);
  expect(answer.status).toBe('ERROR');
  const findings = await api.call('GET', `/api/v1/sources/${id}/findings`);
  expect(JSON.stringify(findings.body)).toMatch(reason);
  expect(JSON.stringify(findings.body)).not.toContain('wrong-canary');
  const discovery = await api.call('POST', `/api/v1/sources/${id}/discover`);
  expect([400, 503]).toContain(discovery.status);
});

test.each([
  ['malformed JSON', '{"name":', 400, /JSON/],
  ['a missing name', { connectorType: 'postgres', connectionConfig: {} }, 400, /name/],
  ['wrong types', { name: 5, connectorType: 'postgres', connectionConfig: [] }, 400, /name/],
  ['an unknown connector', { name: 'x', connectorType: 'dbase', connectionConfig: {} }, 400, /dbase/],
  [
    'a connector that is not installed',
    { name: 'x', connectorType: 'salesforce', connectionConfig: {} },
    400,
    /salesforce/,
  ],
  [
    'a missing host',
    { name: 'x', connectorType: 'postgres', connectionConfig: { database: 'd', username: 'u' } },
    400,
    /host/,
  ],
  [
    'an unknown setting',
    {
      name: 'x',
      connectorType: 'postgres',
      connectionConfig: { host: 'h', database: 'd', username: 'u', password: 'p', hots: 1 },
    },
    400,
    /hots/,
  ],
  [
    'a body of 10 MB',
    { name: 'x'.repeat(10 * 1024 * 1024), connectorType: 'postgres', connectionConfig: {} },
    413,
    /at most/,
  ],
])('%s is refused and creates nothing', async (_title, body, status, message) => {
  const before = await sources();
  const answer = await api.call<{ message: string; path: string }>('POST', '/api/v1/sources', body);
  expect(answer.status).toBe(status);
  expect(answer.body).toEqual({
    timestamp: expect.any(String),
    status,
    error: expect.any(String),
    message: expect.stringMatching(message),
    path: '/api/v1/sources',
  });
  expect(await sources()).toEqual(before);
});

describe('connections', () => {
  let sourceId: string;
  let destinationId: string;
  beforeAll(async () => {
    sourceId = await api.source('connections source', 'postgres', db.config);
    destinationId = await api.destination('connections destination', 'postgres', { ...db.config, schema: 'target' });
    await db.run('CREATE SCHEMA target');
  });
  test.each([
    ['an unknown stream', { selectedStreams: ['public.nope'] }, /public\.nope/],
    ['a bad cron', { syncSchedule: 'every day' }, /cron|syncSchedule/i],
    ['incremental without a cursor', { syncMode: 'INCREMENTAL', selectedStreams: ['public.keyless'] }, /cursor/],
    ['changes, which are not offered', { syncMode: 'CDC' }, /CDC/],
    ['an unknown column', { streams: [{ name: 'public.keyed', columns: ['id', 'nope'] }] }, /nope/],
  ])('%s is refused', async (_title, body, message) => {
    const answer = await api.call<{ message: string }>('POST', '/api/v1/connections', {
      name: 'c',
      sourceId,
      destinationId,
      ...body,
    });
    expect([answer.status, answer.body.message]).toEqual([400, expect.stringMatching(message)]);
    expect(await api.expect(200, 'GET', '/api/v1/connections')).not.toContainEqual(
      expect.objectContaining({ name: 'c' }),
    );
  });

  test('a table that vanishes between two runs fails its run with its name, and the next run works again', async () => {
    await db.run('CREATE TABLE fleeting (id int PRIMARY KEY); INSERT INTO fleeting VALUES (1)');
    await api.expect(200, 'POST', `/api/v1/sources/${sourceId}/discover`);
    const id = await api.connection({
      name: 'fleeting',
      sourceId,
      destinationId,
      selectedStreams: ['public.fleeting'],
    });
    await api.run(id);
    await db.run('DROP TABLE fleeting');
    const failed = await api.finished((await api.trigger(id)).id);
    expect(failed).toMatchObject({ status: 'FAILED', errorMessage: expect.stringContaining('fleeting') });
    expect(await db.rows('SELECT id FROM target.fleeting')).toEqual([['1']]); // Invariant 5
    await db.run('CREATE TABLE fleeting (id int PRIMARY KEY); INSERT INTO fleeting VALUES (2)');
    await api.run(id);
    expect(await db.rows('SELECT id FROM target.fleeting')).toEqual([['2']]);
  });

  test('a second trigger while one runs is a conflict; a source in use cannot be deleted', async () => {
    await db.run(
      'CREATE TABLE slow AS SELECT g AS id, repeat(md5(g::text), 20) AS pad FROM generate_series(1, 200000) g',
    );
    await api.expect(200, 'POST', `/api/v1/sources/${sourceId}/discover`);
    const id = await api.connection({ name: 'slow', sourceId, destinationId, selectedStreams: ['public.slow'] });
    await db.run('BEGIN; LOCK TABLE slow IN ACCESS EXCLUSIVE MODE'); // it cannot be over before it is cancelled
    const { id: syncId } = await api.trigger(id);
    expect((await api.call('POST', `/api/v1/syncs/connections/${id}/trigger`)).status).toBe(409);
    expect((await api.call('DELETE', `/api/v1/sources/${sourceId}`)).status).toBe(409);
    await api.expect(204, 'POST', `/api/v1/syncs/${syncId}/cancel`);
    await new Promise((heard) => setTimeout(heard, 1000));
    await db.run('ROLLBACK');
    expect(await api.finished(syncId)).toMatchObject({ status: 'CANCELLED' });
    expect((await api.call('POST', `/api/v1/syncs/${syncId}/cancel`)).status).toBe(409);
    expect(await db.rows(`SELECT count(*) FROM pg_tables WHERE schemaname = 'target' AND tablename = 'slow'`)).toEqual([
      ['0'],
    ]);
    await api.run(id);
    expect(await db.rows('SELECT count(*) FROM target.slow')).toEqual([['200000']]);
  });
});

test('a taken port is an error in words', async () => {
  const port = await freePort();
  const squatter = createServer();
  await new Promise<void>((listening) => squatter.listen(port, '127.0.0.1', listening));
  const { status, stderr, stdout } = spawnSync(process.execPath, [`${root}/tools/local/start.mjs`], {
    env: { ...process.env, SLUICE_PORT: String(port), SLUICE_DATA_DIR: `${local().dataDir}-taken` },
    encoding: 'utf8',
    timeout: 60_000,
  });
  squatter.close();
  expect(status).toBe(1);
  expect(stderr + stdout).toMatch(new RegExp(`${port}.*SLUICE_PORT|SLUICE_PORT.*${port}`, 's'));
});
