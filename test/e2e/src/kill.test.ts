/** A runner that is killed in mid-load: the next attempt goes on from the destination's checkpoint and ends equal. */
import { startFaultProxy } from '@sluice/fixtures';
import { Api, type Sync } from './api.js';
import { pidsOf } from './local.js';
import { systems, type Database } from './systems.js';

describe.each(['postgres', 'mysql'] as const)('kill -9 in the middle of a load into %s', (to) => {
  const api = new Api();
  let source: Database;
  let target: Database;
  beforeAll(async () => {
    [source, target] = await Promise.all([systems.postgres(), systems[to]()]);
    await source.run(`CREATE TABLE big (id bigint PRIMARY KEY, pad text NOT NULL);
      INSERT INTO big SELECT g, md5(g::text) || repeat('x', 200) FROM generate_series(1, 400000) g`);
    await source.run('VACUUM ANALYZE big');
  });
  afterAll(async () => {
    await source.drop();
    await target.drop();
  });
  const sums = async (db: Database): Promise<unknown> =>
    db.rows(
      `SELECT count(*), sum(id), min(pad), max(pad), count(DISTINCT ${db.connectorType === 'mysql' ? 'left(pad, 32)' : 'substr(pad, 1, 32)'}) FROM big`,
    );

  test('the load resumes and every row is there once', async () => {
    // Slow enough that the load is in its middle when the runner is killed, whatever else the machine does.
    const { host, port } = source.config as { host: string; port: number };
    await using way = await startFaultProxy({ host, port }, { bytesPerSecond: 16 * 1024 * 1024 });
    const sourceId = await api.source(`kill source ${to}`, 'postgres', {
      ...source.config,
      host: way.host,
      port: way.port,
      window_bytes: 4 * 1024 * 1024,
    });
    const destinationId = await api.destination(`kill destination ${to}`, to, target.config);
    const id = await api.connection({ name: `kill ${to}`, sourceId, destinationId, selectedStreams: ['public.big'] });
    const { id: syncId } = await api.trigger(id);
    const before = await progress(api, syncId, 50_000);
    const [runner] = pidsOf('runner');
    process.kill(runner!, 'SIGKILL');
    way.set({});
    const tables = await target.rows(
      to === 'mysql' ? "SHOW TABLES LIKE 'big'" : `SELECT 1 FROM pg_tables WHERE tablename = 'big'`,
    );
    expect(tables).toEqual([]); // nothing is visible before it is whole
    const sync = await api.finished(syncId, 110);
    expect(sync).toMatchObject({ status: 'SUCCEEDED' });
    expect(await sums(target)).toEqual(await sums(source));
    expect(before).toBeLessThan(400_000);
    expect(sync.recordsSynced).toBe(400_000); // what was committed before the kill was not read again
  });
});

async function progress(api: Api, syncId: string, rows: number): Promise<number> {
  for (;;) {
    const sync = await api.expect<Sync>(200, 'GET', `/api/v1/syncs/${syncId}`);
    if ((sync.recordsSynced ?? 0) >= rows) return sync.recordsSynced!;
    if (sync.status !== 'RUNNING') throw new Error(`the load ended before it could be killed: ${JSON.stringify(sync)}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
