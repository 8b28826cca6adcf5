/** Rows that are committed after a row with a higher cursor value was read: every one of them has to come with a later read. */
import type { Checkpoint, Stream } from '@sluice/connector-sdk';
import { Lab, connectionOf, readOut, servers } from './lab.js';

describe.each(servers)('rows committed late, %s', (_name, url) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  interface Seen {
    ids: number[];
    last: Checkpoint | undefined;
  }
  const unread = (): Seen => ({ ids: [], last: undefined });
  async function readOn(table: string, cursor: string, seen: Seen, extra: Record<string, unknown>): Promise<void> {
    const session = await lab.source(extra);
    const [stream] = (await session.discover([`${lab.database}.${table}`])) as [Stream];
    const { rows, checkpoints } = await readOut(session, [{ stream, mode: 'cursor', cursor }], seen.last);
    seen.ids.push(...rows.map(([id]) => Number(id)));
    seen.last = checkpoints.at(-1) ?? seen.last;
  }
  const patient = { cursor_wait_seconds: 20 };
  /** A writer in the lab's database whose transaction stays open until it says otherwise. */
  async function writer(): Promise<(sql: string) => Promise<void>> {
    const run = await lab.another();
    await run(`USE ${lab.database}`);
    return run;
  }
  const waiting = () => new Promise((resolve) => setTimeout(resolve, 600));

  test.each([
    ['a number', 'id', ''],
    ['a time', 'at', ', at timestamp(6) not null default current_timestamp(6)'],
    ['a time without zone', 'at', ', at datetime(6) not null default current_timestamp(6)'],
  ])('%s: a read waits for the transaction that drew a lower value first', async (_, cursor, columns) => {
    await lab.sql('DROP TABLE IF EXISTS late');
    await lab.sql(`CREATE TABLE late (id int auto_increment primary key${columns})`);
    const late = await writer();
    await late('BEGIN');
    await late('INSERT INTO late () VALUES ()'); // 1
    await lab.sql('INSERT INTO late () VALUES ()'); // 2, committed first
    const seen = unread();
    const reading = readOn('late', cursor, seen, patient);
    await waiting();
    expect(seen.ids).toEqual([]);
    await late('COMMIT');
    await reading;
    await readOn('late', cursor, seen, patient);
    expect(seen.ids.toSorted()).toEqual([1, 2]);
  });

  test('a transaction that stays open: the read keeps its position, and says so', async () => {
    await lab.sql('CREATE TABLE stays (id int auto_increment primary key)');
    await lab.sql('INSERT INTO stays () VALUES ()'); // 1
    const seen = unread();
    await readOn('stays', 'id', seen, patient);
    const late = await writer();
    await late('BEGIN');
    await late('INSERT INTO stays () VALUES ()'); // 2
    await lab.sql('INSERT INTO stays () VALUES ()'); // 3
    lab.log.length = 0;
    await readOn('stays', 'id', seen, { cursor_wait_seconds: 0.3 });
    expect(seen.ids).toEqual([1]);
    expect(lab.log).toEqual([
      {
        level: 'warn',
        message: 'Transactions that may yet commit rows below the mark stay open: the position is kept as it is.',
        fields: expect.objectContaining({ stream: `${lab.database}.stays`, column: 'id', mark: '3' }) as unknown,
      },
    ]);
    await late('COMMIT');
    await readOn('stays', 'id', seen, patient);
    expect(seen.ids).toEqual([1, 2, 3]);
  });

  test('who only reads holds up nothing', async () => {
    await lab.sql('CREATE TABLE calm (id int auto_increment primary key)');
    await lab.sql('INSERT INTO calm () VALUES ()');
    const reader = await writer();
    await reader('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await reader('SELECT * FROM calm');
    const seen = unread();
    const start = Date.now();
    await readOn('calm', 'id', seen, patient);
    expect(seen.ids).toEqual([1]);
    expect(Date.now() - start).toBeLessThan(10_000);
  });

  test('a user who may not see open transactions waits the lag between mark and read, and check says so', async () => {
    await lab.sql('CREATE TABLE unseen (id int auto_increment primary key)');
    await lab.sql(`CREATE USER '${lab.database}'@'%' IDENTIFIED BY 'x'`);
    await lab.sql(`GRANT SELECT ON ${lab.database}.* TO '${lab.database}'@'%'`);
    const poor = { username: lab.database, password: 'x', cursor_wait_seconds: 1, cursor_lag_seconds: 2 };
    const late = await writer();
    await late('BEGIN');
    await late('INSERT INTO unseen () VALUES ()'); // 1
    await lab.sql('INSERT INTO unseen () VALUES ()'); // 2
    const seen = unread();
    const reading = readOn('unseen', 'id', seen, poor);
    await waiting();
    await late('COMMIT');
    await reading;
    expect(seen.ids).toEqual([1, 2]);
    const findings = async () =>
      (await (await lab.source(poor)).check()).filter(({ code }) => code === 'open-transactions-hidden');
    expect(await findings()).toEqual([
      expect.objectContaining({ severity: 'warning', fix: `GRANT PROCESS ON *.* TO \`${lab.database}\`@\`%\`` }),
    ]);
    await lab.sql(`GRANT PROCESS ON *.* TO '${lab.database}'@'%'`);
    expect(await findings()).toEqual([]);
    await lab.tidy();
    await lab.sql(`DROP USER '${lab.database}'@'%'`);
  });

  test('without wait and lag the same rows are lost: this is what they are for', async () => {
    await lab.sql('CREATE TABLE lost (id int auto_increment primary key)');
    const late = await writer();
    await late('BEGIN');
    await late('INSERT INTO lost () VALUES ()');
    await lab.sql('INSERT INTO lost () VALUES ()');
    const seen = unread();
    await readOn('lost', 'id', seen, {});
    await late('COMMIT');
    await readOn('lost', 'id', seen, {});
    expect(seen.ids).toEqual([2]);
  });

  test('cursors that every row has are offered first', async () => {
    await lab.sql('CREATE TABLE offered (a int, b int not null, c datetime, d datetime not null)');
    const [stream] = await (await lab.source()).discover([`${lab.database}.offered`]);
    expect(stream!.cursors).toEqual(['b', 'd', 'a', 'c']);
  });

  test('by default a read is patient', async () => {
    const { sourceConfig } = await import('../src/config.js');
    expect(sourceConfig.parse(connectionOf(url))).toMatchObject({ cursor_lag_seconds: 10, cursor_wait_seconds: 10 });
  });
});
