// @ts-check
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort, portProblem, stablePort } from './ports.mjs';

test(
  'a free port is none that the system lends to outgoing connections',
  { skip: process.platform === 'linux' ? false : 'the range is read from /proc' },
  async () => {
    const [first = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
    const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
    assert.deepEqual(first >= 20_000 ? ports.filter((port) => port >= first || port < 1024) : [], []);
  },
);

test('a preferred port is kept while it is free', async () => {
  const port = await freePort();
  assert.equal(await stablePort(port), port);
  assert.notEqual(await stablePort(port, [port]), port, 'promised to another');
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  try {
    assert.equal(await portProblem(port), 'EADDRINUSE');
    assert.notEqual(await stablePort(port), port);
  } finally {
    server.close();
  }
});
