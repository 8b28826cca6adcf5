/** The types that the specification names, in its order. */
export const connectorTypes = [
  'postgres',
  'mysql',
  'mongodb',
  'mssql',
  'oracle',
  'salesforce',
  'hubspot',
  'stripe',
  's3',
  'gcs',
  'azure-blob-storage',
  'sftp-bulk',
  'github',
  'jira',
  'zendesk',
] as const;
