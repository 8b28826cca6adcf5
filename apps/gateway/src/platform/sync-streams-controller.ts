import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus } from '../bus.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { stream } from './examples.js';
import { endWords, streamStatuses, toStreamWords, type StreamWords } from './run-words.js';

const count = { type: Number, format: 'int64' };
export class SyncStreamResponse {
  @ApiProperty({ example: stream.name })
  name!: string;
  @ApiProperty({ enum: streamStatuses })
  status!: StreamWords['status'];
  @ApiProperty(count)
  rowsRead!: number;
  @ApiProperty(count)
  rowsWritten!: number;
  @ApiProperty({ ...count, description: 'read = written + rejected, when the stream has succeeded.' })
  rowsRejected!: number;
  @ApiProperty(count)
  bytes!: number;
  @ApiProperty({ ...count, nullable: true, description: "The source's own guess." })
  estimatedRows!: number | null;
  @ApiPropertyOptional({ description: 'Why it failed.' })
  errorMessage?: string;
  @ApiPropertyOptional({ enum: endWords, description: 'Which end failed, where one did.' })
  errorEnd?: (typeof endWords)[number];
}

@ApiTags('Syncs')
@Controller('api/v1/syncs')
export class SyncStreamsController {
  constructor(private readonly bus: Bus) {}

  @Get(':syncId/streams')
  @Operation({
    id: 'listSyncStreams',
    summary: 'The streams of a sync',
    description: 'Rows and bytes per stream, over all attempts of the sync.',
    path: '/api/v1/syncs/d4e5f6a7-890a-bcde-f123-4567890abcde/streams',
    errors: { 400: 'Sync id must be a UUID', 404: 'Sync not found' },
    answer: { status: 200, description: 'The streams.', type: SyncStreamResponse, list: true, example: [stream] },
  })
  async list(@Asks() { tenantId }: Caller, @Id('syncId', 'Sync id') id: string): Promise<StreamWords[]> {
    return (await this.bus.call('catalog.runs.streams', { tenantId, id })).map(toStreamWords);
  }
}
