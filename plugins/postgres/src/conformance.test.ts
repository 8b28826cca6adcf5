import { conformance } from '@sluice/connector-kit';
import { copyBinary, copyText, csv1 } from '@sluice/encodings';
import { destinationPeer, nativeOf, sourcePeer } from '../test/peer.js';
import { plannedDatabase } from '../test/server.js';
import { destination, source } from './index.js';

const db = plannedDatabase();
beforeAll(() => db.create());
afterAll(() => db[Symbol.asyncDispose]());

const codecs = [copyBinary, copyText, csv1];
const base = { host: db.source.host, port: db.source.port, database: db.name, username: db.source.username };
const { password } = db.source;
const faults = [
  { name: 'wrong password', config: { ...base, password: 'wrong' }, code: 'authentication' },
  { name: 'wrong database', config: { ...base, password, database: 'no_such_database' }, code: 'no-such-database' },
  { name: 'nobody listens', config: { ...base, password, port: 1 }, code: 'unreachable' },
];

conformance(source, {
  config: { ...base, password, window_bytes: 8192 },
  peer: sourcePeer(db),
  namespace: ['public'],
  codecs,
  faults,
  rows: 400,
});

conformance(destination, {
  config: { ...base, password },
  peer: destinationPeer(db),
  codecs,
  faults,
  native: { system: 'postgres', type: nativeOf },
});
