import type { DestinationSession, Stream } from '@sluice/connector-sdk';
import { Lab, laneOf, servers, targetOf } from './lab.js';

const stream: Stream = {
  id: 'public.orders',
  path: ['public', 'orders'],
  columns: [{ name: 'id', type: 'int64', nullable: false, native: 'bigint' }],
  key: ['id'],
  modes: ['full'],
  cursors: [],
};
const rows = (...ids: number[]) => ({ kind: 'rows', stream: stream.id, rows: ids.map((id) => [id]) }) as const;
const shadows = `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_sluice\\_new%'`;

describe.each(servers)('start over, %s', (_name, url) => {
  let lab: Lab;
  let to: DestinationSession;
  const lane = laneOf('lane');
  const replace = targetOf('orders', 'replace', ['id']);
  beforeEach(async () => {
    lab = await Lab.open(url);
    to = await lab.destination();
    await to.resume(lane);
    await to.prepare(stream, replace);
    await to.commit({ v: 1, n: 0 });
    for (const part of ['0', '1']) {
      await to.resume({ ...lane, part });
      await to.prepare(stream, { ...replace, committed: true });
      await to.write(rows(Number(part)));
      await to.commit({ v: 1, n: 1 });
    }
  });
  afterEach(() => lab.close());

  test('a crash between forgetting and dropping leaves no rows to a load that begins anew', async () => {
    await to.resume({ ...lane, fence: lane.fence + 1n, startOver: true });
    // As that crash would have left it: forgotten, and the shadow table still there, with rows.
    const [filled] = await to.prepare(stream, replace);
    expect(filled).toContain('CREATE TABLE');
    await to.write(rows(7));
    await to.commit({ v: 1, n: 2 });
    await lab.sql(
      `UPDATE _sluice_checkpoints SET checkpoint = NULL, shadows = REPLACE(shadows, '"generation":1', '"generation":-1') WHERE part IS NULL`,
    );
    expect(await lab.sql(shadows)).toHaveLength(1);
    expect(await to.resume({ ...lane, fence: lane.fence + 2n })).toBeUndefined();
    expect(await lab.sql(shadows)).toEqual([]);
    await to.prepare(stream, replace);
    await to.write(rows(3));
    await to.commit({ v: 1, n: 1 }, stream.id);
    expect(await lab.sql('SELECT * FROM orders')).toEqual([['3']]);
  });

  test('a part that finds another shape does not make the shadow anew that others have filled', async () => {
    await to.resume({ ...lane, part: '2' });
    const other = { ...stream, columns: [{ ...stream.columns[0]!, type: 'uuid' as const, native: 'uuid' }] };
    await expect(to.prepare(other, { ...replace, committed: true })).rejects.toMatchObject({ code: 'target-mismatch' });
    expect(await lab.sql(shadows)).toHaveLength(1);
  });
});
