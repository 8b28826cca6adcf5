import { Body, Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus, probeTimeout } from '../bus.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { Endpoints } from '../lookup/endpoints.js';
import { streamsOf } from '../lookup/streams.js';
import { connectorTypes } from './connector-types.js';
import { bodies, discovered, newSource, salesforce, testedSource } from './examples.js';
import { CreateSourceRequest, DiscoverResponse, SourceResponse, UpdateSourceRequest } from './sources-dto.js';
import { toSource, toStream } from './sources-mapper.js';

const path = '/api/v1/sources';
const one = `${path}/${newSource.id}`;
const role = 'source';
const missing = { 400: 'Source id must be a UUID', 404: 'Source not found' };

@ApiTags('Sources')
@Controller('api/v1/sources')
export class SourcesController {
  constructor(
    private readonly bus: Bus,
    private readonly endpoints: Endpoints,
  ) {}

  @Get('connector-types')
  @Operation({
    id: 'listConnectorTypes',
    summary: 'List connector types',
    description:
      'The connector types that this API knows by name. Those that are installed, with their settings: GET /api/v1/connectors.',
    path: `${path}/connector-types`,
    tenant: false,
    answer: {
      status: 200,
      description: 'The types.',
      schema: { type: 'array', items: { type: 'string', enum: connectorTypes } },
      example: connectorTypes,
    },
  })
  types(): readonly string[] {
    return connectorTypes;
  }

  @Post()
  @Operation({
    id: 'createSource',
    summary: 'Create a source',
    description: 'Registers a system to read from. It is INACTIVE until it has been tested.',
    path,
    body: { type: CreateSourceRequest, example: bodies.createSource },
    errors: { 400: 'Source name is required', 409: 'A source named "production-postgres" exists already' },
    answer: { status: 201, description: 'The new source.', type: SourceResponse, example: newSource },
  })
  async create(@Asks() caller: Caller, @Body() body: CreateSourceRequest): Promise<SourceResponse> {
    return toSource(await this.endpoints.create(role, caller, body, connectorTypes));
  }

  @Get()
  @Operation({
    id: 'listSources',
    summary: 'List sources',
    description: 'All sources of the tenant.',
    path,
    answer: {
      status: 200,
      description: 'The sources.',
      type: SourceResponse,
      list: true,
      example: [testedSource, salesforce],
    },
  })
  async list(@Asks() { tenantId }: Caller): Promise<SourceResponse[]> {
    return (await this.endpoints.list(role, tenantId)).map(toSource);
  }

  @Get(':sourceId')
  @Operation({
    id: 'getSource',
    summary: 'Get a source',
    description: 'One source by its id.',
    path: one,
    errors: missing,
    answer: { status: 200, description: 'The source.', type: SourceResponse, example: testedSource },
  })
  async get(@Asks() { tenantId }: Caller, @Id('sourceId', 'Source id') id: string): Promise<SourceResponse> {
    return toSource(await this.endpoints.get(role, tenantId, id));
  }

  @Put(':sourceId')
  @Operation({
    id: 'updateSource',
    summary: 'Update a source',
    description:
      'Changes what the body has and leaves the rest. After a change of connectionConfig the source is INACTIVE and wants a new test.',
    path: one,
    body: { type: UpdateSourceRequest, example: bodies.updateSource },
    errors: { ...missing, 409: 'A source named "production-postgres" exists already' },
    answer: {
      status: 200,
      description: 'The source as it is now.',
      type: SourceResponse,
      example: { ...newSource, name: 'production-postgres-updated', description: 'Updated description' },
    },
  })
  async update(
    @Asks() caller: Caller,
    @Id('sourceId', 'Source id') id: string,
    @Body() body: UpdateSourceRequest,
  ): Promise<SourceResponse> {
    return toSource(await this.endpoints.update(role, caller, id, body));
  }

  @Delete(':sourceId')
  @Operation({
    id: 'deleteSource',
    summary: 'Delete a source',
    description: 'Fails while connections use the source.',
    path: one,
    errors: { ...missing, 409: 'The source has connections; delete them first' },
    answer: { status: 204, description: 'It is gone.' },
  })
  async remove(@Asks() caller: Caller, @Id('sourceId', 'Source id') id: string): Promise<void> {
    await this.endpoints.remove(role, caller, id);
  }

  @Post(':sourceId/test')
  @Operation({
    id: 'testSource',
    summary: 'Test a source',
    description:
      'Connects to the source and looks for whatever would stop a sync. When the test fails the answer is still 200, with status ERROR; GET /api/v1/sources/{sourceId}/findings says why.',
    path: `${one}/test`,
    errors: missing,
    answer: { status: 200, description: 'The source with the outcome.', type: SourceResponse, example: testedSource },
  })
  async test(@Asks() caller: Caller, @Id('sourceId', 'Source id') id: string): Promise<SourceResponse> {
    return toSource(await this.endpoints.test(role, caller, id));
  }

  @Post(':sourceId/discover')
  @Operation({
    id: 'discoverSource',
    summary: 'Discover streams',
    description: 'Asks the source for its streams (tables, views), their columns and the ways each can be synced.',
    path: `${one}/discover`,
    errors: { ...missing, 400: 'The password of user "readonly_user" was refused' },
    answer: { status: 200, description: 'The streams, ordered by name.', type: DiscoverResponse, example: discovered },
  })
  async discover(@Asks() caller: Caller, @Id('sourceId', 'Source id') id: string): Promise<DiscoverResponse> {
    await this.bus.call('catalog.endpoints.discover', { ...caller, id }, probeTimeout);
    return { streams: (await streamsOf(this.bus, caller.tenantId, id)).map(toStream) };
  }
}
