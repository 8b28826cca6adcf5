import { Controller, Post } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { Answer, SyncMode } from '@sluice/messages';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus } from '../bus.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { settings } from './examples.js';

export class ConnectionResetResponse {
  @ApiProperty({ format: 'uuid', example: settings.connectionId })
  connectionId!: string;
  @ApiProperty({ description: 'What the next sync does to the tables at the destination, for a person.' })
  message!: string;
  @ApiProperty({
    type: [String],
    description: 'Streams without a key, whose rows are added once more: empty their tables first. At most 100.',
    example: ['public.log'],
  })
  streamsWithoutKey!: string[];
  @ApiProperty({ type: Number, description: 'How many these are in all.', example: 1 })
  streamsWithoutKeyCount!: number;
}

const again = 'The next sync reads every row from the start.';
const outcomes: Readonly<Record<SyncMode, string>> = {
  full: `${again} The tables show their present rows until it has ended, and are replaced then.`,
  incremental: `${again} Rows at the destination are overwritten by their key; those that the source no longer has stay.`,
  changes: `${again} Rows at the destination are overwritten by their key.`,
};
const keylessToo = (count: number): string =>
  ` ${count === 1 ? 'One stream has' : `${count} streams have`} no key: all rows are added to the table once more. Empty it first.`;

const toReset = ({ pipeline, keyless, keylessCount }: Answer<'catalog.pipelines.reset'>): ConnectionResetResponse => ({
  connectionId: pipeline.id,
  message: outcomes[pipeline.mode] + (keylessCount > 0 ? keylessToo(keylessCount) : ''),
  streamsWithoutKey: [...keyless],
  streamsWithoutKeyCount: keylessCount,
});
const path = `/api/v1/connections/${settings.connectionId}/reset`;
const example = toReset({
  pipeline: { id: settings.connectionId, mode: 'incremental' } as Answer<'catalog.pipelines.reset'>['pipeline'],
  keyless: ['public.log'],
  keylessCount: 1,
});

@ApiTags('Connections')
@Controller('api/v1/connections')
export class ConnectionResetController {
  constructor(private readonly bus: Bus) {}

  @Post(':connectionId/reset')
  @Operation({
    id: 'resetConnection',
    summary: 'Start a connection over',
    description:
      'Forgets how far the syncs of the connection have come: the next one reads from the start. It starts none, and touches nothing at the destination; the answer says what the next sync does to the tables there.',
    path,
    errors: {
      400: 'Connection id must be a UUID',
      404: 'Connection not found',
      409: 'A sync of this connection is active; to fix it: wait for it to end, or cancel it',
    },
    answer: { status: 200, description: 'It will start over.', type: ConnectionResetResponse, example },
  })
  async reset(
    @Asks() caller: Caller,
    @Id('connectionId', 'Connection id') id: string,
  ): Promise<ConnectionResetResponse> {
    return toReset(await this.bus.call('catalog.pipelines.reset', { ...caller, id }));
  }
}
