// @ts-check
/** The main job: one table from a source database into a destination, over REST, checked at the end. */
import { ensureDatabase, postgresUrl } from '../postgres-client.mjs';
import { UserError, elapsed } from '../say.mjs';
import { cityColumns, loadCities } from './cities.mjs';
import { grouped, progressBar } from './progress-bar.mjs';
import { restClient } from './rest.mjs';
import { followSync } from './sync-events.mjs';
import { asTable, sampleRows, tableFacts } from './verify.mjs';

const stream = 'geo.cities';

/** What the API wants to know about a PostgreSQL database. @param {import('../postgres-client.mjs').PostgresAddress} address @param {string} database */
const connectionConfig = ({ host, port, user, password }, database) => ({
  host,
  port,
  database,
  username: user,
  password,
  ssl_mode: 'disable',
});

/**
 * @typedef {Pick<import('../platform.mjs').Platform, 'url' | 'token' | 'tenantId' | 'postgres'>} Target
 */

/** @param {Target} target @param {import('../say.mjs').Say} say */
const prepareDatabases = async ({ postgres }, say) => {
  const server = postgresUrl(postgres);
  const source = postgresUrl({ ...postgres, database: 'demo_source' });
  const warehouse = postgresUrl({ ...postgres, database: 'demo_warehouse' });
  await ensureDatabase(server, 'demo_source');
  await ensureDatabase(server, 'demo_warehouse');
  const since = performance.now();
  const { rows, loaded } = await loadCities(source);
  say(
    `source database demo_source, table ${stream}: ${grouped(rows)} rows ${loaded ? `loaded in ${elapsed(since)}` : 'found again'}`,
  );
  return { source, warehouse, rows };
};

/** @param {import('./rest.mjs').RestClient} rest @param {string} collection @param {import('./rest.mjs').Resource} resource */
const requireWorking = async (rest, collection, { id, name }) => {
  const { status, message } = await rest.call('POST', `${collection}/${id}/test`);
  if (status === 'ERROR') throw new UserError(`${name} cannot be reached: ${message ?? 'see the log of the runner'}`);
};

/** @param {import('./rest.mjs').RestClient} rest @param {Target} target @param {import('../say.mjs').Say} say @returns {Promise<string>} the connection's id */
const register = async (rest, { postgres }, say) => {
  const made = (/** @type {{ created: boolean, name: string, id: string }} */ { created, name, id }) =>
    `${name} (${id}) ${created ? 'created' : 'found again'}`;
  const source = await rest.ensure(
    '/sources',
    {
      name: 'demo-cities',
      description: 'Cities of the world',
      connectionConfig: connectionConfig(postgres, 'demo_source'),
    },
    { connectorType: 'postgres' },
  );
  await requireWorking(rest, '/sources', source);
  say(`source ${made(source)}, connection tested`);
  const { streams } = await rest.call('POST', `/sources/${source.id}/discover`);
  const found = streams.find((/** @type {{ name: string }} */ { name }) => name === stream);
  if (!found)
    throw new UserError(
      `${stream} was not discovered, only: ${streams.map((/** @type {{ name: string }} */ s) => s.name).join(', ')}`,
    );
  say(
    `discovered ${streams.length} stream${streams.length === 1 ? '' : 's'}; ${stream} has ${found.columns.length} columns`,
  );
  const destination = await rest.ensure(
    '/destinations',
    { name: 'demo-warehouse', connectionConfig: connectionConfig(postgres, 'demo_warehouse') },
    { connectorType: 'postgres' },
  );
  await requireWorking(rest, '/destinations', destination);
  say(`destination ${made(destination)}, connection tested`);
  const connection = await rest.ensure('/connections', {
    name: 'demo-cities-to-warehouse',
    sourceId: source.id,
    destinationId: destination.id,
    selectedStreams: [stream],
    syncMode: 'FULL_REFRESH',
  });
  say(`connection ${made(connection)}`);
  return connection.id;
};

/** @param {{ source: string, warehouse: string }} databases @param {import('../say.mjs').Say} say */
const verify = async ({ source, warehouse }, say) => {
  const [before, after] = await Promise.all([
    tableFacts(source, 'cities', cityColumns),
    tableFacts(warehouse, 'cities', cityColumns),
  ]);
  const same = before.rows === after.rows && before.checksum === after.checksum;
  say('');
  for (const line of asTable(
    ['', 'table', 'rows', 'checksum'],
    [
      ['source', `${before.schema}.${before.table}`, before.rows, before.checksum],
      ['destination', `${after.schema}.${after.table}`, after.rows, after.checksum],
    ],
  )) {
    say(line);
  }
  if (!same) throw new UserError('The destination differs from the source.');
  say('  equal: every row and every value arrived\n');
  for (const line of asTable(cityColumns, await sampleRows(warehouse, after, cityColumns))) say(line);
  say('');
};

/**
 * @param {Target} target @param {import('../say.mjs').Say} say
 * @returns {Promise<{ connectionId: string, syncId: string, rows: number }>} once the copy is there and equal
 */
export const runMainJob = async (target, say) => {
  const databases = await prepareDatabases(target, say);
  const rest = restClient(target);
  const connectionId = await register(rest, target, say);
  const { id: syncId } = await rest.call('POST', `/syncs/connections/${connectionId}/trigger`);
  say(`sync ${syncId} triggered`);
  const bar = progressBar({ total: databases.rows, say });
  const sync = await followSync(rest, syncId, bar);
  if (sync.status !== 'SUCCEEDED')
    throw new UserError(`The sync ended as ${sync.status}${sync.message ? `: ${sync.message}` : ''}`);
  bar.end(sync.recordsSynced ?? databases.rows);
  if (sync.durationMs !== null) say(`sync ${sync.status} in ${(sync.durationMs / 1000).toFixed(2)} s`);
  await verify(databases, say);
  return { connectionId, syncId, rows: databases.rows };
};
