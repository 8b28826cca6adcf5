import { Controller, Get, Post, Query } from '@nestjs/common';
import { ApiQuery, ApiTags } from '@nestjs/swagger';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus } from '../bus.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { connection, finishedSync, startedSync, syncPage } from './examples.js';
import { SyncPage, SyncResponse } from './syncs-dto.js';
import { toPage, toSync } from './syncs-mapper.js';
import { defaultSize, mostPerPage, sortNames, toQuery } from './syncs-query.js';

const path = '/api/v1/syncs';
const one = `${path}/${finishedSync.id}`;
const missing = { 400: 'Sync id must be a UUID', 404: 'Sync not found' };
const number = (fallback: number, more: object): object => ({
  type: 'integer',
  default: fallback,
  minimum: 0,
  ...more,
});

@ApiTags('Syncs')
@Controller('api/v1/syncs')
export class SyncsController {
  constructor(private readonly bus: Bus) {}

  @Post('connections/:connectionId/trigger')
  @Operation({
    id: 'triggerSync',
    summary: 'Trigger a sync',
    description:
      'Starts a sync of the connection now and answers at once; follow it with GET /api/v1/syncs/{syncId} or its events.',
    path: `${path}/connections/${connection.id}/trigger`,
    errors: {
      400: 'Connection id must be a UUID',
      404: 'Connection not found',
      409: 'A sync of this connection is running already',
    },
    answer: { status: 202, description: 'The sync has been taken on.', type: SyncResponse, example: startedSync },
  })
  async trigger(@Asks() caller: Caller, @Id('connectionId', 'Connection id') id: string): Promise<SyncResponse> {
    return toSync(await this.bus.call('scheduler.runs.trigger', { ...caller, id }));
  }

  @Post(':syncId/cancel')
  @Operation({
    id: 'cancelSync',
    summary: 'Cancel a sync',
    description: 'Asks the sync to stop at the next safe point. What was committed before stays.',
    path: `${one}/cancel`,
    errors: { ...missing, 409: 'The sync is not running any more' },
    answer: { status: 204, description: 'It has been asked to stop.' },
  })
  async cancel(@Asks() caller: Caller, @Id('syncId', 'Sync id') id: string): Promise<void> {
    await this.bus.call('catalog.runs.cancel', { ...caller, id });
  }

  @Get(':syncId')
  @Operation({
    id: 'getSync',
    summary: 'Get the state of a sync',
    description: 'Where the sync stands. Attempts that followed a failed one count as the same sync.',
    path: one,
    errors: missing,
    answer: { status: 200, description: 'The sync.', type: SyncResponse, example: finishedSync },
  })
  async get(@Asks() { tenantId }: Caller, @Id('syncId', 'Sync id') id: string): Promise<SyncResponse> {
    return toSync(await this.bus.call('catalog.runs.get', { tenantId, id }));
  }

  @Get()
  @ApiQuery({
    name: 'connectionId',
    required: false,
    description: 'Filter by connection.',
    schema: { type: 'string', format: 'uuid' },
  })
  @ApiQuery({ name: 'page', required: false, description: 'Page number, zero-indexed.', schema: number(0, {}) })
  @ApiQuery({
    name: 'size',
    required: false,
    description: 'Page size.',
    schema: number(defaultSize, { maximum: mostPerPage }),
  })
  @ApiQuery({
    name: 'sort',
    required: false,
    description: `Sort field (${sortNames.join(', ')}) and direction (asc, desc; desc when absent).`,
    schema: { type: 'string', default: 'startedAt', example: 'startedAt,desc' },
  })
  @Operation({
    id: 'listSyncs',
    summary: 'List the history of syncs',
    description:
      'One page of syncs, the newest first. A page or size that makes no sense counts as absent; a size above 2000 counts as 2000.',
    path,
    errors: { 400: 'connectionId must be a UUID' },
    answer: { status: 200, description: 'A page.', type: SyncPage, example: syncPage },
  })
  async list(@Asks() { tenantId }: Caller, @Query() raw: Record<string, unknown>): Promise<SyncPage> {
    const query = toQuery(raw);
    return toPage(await this.bus.call('catalog.runs.list', { tenantId, ...query }), query.page, query.size);
  }
}
