import { type Batch, type Change, type Checkpoint, isSluiceError } from '@sluice/connector-sdk';
import { plainDial } from '@sluice/connector-kit';
import { openDump } from '../src/binlog/binlog-link.js';
import { changesOf, configOf, followed, here, streamsOf, summary } from './changes-lab.js';
import { Lab, connectionOf, servers } from './lab.js';

describe.each(servers)('changes, %s', (name, url) => {
  let lab: Lab;
  let made = 0;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  /** A table of its own for each test, and the place before its first row. */
  const table = async (columns = 'id int primary key, v varchar(100)', more = ''): Promise<string> => {
    const called = `t${made++}`;
    await lab.sql(`CREATE TABLE ${called} (${columns}) ${more}`);
    return called;
  };
  const short = (change: Change): unknown =>
    change.op === 'truncate'
      ? 'truncate'
      : [change.op, 'before' in change ? change.before : undefined, 'after' in change ? change.after : undefined];

  test('insert, update, move of a key, delete, truncate, in order; a rollback leaves nothing', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 'a'), (2, NULL)`);
    await lab.sql('BEGIN');
    await lab.sql(`UPDATE ${t} SET v = 'b' WHERE id = 1`);
    await lab.sql(`UPDATE ${t} SET id = 3 WHERE id = 2`);
    await lab.sql('COMMIT');
    await lab.sql('BEGIN');
    await lab.sql(`INSERT INTO ${t} VALUES (9, 'never')`);
    await lab.sql('ROLLBACK');
    await lab.sql('BEGIN');
    await lab.sql(`INSERT INTO ${t} VALUES (10, 'stays')`);
    await lab.sql('SAVEPOINT s');
    await lab.sql(`INSERT INTO ${t} VALUES (11, 'goes')`);
    await lab.sql('ROLLBACK TO s');
    await lab.sql('COMMIT');
    await lab.sql(`DELETE FROM ${t} WHERE id = 1`);
    await lab.sql(`TRUNCATE TABLE ${t}`);
    await lab.sql(`INSERT INTO ${t} VALUES (4, '')`);
    const { changes, batches } = await followed(lab, streams, { after });
    expect(changes.map(short)).toEqual([
      ['insert', undefined, [1, 'a']],
      ['insert', undefined, [2, null]],
      ['update', [1, 'a'], [1, 'b']],
      ['update', [2, null], [3, null]],
      ['insert', undefined, [10, 'stays']],
      ['delete', [1, 'b'], undefined],
      'truncate',
      ['insert', undefined, [4, '']],
    ]);
    expect(batches.filter(({ kind }) => kind === 'changes')).toHaveLength(1); // small transactions share a batch
  });

  test('only captured tables, and only the columns of the pipeline, in its order', async () => {
    const t = await table('id int primary key, a int, b int, c int');
    const other = await table();
    const [captured] = await streamsOf(lab, t);
    const { stream } = captured!;
    const columns = ['c', 'id'].map((column) => stream.columns.find((each) => each.name === column)!);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 2, 3, 4)`);
    await lab.sql(`INSERT INTO ${other} VALUES (1, 'x')`);
    const { changes, schemas } = await followed(lab, [{ stream: { ...stream, columns }, excluded: ['a', 'b'] }], {
      after,
    });
    expect([changes.map(short), schemas]).toEqual([[['insert', undefined, [4, 1]]], []]);
  });

  test('a large transaction spans batches, and only its last has a checkpoint', async () => {
    const t = await table('id int primary key, v varchar(1000)');
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql('BEGIN');
    for (let from = 0; from < 8000; from += 1000) {
      const rows = Array.from({ length: 1000 }, (_, i) => `(${from + i}, REPEAT('x', 900))`);
      await lab.sql(`INSERT INTO ${t} VALUES ${rows.join(', ')}`);
    }
    await lab.sql('COMMIT');
    const { batches, changes } = await followed(lab, streams, { after });
    const data = batches.filter((batch) => batch.kind === 'changes');
    expect(data.length).toBeGreaterThan(4);
    expect(data.map((batch) => batch.checkpoint !== undefined)).toEqual([...data.slice(1).map(() => false), true]);
    expect(changes.map((change) => 'after' in change && change.after[0])).toEqual(
      Array.from({ length: 8000 }, (_, i) => i),
    );
  });

  test('going on from any checkpoint neither loses nor repeats a change', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const start = await here(lab);
    const written: number[] = [];
    for (let i = 0; i < 30; i++) {
      if (i % 10 === 5) await lab.sql('FLUSH BINARY LOGS');
      await lab.sql(`INSERT INTO ${t} VALUES (${i}, 'x'), (${i + 1000}, 'y')`);
      written.push(i, i + 1000);
    }
    let after: Checkpoint = start;
    const read: unknown[] = [];
    for (let round = 0; ; round++) {
      const batches: Batch[] = [];
      for await (const batch of changesOf(lab, streams, { after })) {
        batches.push(batch);
        if ('checkpoint' in batch && batch.checkpoint !== undefined) break; // a crash after each commit
      }
      const { changes, checkpoint } = summary(batches);
      if (checkpoint === undefined) break;
      read.push(...changes.map((change) => 'after' in change && change.after[0]));
      after = checkpoint;
      if (round === 0) await lab.sql(`INSERT INTO ${t} VALUES (5000, 'late')`);
    }
    expect(read).toEqual([...written, 5000]);
  });

  test('what the copy of a stream has is not read again; what came later is', async () => {
    const [a, b] = [await table(), await table()];
    const streams = await streamsOf(lab, a, b);
    const first = await here(lab);
    await lab.sql(`INSERT INTO ${a} VALUES (1, 'copied')`);
    await lab.sql(`INSERT INTO ${b} VALUES (1, 'new')`);
    const second = await here(lab);
    await lab.sql(`INSERT INTO ${a} VALUES (2, 'new')`);
    const since = { [streams[0]!.stream.id]: second, [streams[1]!.stream.id]: first };
    const { changes } = await followed(lab, streams, { since });
    expect(changes.map((change) => [change.stream, 'after' in change && change.after])).toEqual([
      [streams[1]!.stream.id, [1, 'new']],
      [streams[0]!.stream.id, [2, 'new']],
    ]);
  });

  test('tables without transactions: each statement is whole by itself, and a rollback does not take it back', async () => {
    const t = await table(undefined, 'ENGINE=MyISAM');
    const safe = await table();
    const streams = await streamsOf(lab, t, safe);
    const after = await here(lab);
    if (name === 'mariadb') await lab.sql('BEGIN'); // with GTIDs MySQL does not let them share a transaction
    if (name === 'mariadb') await lab.sql(`INSERT INTO ${safe} VALUES (1, 'goes')`);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 'stays')`);
    await lab.sql('ROLLBACK');
    await lab.sql(`INSERT INTO ${t} VALUES (2, 'too')`);
    const { changes } = await followed(lab, streams, { after });
    expect(changes.map(short)).toEqual([
      ['insert', undefined, [1, 'stays']],
      ['insert', undefined, [2, 'too']],
    ]);
  });

  test('the position moves on while other tables are busy', async () => {
    const t = await table();
    const other = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${other} VALUES (1, 'x')`);
    const { batches, checkpoint } = await followed(lab, streams, { after });
    expect(batches.map(({ kind }) => kind)).toEqual(['idle']);
    expect(checkpoint).toEqual(await here(lab));
  });

  test('without a position to go on from, the first batch says where the reading began', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const { batches, checkpoint } = await followed(lab, streams);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 'x')`);
    expect(batches.map(({ kind }) => kind)).toEqual(['idle']);
    expect((await followed(lab, streams, { after: checkpoint })).changes).toHaveLength(1);
  });

  test('XA: passed over in other tables, read in one phase, refused when it is prepared first', async () => {
    const [t, other] = [await table(), await table()];
    const streams = await streamsOf(lab, t);
    const xa = async (into: string, id: number, ...end: string[]): Promise<void> => {
      for (const sql of [`XA START 'x${id}'`, `INSERT INTO ${into} VALUES (${id}, 'xa')`, `XA END 'x${id}'`, ...end])
        await lab.sql(sql);
    };
    const after = await here(lab);
    await xa(other, 1, `XA PREPARE 'x1'`, `XA COMMIT 'x1'`);
    await xa(t, 2, `XA COMMIT 'x2' ONE PHASE`);
    const { changes, checkpoint } = await followed(lab, streams, { after });
    expect(changes.map(short)).toEqual([['insert', undefined, [2, 'xa']]]);
    expect(checkpoint).toEqual(await here(lab));
    await xa(t, 3, `XA PREPARE 'x3'`, `XA ROLLBACK 'x3'`);
    const error = await followed(lab, streams, { after: checkpoint }).catch((failure: unknown) => failure);
    expect(isSluiceError(error, 'data') && error.code).toBe('mysql.xa-transaction');
  });

  test('continuous: waits for changes, tells of them at once, and ends when aborted', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    const abort = new AbortController();
    const write = await lab.another();
    const seen: unknown[] = [];
    let rounds = 0;
    const next = (): void => void write(`INSERT INTO ${lab.database}.${t} VALUES (${rounds}, 'x')`);
    setTimeout(next, 1500); // longer than a heartbeat
    for await (const batch of changesOf(lab, streams, { after, untilEnd: false, signal: abort.signal })) {
      if (batch.kind !== 'changes') continue;
      seen.push(...batch.changes.map(short));
      if (++rounds === 3) abort.abort();
      else next();
    }
    expect(seen).toEqual([0, 1, 2].map((i) => ['insert', undefined, [i, 'x']]));
  });

  test('a connection that is killed is an error to try again after, and nothing is lost or repeated', async () => {
    const t = await table('txid int, seq int, v varchar(500), primary key (txid, seq)');
    const streams = await streamsOf(lab, t);
    let after = await here(lab);
    const write = await lab.another();
    const transactions = 600;
    const writing = (async () => {
      for (let txid = 0; txid < transactions; txid++) {
        const rows = Array.from(
          { length: 1 + (txid % 40) },
          (_, seq) => `(${txid}, ${seq}, REPEAT('z', ${txid % 500}))`,
        );
        await write(`INSERT INTO ${lab.database}.${t} VALUES ${rows.join(', ')}`);
      }
      await write(`INSERT INTO ${lab.database}.${t} VALUES (-1, 0, 'end')`);
    })();
    const applied: string[] = [];
    let kills = 0;
    for (let over = false; !over;) {
      let staged: string[] = [];
      const timer = setInterval(() => void killDumps(), 150 + 50 * (kills % 5));
      try {
        for await (const batch of changesOf(lab, streams, { after, untilEnd: false })) {
          if (batch.kind === 'changes')
            staged.push(
              ...batch.changes.map((change) =>
                'after' in change ? `${String(change.after[0])}:${String(change.after[1])}` : change.op,
              ),
            );
          if (!('checkpoint' in batch) || batch.checkpoint === undefined) continue;
          applied.push(...staged); // the commit: what was staged and its checkpoint, or neither
          staged = [];
          after = JSON.parse(JSON.stringify(batch.checkpoint)) as Checkpoint;
          over = applied.at(-1) === '-1:0';
          if (over) break;
        }
      } catch (error) {
        if (!isSluiceError(error, 'transient')) throw error;
        kills++;
      }
      clearInterval(timer);
    }
    await writing;
    const expected = Array.from({ length: transactions }, (_, txid) =>
      Array.from({ length: 1 + (txid % 40) }, (_unused, seq) => `${txid}:${seq}`),
    ).flat();
    expect(applied).toEqual([...expected, '-1:0']);
    expect(kills).toBeGreaterThan(0);
  });

  async function killDumps(): Promise<void> {
    const rows = await lab.sql(`SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'`);
    for (const [id] of rows) await lab.sql(`KILL ${id}`).catch(() => undefined);
  }

  describe('positions that are lost', () => {
    const failure = async (after: Checkpoint): Promise<unknown> => {
      const t = await table();
      return followed(lab, await streamsOf(lab, t), { after }).catch((error: unknown) => error);
    };
    test('a file that was purged', async () => {
      const now = await here(lab);
      const { gtids: _, ...plain } = now;
      const error = await failure({ ...plain, v: 1, file: String(now['file']).replace(/\d+$/, '000000') });
      expect(isSluiceError(error, 'lost-position') && [error.asked, error.fix]).toEqual([
        expect.stringMatching(/\.000000:/),
        expect.stringMatching(/Copy the tables anew/),
      ]);
    });
    test('another server in the place of the one that was read', async () => {
      const { gtids: _, ...plain } = await here(lab);
      expect(isSluiceError(await failure({ ...plain, v: 1, server: 'another' }), 'lost-position')).toBe(true);
    });
    test('transactions that the server does not have', async () => {
      const now = await here(lab);
      const errant = name === 'mariadb' ? '0-1-99999999' : '11111111-2222-3333-4444-555555555555:1-3';
      const error = await failure({ ...now, gtids: `${String(now['gtids'])},${errant}` });
      expect(isSluiceError(error, 'lost-position') && error.message).toMatch(/lacks transactions/);
    });
    test('a file that goes between the look and the dump', async () => {
      const options = { dial: plainDial, untilEnd: true };
      const start = { by: 'place', place: { file: 'gone.000001', position: 4 } } as const;
      await using dump = await openDump(configOf(lab), options, start);
      const error = await dump.next(new AbortController().signal).catch((failure: unknown) => failure);
      expect(isSluiceError(error, 'lost-position') && error.asked).toBe('gone.000001:4');
    });
    test('a place that is none', async () => {
      expect(isSluiceError(await failure({ v: 1, full: [], cursor: [] }), 'lost-position')).toBe(true);
    });
  });

  test('a failover: the transactions are found on the other server by their ids', async () => {
    const t = await table();
    const streams = await streamsOf(lab, t);
    const after = await here(lab);
    await lab.sql(`INSERT INTO ${t} VALUES (1, 'after')`);
    const elsewhere: Checkpoint = { ...after, server: 'another', file: 'elsewhere.000007', position: 4711 };
    const { changes, checkpoint } = await followed(lab, streams, { after: elsewhere });
    expect(changes.map(short)).toEqual([['insert', undefined, [1, 'after']]]);
    expect(checkpoint).toEqual(await here(lab));
  });

  test('no secret is in the connection that the server lists', async () => {
    const rows = await lab.sql(name === 'mysql' ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS');
    expect(JSON.stringify(rows)).not.toContain(connectionOf(url).password || '\0');
  });
});
