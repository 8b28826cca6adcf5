import { type CrashPoint, conformance, memoryDestination, plainDial, scriptedSource } from './index.js';

const { plugin, options } = memoryDestination();
conformance(plugin, options);

describe('crash points', () => {
  const stream = {
    id: 's',
    path: ['s'],
    columns: [{ name: 'id', type: 'int32', nullable: false, native: 'int32' }],
    key: ['id'],
    modes: ['full'],
    cursors: [],
  } as const;
  const context = { signal: new AbortController().signal, log: () => {}, dial: plainDial };
  const lane = { id: 'lane', fence: 1n, generation: 1 };

  test.each<[CrashPoint, number, number | undefined]>([
    ['write', 0, undefined],
    ['before-commit', 0, undefined],
    ['inside-commit', 0, undefined],
    ['after-commit', 2, 1],
  ])('a crash at %s leaves %d rows and the checkpoint %p', async (point, rows, at) => {
    const { plugin: healthy, store, options: given } = memoryDestination();
    const open = () => healthy.open(given.config as never, context);
    const session = await open();
    await session.resume(lane);
    await session.prepare(stream, { table: ['t'], mode: 'append', key: [] });
    store.crash = (here) => {
      if (here === point) throw new Error(`crashed at ${here}`);
    };
    const load = async () => {
      await session.write({ kind: 'rows', stream: 's', rows: [[1], [2]] });
      await session.commit({ v: 1, n: 1 });
    };
    await expect(load()).rejects.toThrow(`crashed at ${point}`);
    store.crash = () => {};
    const next = await open();
    expect((await next.resume({ ...lane, fence: 2n }))?.['n']).toBe(at);
    expect(store.system.tables.get('t')?.rows.length).toBe(rows);
  });

  test('a scripted source yields what it is told to, and what it offers is asked for by id', async () => {
    const source = scriptedSource([stream], function* (requests, after) {
      yield { kind: 'rows', stream: requests[0]!.stream.id, rows: [[Number(after?.['n'] ?? 0)]] };
    });
    const session = await source.open({ host: 'here', password: '' }, context);
    const batches = [];
    for await (const batch of session.read([{ stream, mode: 'full' }], { v: 1, n: 4 })) batches.push(batch);
    expect(batches).toEqual([{ kind: 'rows', stream: 's', rows: [[4]] }]);
    expect(await session.discover(['other'])).toEqual([]);
  });
});
