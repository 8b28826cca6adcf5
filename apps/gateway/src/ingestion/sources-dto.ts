import { ApiProperty } from '@nestjs/swagger';
import { Settings, Text } from '../http/fields.js';
import { endpointFields, endpointStatuses } from '../lookup/endpoint-fields.js';
import { connectionConfig, newSource } from './examples.js';

const fields = endpointFields(
  'source',
  'One of GET /api/v1/sources/connector-types, or any other installed connector of GET /api/v1/connectors.',
  { ...newSource, connectionConfig },
);

export class CreateSourceRequest {
  @Text({ ...fields.name, required: true })
  name!: string;
  @Text(fields.description)
  description?: string | null;
  @Text({ ...fields.connectorType, required: true })
  connectorType!: string;
  @Settings({ ...fields.config, required: true })
  connectionConfig!: Record<string, unknown>;
}
/** What is absent stays as it is. */
export class UpdateSourceRequest {
  @Text({ ...fields.name, filled: true, example: 'production-postgres-updated' })
  name?: string | null;
  @Text({ ...fields.description, example: 'Updated description' })
  description?: string | null;
  @Text(fields.sameConnectorType)
  connectorType?: string | null;
  @Settings(fields.config)
  connectionConfig?: Record<string, unknown> | null;
}

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
    enum: endpointStatuses,
    description: 'INACTIVE: new, or changed since its last test. ACTIVE: tested. ERROR: the test failed.',
  })
  status!: (typeof endpointStatuses)[number];
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
