/** Two sources and a destination that exist only in a test: enough for the catalog, which never opens one. */
import { ConfigError, type ReadMode, type Stream } from '@sluice/connector-sdk';
import type { ConnectorView, JsonObject } from '@sluice/messages';
import { unknownConnector, type Connector, type Connectors } from '../src/connectors/connectors.js';

const option = (description: string, more: JsonObject = {}): JsonObject => ({ type: 'string', description, ...more });
const schema: JsonObject = {
  type: 'object',
  properties: {
    host: option('Where it is.'),
    port: { type: 'number', description: 'Its port.' },
    user: option('Who reads.'),
    database: option('What to read.'),
    ssl_mode: option('How the line is encrypted.', { default: 'verify-full' }),
    ssl_root_cert: option('Whom to trust.'),
    password: option('The password.', { writeOnly: true }),
    clientKey: option('A key.', { writeOnly: true }),
  },
  required: ['host', 'password'],
};
const secretNames = ['password', 'clientKey'];

function connector(type: string, modes: readonly ReadMode[]): Connector {
  return {
    type,
    modes,
    schema,
    async validate(config) {
      for (const name of ['host', 'password'])
        if (typeof config[name] !== 'string')
          throw new ConfigError(`${name} must be a string`, { path: [name], fix: `send "${name}"` });
    },
    split: (config) => ({
      config: pick(config, (name) => !secretNames.includes(name)),
      secrets: pick(config, (name) => secretNames.includes(name)),
    }),
    join: (config, secrets) => ({ ...config, ...secrets }),
  };
}
const pick = (config: JsonObject, wanted: (name: string) => boolean): JsonObject =>
  Object.fromEntries(Object.entries(config).filter(([name]) => wanted(name)));

const view = (type: string, role: ConnectorView['role']): ConnectorView => ({
  type,
  pluginId: type,
  role,
  title: type,
  variants: [],
  capabilities: {},
  configSchema: schema,
});
const sources: Record<string, Connector> = {
  fakedb: connector('fakedb', ['full', 'cursor']),
  fakefull: connector('fakefull', ['full']),
};
const destinations: Record<string, Connector> = { fakehouse: connector('fakehouse', []) };

export const fakeConnectors: Connectors = {
  list: async () => [view('fakedb', 'source'), view('fakefull', 'source'), view('fakehouse', 'destination')],
  refused: async () => [],
  async find(role, type) {
    const found = (role === 'source' ? sources : destinations)[type];
    if (!found) throw unknownConnector(role, type, await fakeConnectors.list());
    return found;
  },
};

export const stream = (id: string, more: Partial<Stream> = {}): Stream => ({
  id,
  path: id.split('.'),
  kind: 'table',
  columns: [
    { name: 'id', type: 'int64', nullable: false, native: 'bigint' },
    { name: 'at', type: 'timestamptz', nullable: true, native: 'timestamptz' },
    { name: 'note', type: 'string', nullable: true, native: 'text' },
  ],
  key: ['id'],
  modes: ['full', 'cursor'],
  cursors: ['id', 'at'],
  ...more,
});
