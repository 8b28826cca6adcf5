/** Both systems as source and destination, all three write modes, by value. */
import { Api } from './api.js';
import { fillLedger, makeLedger, readLedger } from './ledger.js';
import { systems, type Database } from './systems.js';

const names = ['postgres', 'mysql'] as const;
const pairs = names.flatMap((from) => names.map((to) => [from, to] as const));

/** True as soon as it is so; false after half a minute. */
async function until(so: () => Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((next) => setTimeout(next, 100)))
    if (await so()) return true;
  return false;
}

describe.each(pairs)('%s -> %s', (from, to) => {
  const api = new Api();
  let source: Database;
  let target: Database;
  let sourceId: string;
  let destinationId: string;
  const title = `${from} to ${to} ${Date.now()}`;
  const stream = (table: string): string =>
    from === 'postgres' ? `public.${table}` : `${source.config.database}.${table}`;
  const connect = (mode: string, table: string, extra: object = {}): Promise<string> =>
    api.connection({
      name: `${title} ${mode} ${table}`,
      sourceId,
      destinationId,
      syncMode: mode,
      selectedStreams: [stream(table)],
      ...extra,
    });

  beforeAll(async () => {
    [source, target] = await Promise.all([systems[from](), systems[to]()]);
    for (const [table, keyed] of [
      ['ledger', true],
      ['events', false],
    ] as const) {
      await makeLedger(source, table, keyed);
      await fillLedger(source, table, 1, 3000);
    }
    sourceId = await api.source(title, from, source.config);
    destinationId = await api.destination(title, to, target.config);
  });
  afterAll(async () => {
    await source.drop();
    await target.drop();
  });

  test('the source is reachable and shows its tables', async () => {
    expect(await api.expect(200, 'POST', `/api/v1/sources/${sourceId}/test`)).toMatchObject({ status: 'ACTIVE' });
    const { streams } = await api.expect<{
      streams: { name: string; supportedSyncModes: string[]; columns: unknown[] }[];
    }>(200, 'POST', `/api/v1/sources/${sourceId}/discover`);
    const ledger = streams.find(({ name }) => name === stream('ledger'));
    expect(ledger?.columns[0]).toEqual({ name: 'id', type: 'INTEGER', nullable: false, sampleValues: [] });
    expect(ledger?.supportedSyncModes).toEqual(['FULL_REFRESH', 'INCREMENTAL']);
  });

  test('replace: the destination is equal, and stays so when the source shrinks', async () => {
    const id = await connect('FULL_REFRESH', 'ledger');
    const sync = await api.run(id);
    expect(sync.recordsSynced).toBe(3000);
    expect(await readLedger(target, 'ledger')).toEqual(await readLedger(source, 'ledger'));
    await source.run(`DELETE FROM ledger WHERE qty > 1000000000`);
    await api.run(id);
    expect(await readLedger(target, 'ledger')).toEqual(await readLedger(source, 'ledger'));
    await api.expect(204, 'DELETE', `/api/v1/connections/${id}`);
    const kept = `SELECT count(*) FROM ${target.name('_sluice_checkpoints')} WHERE lane LIKE '${id}/%'`;
    await expect(until(async () => String((await target.rows(kept))[0]?.[0]) === '0')).resolves.toBe(true);
  });

  test('upsert: new and changed rows arrive, the others are not read again', async () => {
    await makeLedger(source, 'accounts');
    await fillLedger(source, 'accounts', 1, 1000);
    const id = await connect('INCREMENTAL', 'accounts');
    expect((await api.run(id)).recordsSynced).toBe(1000);
    await fillLedger(source, 'accounts', 1001, 1200, '2024-06-01 00:00:00.000001');
    await source.run(`UPDATE accounts SET name = 'changed', updated_at = '2024-06-01 00:00:00.000001' WHERE id <= 50`);
    expect((await api.run(id)).recordsSynced).toBe(250);
    expect(await readLedger(target, 'accounts')).toEqual(await readLedger(source, 'accounts'));
    expect((await api.run(id)).recordsSynced).toBe(0);
  });

  test('append: a table without a key grows by what is new', async () => {
    const id = await connect('INCREMENTAL', 'events');
    expect((await api.run(id)).recordsSynced).toBe(3000);
    await fillLedger(source, 'events', 3001, 3100, '2024-07-01 00:00:00');
    expect((await api.run(id)).recordsSynced).toBe(100);
    expect(await readLedger(target, 'events')).toEqual(await readLedger(source, 'events'));
  });

  test('rows: without byte pass-through the result is the same', async () => {
    const id = await connect('FULL_REFRESH', 'ledger', { options: { encoding: 'rows' } });
    await api.run(id);
    expect(await readLedger(target, 'ledger')).toEqual(await readLedger(source, 'ledger'));
  });

  test('names are data', async () => {
    const wide = from === 'mysql' || to === 'mysql' ? 'ü ٣ 漢' : '🚰 ü ٣ 漢'; // MySQL has no names beyond the basic plane
    const hostile = [`semi;colon`, `say "hi"`, `back\`tick`, wide, 'a.b', `it's`, 'select', '__proto__'];
    for (const name of hostile) {
      await source.run(
        `CREATE TABLE ${source.name(name)} (${source.name(name)} integer PRIMARY KEY, ${source.name('x y')} varchar(10))`,
      );
      await source.run(`INSERT INTO ${source.name(name)} VALUES (1, 'one'), (2, NULL)`);
    }
    const { streams } = await api.expect<{ streams: { name: string }[] }>(
      200,
      'POST',
      `/api/v1/sources/${sourceId}/discover`,
    );
    const ledgers = ['ledger', 'events', 'accounts'].map(stream);
    const selected = streams.map(({ name }) => name).filter((name) => !ledgers.includes(name));
    expect(selected).toHaveLength(hostile.length);
    await api.run(await api.connection({ name: `${title} names`, sourceId, destinationId, selectedStreams: selected }));
    for (const name of hostile) {
      expect(
        await target.rows(
          `SELECT ${target.name(name)} AS a, ${target.name('x y')} AS b FROM ${target.name(name)} ORDER BY 1`,
        ),
      ).toEqual([
        ['1', 'one'],
        ['2', null],
      ]);
    }
  });
});
