import type { Stream, WriteMode } from '@sluice/connector-sdk';
import { Lab, laneOf, servers } from './lab.js';

const stream: Stream = {
  id: 's.t',
  path: ['s', 't'],
  columns: [{ name: 'id', type: 'int32', nullable: false, native: 'int' }],
  key: ['id'],
  modes: ['full'],
  cursors: [],
};

describe.each(servers)('a target table in a database that is not there, %s', (_name, url) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  test.each<WriteMode>(['append', 'upsert', 'replace'])('mode %s: the error names it and what to do', async (mode) => {
    const session = await lab.destination();
    await session.resume(laneOf(mode));
    const target = { table: ['wmy_sales', 'orders'], mode, key: mode === 'upsert' ? ['id'] : [] };
    await expect(session.prepare(stream, target)).rejects.toMatchObject({
      class: 'config',
      code: 'no-such-database',
      message: "Unknown database 'wmy_sales'",
      fix: 'CREATE DATABASE `wmy_sales` CHARACTER SET utf8mb4; or give another database, in the configuration or in the name of the target table.',
    });
  });
});
