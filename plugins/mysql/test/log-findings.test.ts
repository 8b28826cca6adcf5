import { plainDial } from '@sluice/connector-kit';
import { isSluiceError } from '@sluice/connector-sdk';
import { logFindings, rightFindings, settingFindings } from '../src/binlog/log-findings.js';
import { openLink } from '../src/link.js';
import { configOf, followed, here, streamsOf } from './changes-lab.js';
import { Lab, servers } from './lab.js';

const good = { log_bin: 'ON', binlog_format: 'ROW', binlog_row_image: 'FULL', binlog_row_metadata: 'FULL' };
const found = (more: Record<string, string>): string[] =>
  settingFindings(new Map(Object.entries({ ...good, ...more }))).map(({ code, severity }) => `${severity} ${code}`);

test.each([
  [{}, []],
  [{ log_bin: 'OFF', binlog_format: 'MIXED' }, ['error log-bin']],
  [{ binlog_format: 'STATEMENT' }, ['error binlog-format']],
  [{ binlog_format: 'MIXED', binlog_row_image: 'NOBLOB' }, ['error binlog-format', 'warning binlog-row-image']],
  [{ binlog_row_metadata: 'MINIMAL' }, ['warning binlog-row-metadata']],
  [{ binlog_expire_logs_seconds: '3600' }, ['warning binlog-expiry']],
  [{ binlog_expire_logs_seconds: '0', expire_logs_days: '0.5' }, ['warning binlog-expiry']],
  [{ expire_logs_days: '10' }, []],
  [{ gtid_mode: 'OFF_PERMISSIVE' }, ['warning gtid-mode']],
])('%j is found', (settings, expected) => expect(found(settings)).toEqual(expected));

test('each finding says what to run', () => {
  expect(settingFindings(new Map([['binlog_format', 'MIXED']]))[0]).toMatchObject({
    fix: expect.stringMatching(/^SET GLOBAL binlog_format = ROW/),
  });
  const fixes = rightFindings({ replica: false, status: false, user: '`u`@`%`' }, 'mariadb').map(({ fix }) => fix);
  expect(fixes).toEqual(['GRANT REPLICATION SLAVE ON *.* TO `u`@`%`', 'GRANT BINLOG MONITOR ON *.* TO `u`@`%`']);
});

describe.each(servers)('rights, %s', (name, url) => {
  let lab: Lab;
  let user: string;
  beforeAll(async () => {
    lab = await Lab.open(url);
    user = lab.database;
    await lab.sql(`CREATE USER ${user}@'%' IDENTIFIED BY 'pw'`);
    await lab.sql(`GRANT SELECT ON ${lab.database}.* TO ${user}@'%'`);
  });
  afterEach(() => lab.tidy());
  afterAll(async () => {
    await lab.sql(`DROP USER ${user}@'%'`);
    await lab.close();
  });
  const fixes = async (): Promise<(string | undefined)[]> => {
    const config = configOf(lab, { username: user, password: 'pw' });
    await using link = await openLink(config, { dial: plainDial });
    const all = await logFindings(link, config, { dial: plainDial });
    return all.filter(({ code }) => code === 'permission').map(({ fix }) => fix);
  };

  test('the grants that are missing are named, and with them the stream runs', async () => {
    await lab.sql('CREATE TABLE r (id int primary key)');
    const streams = await streamsOf(lab, 'r');
    const after = await here(lab);
    const named = await fixes();
    const status = name === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
    expect(named).toEqual([
      `GRANT REPLICATION SLAVE ON *.* TO \`${user}\`@\`%\``,
      `GRANT ${status} ON *.* TO \`${user}\`@\`%\``,
    ]);
    await lab.sql(named[1]!);
    const config = { username: user, password: 'pw' };
    const error = await followed(lab, streams, { after, config }).catch((failure: unknown) => failure);
    expect(isSluiceError(error, 'config') && error.code).toBe('permission');
    await lab.sql(named[0]!);
    expect(await fixes()).toEqual([]);
    await lab.sql('INSERT INTO r VALUES (1)');
    expect((await followed(lab, streams, { after, config })).changes).toHaveLength(1);
  });
});
