/** The specification's own examples, for the documents. */
export const ids = {
  source: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  connection: 'c3d4e5f6-7890-abcd-ef12-34567890abcd',
  sync: 'd4e5f6a7-890a-bcde-f123-4567890abcde',
};
export const newSource = {
  id: ids.source,
  name: 'production-postgres',
  description: 'Production PostgreSQL database for order data',
  connectorType: 'postgres',
  status: 'INACTIVE',
  lastTestedAt: null,
  createdAt: '2024-03-15T10:00:00Z',
};
export const testedSource = { ...newSource, status: 'ACTIVE', lastTestedAt: '2024-03-15T10:05:00Z' };
export const salesforce = {
  id: 'b2c3d4e5-f6a7-890a-bcde-f12345678901',
  name: 'salesforce-crm',
  description: null,
  connectorType: 'salesforce',
  status: 'ACTIVE',
  lastTestedAt: '2024-03-14T08:00:00Z',
  createdAt: '2024-03-10T14:30:00Z',
};
export const connectionConfig = {
  host: 'orders-db.example.com',
  port: 5432,
  database: 'orders',
  username: 'readonly_user',
  password: 'the-password-of-readonly_user',
  ssl_mode: 'require',
};
const column = (name: string, type: string, nullable: boolean): object => ({ name, type, nullable, sampleValues: [] });
const supportedSyncModes = ['FULL_REFRESH', 'INCREMENTAL', 'CDC'];
export const discovered = {
  streams: [
    {
      name: 'public.orders',
      columns: [
        column('order_id', 'INTEGER', false),
        column('customer_id', 'INTEGER', false),
        column('order_date', 'DATE', false),
        column('total_amount', 'DECIMAL', false),
        column('status', 'STRING', true),
      ],
      supportedSyncModes,
      key: ['order_id'],
      cursorCandidates: ['order_id', 'order_date'],
      suggestedCursor: 'order_date',
    },
    {
      name: 'public.customers',
      columns: [
        column('customer_id', 'INTEGER', false),
        column('name', 'STRING', false),
        column('email', 'STRING', true),
      ],
      supportedSyncModes,
      key: ['customer_id'],
      cursorCandidates: ['customer_id'],
      suggestedCursor: 'customer_id',
    },
  ],
};
export const connection = {
  id: ids.connection,
  sourceId: ids.source,
  sourceName: 'production-postgres',
  name: 'orders-daily-sync',
  destinationType: 'iceberg',
  syncSchedule: '0 0 * * *',
  syncMode: 'INCREMENTAL',
  status: 'PENDING',
  lastSyncAt: null,
  createdAt: '2024-03-15T10:10:00Z',
};
/** Bodies that can be sent as they are. */
export const bodies = {
  createSource: {
    name: newSource.name,
    description: newSource.description,
    connectorType: newSource.connectorType,
    connectionConfig,
  },
  updateSource: {
    name: 'production-postgres-updated',
    description: 'Updated description',
    connectionConfig: { ...connectionConfig, host: 'new-host.example.com' },
  },
  connection: {
    sourceId: ids.source,
    name: connection.name,
    syncSchedule: connection.syncSchedule,
    selectedStreams: ['public.orders', 'public.customers'],
    syncMode: connection.syncMode,
  },
};
export const startedSync = {
  id: ids.sync,
  connectionId: ids.connection,
  connectionName: 'orders-daily-sync',
  status: 'RUNNING',
  recordsSynced: null,
  bytesSynced: null,
  startedAt: '2024-03-15T10:15:00Z',
  completedAt: null,
  durationMs: null,
};
export const finishedSync = {
  ...startedSync,
  status: 'SUCCEEDED',
  recordsSynced: 145230,
  bytesSynced: 52428800,
  completedAt: '2024-03-15T10:18:30Z',
  durationMs: 210000,
};
export const syncPage = { content: [finishedSync], totalElements: 47, totalPages: 3, number: 0, size: 20 };
