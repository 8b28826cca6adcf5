/** PostgreSQL 13 to 18: source and destination. */
import { type DestinationPlugin, type SourcePlugin, defineDestination, defineSource } from '@sluice/connector-sdk';
import { type DestinationConfig, type SourceConfig, destinationConfig, sourceConfig } from './config.js';
import { openDestination } from './destination/session.js';
import { openSource } from './source/session.js';

const encodings = ['copy-binary/1', 'copy-text/1', 'csv/1'] as const;

export const source: SourcePlugin<SourceConfig> = defineSource({
  id: 'postgres',
  title: 'PostgreSQL',
  config: sourceConfig,
  can: { modes: ['full', 'cursor'], encodings, split: true },
  open: openSource,
});

export const destination: DestinationPlugin<DestinationConfig> = defineDestination({
  id: 'postgres',
  title: 'PostgreSQL',
  config: destinationConfig,
  can: { modes: ['append', 'upsert', 'replace'], encodings, commit: 'atomic', evolve: ['add-column', 'widen'] },
  open: openDestination,
});

export default [source, destination];
