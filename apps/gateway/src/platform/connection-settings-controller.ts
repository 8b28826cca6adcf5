import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import type { PipelineOptions, PipelineView } from '@sluice/messages';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus } from '../bus.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { instant, instantOrNull } from '../http/time.js';
import { cursorsOf } from '../lookup/streams.js';
import { settings } from './examples.js';

export class StreamSettingsResponse {
  @ApiProperty()
  name!: string;
  @ApiPropertyOptional()
  cursor?: string;
  @ApiPropertyOptional({ type: [String] })
  key?: readonly string[];
  @ApiPropertyOptional()
  targetTable?: string;
  @ApiPropertyOptional({ type: [String] })
  columns?: readonly string[];
}
export class CursorResponse {
  @ApiProperty({ example: 'public.orders' })
  name!: string;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'null: it is not clear which; name one.',
    example: 'order_date',
  })
  cursor!: string | null;
}
export class ConnectionSettingsResponse {
  @ApiProperty({ format: 'uuid' })
  connectionId!: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: "null: the tenant's only destination." })
  destinationId!: string | null;
  @ApiProperty({ type: [StreamSettingsResponse], nullable: true, description: 'null: every stream of the source.' })
  streams!: StreamSettingsResponse[] | null;
  @ApiProperty({
    type: [CursorResponse],
    nullable: true,
    description:
      'INCREMENTAL: the cursor that the next sync takes for each stream, named or chosen. null for other modes.',
  })
  cursors!: CursorResponse[] | null;
  @ApiProperty({ type: 'object', additionalProperties: true })
  options!: PipelineOptions;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  nextRunAt!: string | null;
  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;
}

const toSettings = (view: PipelineView, cursors: CursorResponse[] | null): ConnectionSettingsResponse => ({
  connectionId: view.id,
  destinationId: view.destinationId,
  streams: view.bindings?.map(({ stream, ...rest }) => ({ name: stream, ...rest })) ?? null,
  cursors,
  options: view.options,
  nextRunAt: instantOrNull(view.nextRunAt),
  updatedAt: instant(view.updatedAt),
});

@ApiTags('Connections')
@Controller('api/v1/connections')
export class ConnectionSettingsController {
  constructor(private readonly bus: Bus) {}

  @Get(':connectionId/settings')
  @Operation({
    id: 'getConnectionSettings',
    summary: 'The settings of a connection',
    description: 'What the connection was made with: destination, streams and options; and when it runs next.',
    path: `/api/v1/connections/${settings.connectionId}/settings`,
    errors: { 400: 'Connection id must be a UUID', 404: 'Connection not found' },
    answer: { status: 200, description: 'The settings.', type: ConnectionSettingsResponse, example: settings },
  })
  async get(
    @Asks() { tenantId }: Caller,
    @Id('connectionId', 'Connection id') id: string,
  ): Promise<ConnectionSettingsResponse> {
    const view = await this.bus.call('catalog.pipelines.get', { tenantId, id });
    return toSettings(view, view.mode === 'incremental' ? await cursorsOf(this.bus, view) : null);
  }
}
