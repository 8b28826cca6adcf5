// @ts-check
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parsePostgresUrl } from '../postgres-client.mjs';
import { startServers } from '../servers.mjs';
import '../testing/end-with-signal.mjs';
import { startStandInApi } from '../testing/stand-in-api.mjs';
import { runMainJob } from './main-job.mjs';
import { progressLine } from './progress-bar.mjs';
import { eventParser } from './sync-events.mjs';

/** @type {import('../servers.mjs').TestServers} */ let servers;
before(async () => {
  servers = await startServers(['postgres'], { say: () => {}, fsync: false });
});
after(() => servers.stop());

/** @param {{ events: boolean, spoil?: boolean }} behaviour */
const demo = async (behaviour) => {
  const api = await startStandInApi(behaviour);
  /** @type {string[]} */
  const lines = [];
  const target = {
    url: api.url,
    token: 'tok',
    tenantId: 'ten',
    postgres: parsePostgresUrl(servers.env.SLUICE_TEST_POSTGRES_URL ?? ''),
  };
  const run = () => runMainJob(target, (line) => void lines.push(line));
  return { api, lines, run };
};

test('loads the cities, runs the sync, proves that the copy is equal, and runs again', async () => {
  const { api, lines, run } = await demo({ events: true });
  try {
    assert.deepEqual(await run(), { connectionId: 'connections-1', syncId: 'sync-1', rows: 171_075 });
    assert.ok(
      lines.some((line) => /^source database demo_source, table geo.cities: 171,075 rows loaded in /.test(line)),
      lines.join('\n'),
    );
    assert.ok(
      lines.some((line) =>
        /^\[#+\.+\] {2}29 % {2}50,000 of 171,075 rows {2}[\d,]+ rows\/s {2}\d+ s left {2}load$/.test(line),
      ),
      lines.join('\n'),
    );
    assert.ok(lines.includes('  swapped'));
    assert.ok(lines.some((line) => /^ {2}destination {2}public\.cities {2}171075 {2}-?\d+$/.test(line)));
    assert.ok(lines.some((line) => /equal: every row/.test(line)));
    assert.ok(lines.some((line) => /^ {2}\d+ +Zürich +CH /.test(line)));
    assert.ok(api.requests.every((request) => request.endsWith(' Bearer tok ten')));
    lines.length = 0;
    await run();
    assert.ok(lines.some((line) => /171,075 rows found again/.test(line)));
    assert.deepEqual([api.made.sources?.length, api.made.connections?.length], [1, 1]);
  } finally {
    api.stop();
  }
});

test('without an event stream it asks for the status', async () => {
  const { api, run } = await demo({ events: false });
  try {
    await run();
    assert.ok(api.requests.some((request) => request.startsWith('GET /api/v1/syncs/sync-1 ')));
  } finally {
    api.stop();
  }
});

test('a copy with one changed value is not passed off as equal', async () => {
  const { api, run } = await demo({ events: true, spoil: true });
  try {
    await assert.rejects(run(), /The destination differs from the source/);
  } finally {
    api.stop();
  }
});

test('the progress line', () => {
  assert.equal(
    progressLine({ done: 50, total: 200, seconds: 10, phase: 'load' }),
    '[########......................]  25 %  50 of 200 rows  5 rows/s  30 s left  load',
  );
  assert.equal(progressLine({ done: 0, total: undefined, seconds: 0 }), '0 rows');
  assert.equal(
    progressLine({ done: 300, total: 200, seconds: 1 }),
    '[##############################] 100 %  300 of 200 rows  300 rows/s',
  );
});

test('server-sent events may be cut anywhere', () => {
  const text = ': hello\n\nid: 7\nevent: progress\ndata: {"a":1,\ndata: "b":2}\n\nevent: finished\r\ndata: x\r\n\r\n';
  const expected = [
    { type: 'progress', id: '7', data: '{"a":1,\n"b":2}' },
    { type: 'finished', data: 'x' },
  ];
  for (let size = 1; size < 40; size++) {
    const parse = eventParser();
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    assert.deepEqual(pieces.flatMap(parse), expected, `pieces of ${size}`);
  }
});
