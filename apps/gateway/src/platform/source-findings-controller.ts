import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { Endpoints } from '../lookup/endpoints.js';
import { finding } from './examples.js';
import { FindingsResponse, toFindings } from './findings.js';

@ApiTags('Sources')
@Controller('api/v1/sources')
export class SourceFindingsController {
  constructor(private readonly endpoints: Endpoints) {}

  @Get(':sourceId/findings')
  @Operation({
    id: 'getSourceFindings',
    summary: 'What the last test of a source found',
    description: 'Every finding of the last test, with what to do about it.',
    path: '/api/v1/sources/a1b2c3d4-e5f6-7890-abcd-ef1234567890/findings',
    errors: { 400: 'Source id must be a UUID', 404: 'Source not found' },
    answer: {
      status: 200,
      description: 'The findings.',
      type: FindingsResponse,
      example: { status: 'ERROR', lastTestedAt: '2024-03-15T10:05:00Z', findings: [finding] },
    },
  })
  async get(@Asks() { tenantId }: Caller, @Id('sourceId', 'Source id') id: string): Promise<FindingsResponse> {
    return toFindings(await this.endpoints.get('source', tenantId, id));
  }
}
