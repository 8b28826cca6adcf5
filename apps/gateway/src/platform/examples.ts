/** Examples of the platform's own resources, for the documents. */
export const destination = {
  id: 'e5f6a7b8-90ab-cdef-1234-567890abcdef',
  name: 'warehouse',
  description: null,
  connectorType: 'postgres',
  status: 'ACTIVE',
  findings: [],
  lastTestedAt: '2024-03-15T10:05:00Z',
  createdAt: '2024-03-15T10:00:00Z',
  updatedAt: '2024-03-15T10:00:00Z',
};
export const finding = {
  code: 'permission',
  severity: 'error',
  message: 'User "readonly_user" may not read public.orders',
  fix: 'GRANT SELECT ON public.orders TO readonly_user',
};
export const connector = {
  type: 'mysql',
  role: 'source',
  title: 'MySQL',
  variants: [{ type: 'mariadb', title: 'MariaDB', description: 'MariaDB 10.6 and newer.' }],
  capabilities: { modes: ['full', 'cursor'], encodings: [], split: true },
  configSchema: {
    type: 'object',
    required: ['host'],
    properties: {
      host: { type: 'string', title: 'Host' },
      password: { type: 'string', title: 'Password', writeOnly: true },
    },
  },
};
export const stream = {
  name: 'public.orders',
  status: 'SUCCEEDED',
  rowsRead: 145230,
  rowsWritten: 145230,
  rowsRejected: 0,
  bytes: 52428800,
  estimatedRows: 145000,
};
export const apiKey = {
  id: 'f6a7b890-abcd-ef12-3456-7890abcdef12',
  name: 'nightly-export',
  prefix: 'sk_3f9c',
  permissions: ['data:ingestion:read'],
  createdAt: '2024-03-15T10:00:00Z',
  expiresAt: null,
  revokedAt: null,
};
const connectionConfig = {
  host: 'warehouse.example.com',
  port: 5432,
  database: 'analytics',
  username: 'loader',
  password: 'the-password-of-loader',
};
/** Bodies that can be sent as they are. */
export const bodies = {
  createDestination: { name: destination.name, connectorType: destination.connectorType, connectionConfig },
  updateDestination: { name: 'warehouse-eu', connectionConfig: { ...connectionConfig, host: 'eu.example.com' } },
  createApiKey: { name: apiKey.name, permissions: apiKey.permissions, expiresAt: '2099-12-31T23:59:59Z' },
};
export const settings = {
  connectionId: 'c3d4e5f6-7890-abcd-ef12-34567890abcd',
  destinationId: destination.id,
  streams: [{ name: 'public.orders', cursor: 'order_date', key: ['order_id'], targetTable: 'sales.orders' }],
  cursors: [{ name: 'public.orders', cursor: 'order_date' }],
  options: { parallelism: 4 },
  nextRunAt: '2024-03-16T00:00:00Z',
  updatedAt: '2024-03-15T10:10:00Z',
};
