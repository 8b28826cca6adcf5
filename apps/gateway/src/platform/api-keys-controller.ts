import { Body, Controller, Delete, Get, Post } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { Answer, Permission } from '@sluice/messages';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus } from '../bus.js';
import { Checked, Text, TextList } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { instant, instantOrNull } from '../http/time.js';
import { apiKey, bodies } from './examples.js';

const path = '/api/v1/api-keys';
const permissions: readonly Permission[] = ['data:ingestion:read', 'data:ingestion:manage', 'admin'];
const moment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function wrongExpiry(text: string): string | undefined {
  const at = Date.parse(text);
  if (!moment.test(text) || Number.isNaN(at)) return 'must be a moment such as 2030-01-31T00:00:00Z';
  return at <= Date.now() ? 'must lie in the future' : undefined;
}

export class CreateApiKeyRequest {
  @Text({ label: 'Key name', description: 'What it is for.', required: true, example: apiKey.name })
  name!: string;
  @TextList({
    label: 'Permission list',
    description: 'What it may do.',
    required: true,
    of: permissions,
    example: apiKey.permissions,
  })
  permissions!: Permission[];
  @Checked({
    label: 'Expiry',
    description: 'When it ends; null for never.',
    format: 'date-time',
    nullable: true,
    example: bodies.createApiKey.expiresAt,
    check: wrongExpiry,
  })
  expiresAt?: string | null;
}
export class ApiKeyResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  @ApiProperty()
  name!: string;
  @ApiProperty({ description: 'How the key begins, to tell keys apart.' })
  prefix!: string;
  @ApiProperty({ enum: permissions, isArray: true })
  permissions!: Permission[];
  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revokedAt!: string | null;
}
export class NewApiKeyResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  @ApiProperty({
    description: 'The key itself. It is shown here and never again.',
    example: 'sk_3f9c0000000000000000000000000000',
  })
  key!: string;
}

const toKey = (view: Answer<'catalog.keys.list'>[number]): ApiKeyResponse => ({
  id: view.id,
  name: view.name,
  prefix: view.prefix,
  permissions: [...view.permissions],
  createdAt: instant(view.createdAt),
  expiresAt: instantOrNull(view.expiresAt),
  revokedAt: instantOrNull(view.revokedAt),
});

@ApiTags('API keys')
@Controller('api/v1/api-keys')
export class ApiKeysController {
  constructor(private readonly bus: Bus) {}

  @Post()
  @Operation({
    id: 'createApiKey',
    summary: 'Create an API key',
    description:
      'Needs the permission admin. The key acts for this tenant only; it is stored as a hash and shown once.',
    path,
    body: { type: CreateApiKeyRequest, example: bodies.createApiKey },
    errors: { 400: 'Key name is required', 403: 'The permission admin is required' },
    answer: {
      status: 201,
      description: 'The key.',
      type: NewApiKeyResponse,
      example: { id: apiKey.id, key: 'sk_3f9c0000000000000000000000000000' },
    },
  })
  async create(@Asks() caller: Caller, @Body() body: CreateApiKeyRequest): Promise<NewApiKeyResponse> {
    const { name, permissions: allowed, expiresAt } = body;
    const expiry = expiresAt == null ? {} : { expiresAt: new Date(expiresAt).toISOString() };
    const { id, key } = await this.bus.call('catalog.keys.create', {
      ...caller,
      name,
      permissions: allowed,
      ...expiry,
    });
    return { id, key };
  }

  @Get()
  @Operation({
    id: 'listApiKeys',
    summary: 'List API keys',
    description: 'Needs the permission admin. All keys of the tenant, revoked ones too, without the keys themselves.',
    path,
    errors: { 403: 'The permission admin is required' },
    answer: { status: 200, description: 'The keys.', type: ApiKeyResponse, list: true, example: [apiKey] },
  })
  async list(@Asks() { tenantId }: Caller): Promise<ApiKeyResponse[]> {
    return (await this.bus.call('catalog.keys.list', { tenantId })).map(toKey);
  }

  @Delete(':keyId')
  @Operation({
    id: 'revokeApiKey',
    summary: 'Revoke an API key',
    description: 'Needs the permission admin. The key is refused everywhere within ten seconds.',
    path: `${path}/${apiKey.id}`,
    errors: { 400: 'Key id must be a UUID', 403: 'The permission admin is required', 404: 'API key not found' },
    answer: { status: 204, description: 'It is revoked.' },
  })
  async revoke(@Asks() caller: Caller, @Id('keyId', 'Key id') id: string): Promise<void> {
    await this.bus.call('catalog.keys.revoke', { ...caller, id });
  }
}
