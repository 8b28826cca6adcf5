import { ApiProperty } from '@nestjs/swagger';
import type { EndpointView } from '@sluice/messages';
import { Settings, Text } from '../http/fields.js';
import { instant } from '../http/time.js';
import { bodies, destination } from './examples.js';
import { FindingsResponse, toFindings } from './findings.js';

const name = { label: 'Destination name', description: 'Human-readable name.', example: destination.name };
const description = {
  label: 'Destination description',
  description: 'What it is for.',
  max: 2000,
  multiline: true,
  nullable: true,
};
const connectorType = {
  label: 'Connector type',
  description: 'An installed connector of GET /api/v1/connectors with role destination.',
  example: destination.connectorType,
};
const config = {
  label: 'Connection config',
  description:
    "The connector's own settings; GET /api/v1/connectors has their schema. Secrets in it are never read back.",
  example: bodies.createDestination.connectionConfig,
};

export class CreateDestinationRequest {
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
export class UpdateDestinationRequest {
  @Text({ ...name, filled: true })
  name?: string | null;
  @Text(description)
  description?: string | null;
  @Text({ ...connectorType, description: 'Only to repeat it: the type of a destination does not change.' })
  connectorType?: string | null;
  @Settings(config)
  connectionConfig?: Record<string, unknown> | null;
}

export class DestinationResponse extends FindingsResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  @ApiProperty()
  name!: string;
  @ApiProperty({ type: String, nullable: true })
  description!: string | null;
  @ApiProperty()
  connectorType!: string;
  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;
}

export const toDestination = (view: EndpointView): DestinationResponse => ({
  id: view.id,
  name: view.name,
  description: view.description,
  connectorType: view.connectorType,
  ...toFindings(view),
  createdAt: instant(view.createdAt),
  updatedAt: instant(view.updatedAt),
});
