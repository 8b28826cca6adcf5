import { Body, Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { Endpoints } from '../lookup/endpoints.js';
import {
  CreateDestinationRequest,
  DestinationResponse,
  UpdateDestinationRequest,
  toDestination,
} from './destinations-dto.js';
import { bodies, destination, finding } from './examples.js';

const path = '/api/v1/destinations';
const one = `${path}/${destination.id}`;
const role = 'destination';
const missing = { 400: 'Destination id must be a UUID', 404: 'Destination not found' };
const untested = { ...destination, status: 'INACTIVE', lastTestedAt: null };

@ApiTags('Destinations')
@Controller('api/v1/destinations')
export class DestinationsController {
  constructor(private readonly endpoints: Endpoints) {}

  @Post()
  @Operation({
    id: 'createDestination',
    summary: 'Create a destination',
    description: 'Registers a system to write to. It is INACTIVE until it has been tested.',
    path,
    body: { type: CreateDestinationRequest, example: bodies.createDestination },
    errors: { 400: 'Destination name is required', 409: 'A destination named "warehouse" exists already' },
    answer: { status: 201, description: 'The new destination.', type: DestinationResponse, example: untested },
  })
  async create(@Asks() caller: Caller, @Body() body: CreateDestinationRequest): Promise<DestinationResponse> {
    return toDestination(await this.endpoints.create(role, caller, body));
  }

  @Get()
  @Operation({
    id: 'listDestinations',
    summary: 'List destinations',
    description: 'All destinations of the tenant.',
    path,
    answer: {
      status: 200,
      description: 'The destinations.',
      type: DestinationResponse,
      list: true,
      example: [destination],
    },
  })
  async list(@Asks() { tenantId }: Caller): Promise<DestinationResponse[]> {
    return (await this.endpoints.list(role, tenantId)).map(toDestination);
  }

  @Get(':destinationId')
  @Operation({
    id: 'getDestination',
    summary: 'Get a destination',
    description: 'One destination by its id.',
    path: one,
    errors: missing,
    answer: { status: 200, description: 'The destination.', type: DestinationResponse, example: destination },
  })
  async get(
    @Asks() { tenantId }: Caller,
    @Id('destinationId', 'Destination id') id: string,
  ): Promise<DestinationResponse> {
    return toDestination(await this.endpoints.get(role, tenantId, id));
  }

  @Put(':destinationId')
  @Operation({
    id: 'updateDestination',
    summary: 'Update a destination',
    description:
      'Changes what the body has and leaves the rest. After a change of connectionConfig it is INACTIVE and wants a new test.',
    path: one,
    body: { type: UpdateDestinationRequest, example: bodies.updateDestination },
    errors: { ...missing, 409: 'A destination named "warehouse" exists already' },
    answer: { status: 200, description: 'The destination as it is now.', type: DestinationResponse, example: untested },
  })
  async update(
    @Asks() caller: Caller,
    @Id('destinationId', 'Destination id') id: string,
    @Body() body: UpdateDestinationRequest,
  ): Promise<DestinationResponse> {
    return toDestination(await this.endpoints.update(role, caller, id, body));
  }

  @Delete(':destinationId')
  @Operation({
    id: 'deleteDestination',
    summary: 'Delete a destination',
    description: 'Fails while connections use the destination. The data in it stays.',
    path: one,
    errors: { ...missing, 409: 'The destination has connections; delete them first' },
    answer: { status: 204, description: 'It is gone.' },
  })
  async remove(@Asks() caller: Caller, @Id('destinationId', 'Destination id') id: string): Promise<void> {
    await this.endpoints.remove(role, caller, id);
  }

  @Post(':destinationId/test')
  @Operation({
    id: 'testDestination',
    summary: 'Test a destination',
    description:
      'Connects and tries whether tables can be made, filled and swapped. When the test fails the answer is still 200, with status ERROR and the findings.',
    path: `${one}/test`,
    errors: missing,
    answer: {
      status: 200,
      description: 'The outcome.',
      type: DestinationResponse,
      example: { ...destination, status: 'ERROR', findings: [finding] },
    },
  })
  async test(@Asks() caller: Caller, @Id('destinationId', 'Destination id') id: string): Promise<DestinationResponse> {
    return toDestination(await this.endpoints.test(role, caller, id));
  }
}
