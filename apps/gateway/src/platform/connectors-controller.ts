import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { ConnectorView, JsonObject } from '@sluice/messages';
import { Bus } from '../bus.js';
import { Operation } from '../http/operation.js';
import { connector } from './examples.js';

class VariantResponse {
  @ApiProperty({ example: 'mariadb' })
  type!: string;
  @ApiProperty({ example: 'MariaDB' })
  title!: string;
  @ApiProperty()
  description!: string;
}
export class ConnectorResponse {
  @ApiProperty({ description: 'What to give as connectorType.', example: connector.type })
  type!: string;
  @ApiProperty({ enum: ['source', 'destination'] })
  role!: 'source' | 'destination';
  @ApiProperty({ example: connector.title })
  title!: string;
  @ApiProperty({
    type: [VariantResponse],
    description: 'Flavours of it; their types too can be given as connectorType.',
  })
  variants!: VariantResponse[];
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What it can do: modes, encodings and the like.',
  })
  capabilities!: JsonObject;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'JSON Schema of connectionConfig; secrets are writeOnly.',
  })
  configSchema!: JsonObject;
}

const toConnector = ({
  type,
  role,
  title,
  variants,
  capabilities,
  configSchema,
}: ConnectorView): ConnectorResponse => ({
  type,
  role,
  title,
  variants: variants.map((one) => ({ ...one })),
  capabilities,
  configSchema,
});

@ApiTags('Connectors')
@Controller('api/v1/connectors')
export class ConnectorsController {
  constructor(private readonly bus: Bus) {}

  @Get()
  @Operation({
    id: 'listConnectors',
    summary: 'List the installed connectors',
    description: 'What can be given as connectorType, what it can do, and the JSON Schema of its settings.',
    path: '/api/v1/connectors',
    tenant: false,
    answer: { status: 200, description: 'The connectors.', type: ConnectorResponse, list: true, example: [connector] },
  })
  async list(): Promise<ConnectorResponse[]> {
    return (await this.bus.call('catalog.connectors.list', {})).map(toConnector);
  }
}
