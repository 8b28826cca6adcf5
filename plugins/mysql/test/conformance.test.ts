import { conformance } from '@sluice/connector-kit';
import { copyText, csv1 } from '@sluice/encodings';
import { destination } from '../src/destination/destination.js';
import { source } from '../src/source/source.js';
import { kitDatabase } from './kit-database.js';
import { servers } from './lab.js';
import { destinationPeer, sourcePeer } from './peer.js';

describe.each(servers)('%s', (name, url) => {
  const db = kitDatabase(url);
  beforeAll(() => db.create());
  afterAll(() => db.close());

  const config = { ...db.config, database: db.name };
  const faults = [
    { name: 'wrong password', config: { ...config, password: 'wrong' }, code: 'authentication' },
    { name: 'wrong database', config: { ...config, database: 'no_such_database' }, code: 'no-such-database' },
    { name: 'nobody listens', config: { ...config, port: 1 }, code: 'unreachable' },
  ];
  const codecs = [copyText, csv1];

  conformance(source, {
    config: { ...config, window_rows: 50, cursor_lag_seconds: 0, cursor_wait_seconds: 0 },
    variant: name,
    peer: sourcePeer(db, name),
    namespace: [db.name],
    codecs,
    faults,
    rows: 400,
  });
  // MariaDB has one zero only. By the rule in the README -0 is written as 0, and not refused.
  const zero = 'MariaDB stores -0 as 0; the other values of these types are in types.test.ts';
  const floats = ['types/float32', 'types/float64', 'raw/csv/1 float32', 'raw/csv/1 float64'];
  conformance(destination, {
    config,
    variant: name,
    peer: destinationPeer(db, name),
    codecs,
    faults,
    waivers: name === 'mariadb' ? Object.fromEntries(floats.map((id) => [id, zero])) : {},
  });
});
