import { Body, Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus } from '../bus.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { ConnectionRequest, ConnectionResponse } from './connections-dto.js';
import { toConnection, toPipeline } from './connections-mapper.js';
import { bodies, connection } from './examples.js';

const path = '/api/v1/connections';
const one = `${path}/${connection.id}`;
const missing = { 400: 'Connection id must be a UUID', 404: 'Connection not found' };
const unfit = {
  400: 'Sync schedule must be a cron expression of five fields (minute hour day month weekday), such as "0 0 * * *"',
  404: 'Source not found',
};

@ApiTags('Connections')
@Controller('api/v1/connections')
export class ConnectionsController {
  constructor(private readonly bus: Bus) {}

  @Post()
  @Operation({
    id: 'createConnection',
    summary: 'Create a connection',
    description: 'Ties a source to a destination: which streams, how, and when.',
    path,
    body: { type: ConnectionRequest, example: bodies.connection },
    errors: { ...unfit, 409: 'A connection named "orders-daily-sync" exists already' },
    answer: { status: 201, description: 'The new connection.', type: ConnectionResponse, example: connection },
  })
  async create(@Asks() caller: Caller, @Body() body: ConnectionRequest): Promise<ConnectionResponse> {
    return toConnection(await this.bus.call('catalog.pipelines.create', { ...caller, ...toPipeline(body) }));
  }

  @Get()
  @Operation({
    id: 'listConnections',
    summary: 'List connections',
    description: 'All connections of the tenant.',
    path,
    answer: {
      status: 200,
      description: 'The connections.',
      type: ConnectionResponse,
      list: true,
      example: [connection],
    },
  })
  async list(@Asks() { tenantId }: Caller): Promise<ConnectionResponse[]> {
    const all = await this.bus.call('catalog.pipelines.list', { tenantId });
    return all.filter(({ status }) => status !== 'archived').map(toConnection);
  }

  @Get(':connectionId')
  @Operation({
    id: 'getConnection',
    summary: 'Get a connection',
    description: 'One connection by its id.',
    path: one,
    errors: missing,
    answer: { status: 200, description: 'The connection.', type: ConnectionResponse, example: connection },
  })
  async get(
    @Asks() { tenantId }: Caller,
    @Id('connectionId', 'Connection id') id: string,
  ): Promise<ConnectionResponse> {
    return toConnection(await this.bus.call('catalog.pipelines.get', { tenantId, id }));
  }

  @Put(':connectionId')
  @Operation({
    id: 'updateConnection',
    summary: 'Update a connection',
    description:
      'Replaces the connection: the body is that of a new one, and what it leaves out has its default again.',
    path: one,
    body: { type: ConnectionRequest, example: bodies.connection },
    errors: { ...unfit, 409: 'A connection named "orders-daily-sync" exists already' },
    answer: { status: 200, description: 'The connection as it is now.', type: ConnectionResponse, example: connection },
  })
  async update(
    @Asks() caller: Caller,
    @Id('connectionId', 'Connection id') id: string,
    @Body() body: ConnectionRequest,
  ): Promise<ConnectionResponse> {
    return toConnection(await this.bus.call('catalog.pipelines.update', { ...caller, id, ...toPipeline(body) }));
  }

  @Delete(':connectionId')
  @Operation({
    id: 'deleteConnection',
    summary: 'Delete a connection',
    description: 'Fails while a sync of the connection runs; the data at the destination stays.',
    path: one,
    errors: { ...missing, 409: 'A sync of this connection is running; cancel it first' },
    answer: { status: 204, description: 'It is gone.' },
  })
  async remove(@Asks() caller: Caller, @Id('connectionId', 'Connection id') id: string): Promise<void> {
    await this.bus.call('catalog.pipelines.delete', { ...caller, id });
  }
}
