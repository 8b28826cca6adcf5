import { ApiProperty } from '@nestjs/swagger';
import type { EndpointView } from '@sluice/messages';
import { Settings, Text } from '../http/fields.js';
import { instant } from '../http/time.js';
import { endpointFields } from '../lookup/endpoint-fields.js';
import { bodies, destination } from './examples.js';
import { FindingsResponse, toFindings } from './findings.js';

const fields = endpointFields(
  'destination',
  'An installed connector of GET /api/v1/connectors with role destination.',
  { ...destination, connectionConfig: bodies.createDestination.connectionConfig },
);

export class CreateDestinationRequest {
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
export class UpdateDestinationRequest {
  @Text({ ...fields.name, filled: true })
  name?: string | null;
  @Text(fields.description)
  description?: string | null;
  @Text(fields.sameConnectorType)
  connectorType?: string | null;
  @Settings(fields.config)
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
