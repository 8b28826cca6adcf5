import { ApiProperty } from '@nestjs/swagger';
import { Settings, Text } from '../http/fields.js';
import { connectionConfig, newSource } from './examples.js';

const name = { label: 'Source name', description: 'Human-readable source name.', example: newSource.name };
const description = {
  label: 'Source description',
  description: 'Description of the data source.',
  max: 2000,
  multiline: true,
  nullable: true,
  example: newSource.description,
};
const connectorType = {
  label: 'Connector type',
  description:
    'One of GET /api/v1/sources/connector-types, or any other installed connector of GET /api/v1/connectors.',
  example: newSource.connectorType,
};
const config = {
  label: 'Connection config',
  description:
    "The connector's own settings; GET /api/v1/connectors has their schema. Secrets in it are never read back.",
  example: connectionConfig,
};

export class CreateSourceRequest {
  @Text({ ...name, required: true })
  name!: string;
  @Text(description)
  description?: string | null;
  @Text({ ...connectorType, required: true })
  connectorType!: string;
  @Settings({ ...config, required: true })
  connectionConfig!: Record<string, unknown>;
}
/** What is absent stays as it is. */
export class UpdateSourceRequest {
  @Text({ ...name, filled: true, example: 'production-postgres-updated' })
  name?: string | null;
  @Text({ ...description, example: 'Updated description' })
  description?: string | null;
  @Text({ ...connectorType, description: 'Only to repeat it: the type of a source does not change.' })
  connectorType?: string | null;
  @Settings(config)
  connectionConfig?: Record<string, unknown> | null;
}

export const sourceStatuses = ['INACTIVE', 'ACTIVE', 'ERROR'] as const;
export class SourceResponse {
  @ApiProperty({ format: 'uuid', example: newSource.id })
  id!: string;
  @ApiProperty({ example: newSource.name })
  name!: string;
  @ApiProperty({ type: String, nullable: true, example: newSource.description })
  description!: string | null;
  @ApiProperty({ example: newSource.connectorType })
  connectorType!: string;
  @ApiProperty({
    enum: sourceStatuses,
    description: 'INACTIVE: new, or changed since its last test. ACTIVE: tested. ERROR: the test failed.',
  })
  status!: (typeof sourceStatuses)[number];
  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  lastTestedAt!: string | null;
  @ApiProperty({ format: 'date-time', example: newSource.createdAt })
  createdAt!: string;
}

export const columnTypes = ['INTEGER', 'DECIMAL', 'STRING', 'DATE', 'TIMESTAMP', 'BOOLEAN'] as const;
export class ColumnResponse {
  @ApiProperty({ example: 'order_id' })
  name!: string;
  @ApiProperty({
    enum: columnTypes,
    description:
      'INTEGER: whole numbers. DECIMAL: other numbers, floating point too. TIMESTAMP: with or without a time zone. STRING: all else.',
  })
  type!: (typeof columnTypes)[number];
  @ApiProperty()
  nullable!: boolean;
  @ApiProperty({ type: [String], description: 'Always empty: discovery reads no rows.', example: [] })
  sampleValues!: string[];
}
export const syncModes = ['FULL_REFRESH', 'INCREMENTAL', 'CDC'] as const;
export type SyncModeWord = (typeof syncModes)[number];
export class StreamResponse {
  @ApiProperty({ example: 'public.orders' })
  name!: string;
  @ApiProperty({ type: [ColumnResponse] })
  columns!: ColumnResponse[];
  @ApiProperty({ enum: syncModes, isArray: true })
  supportedSyncModes!: SyncModeWord[];
  @ApiProperty({ type: [String], description: 'The columns that identify a row; empty when there are none.' })
  key!: string[];
  @ApiProperty({ type: [String], description: 'The columns that can be the cursor of INCREMENTAL.' })
  cursorCandidates!: string[];
  @ApiProperty({
    type: String,
    nullable: true,
    description:
      'The cursor that INCREMENTAL takes when none is named; null where that is not clear, so that one must be named.',
  })
  suggestedCursor!: string | null;
}
export class DiscoverResponse {
  @ApiProperty({ type: [StreamResponse] })
  streams!: StreamResponse[];
}
