import { Controller, Get, Headers, Res, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Asks, type Caller } from '../auth/gatekeeper.js';
import { Bus, EventLog } from '../bus.js';
import { HttpFailure, badRequest } from '../http/failure.js';
import { Operation } from '../http/operation.js';
import { Id } from '../http/params.js';
import { sendEvents } from './event-stream.js';
import { feedOf } from './sync-feed.js';

/** Each open stream holds a consumer at the message bus. One tenant leaves room for the others. */
const most = 1000;
const mostOfTenant = 100;
const example = [
  'retry: 2000',
  '',
  'id: 41',
  'event: progress',
  'data: {"phase":"loading","rowsRead":65536,"rowsWritten":65536,"rowsRejected":0,"bytes":9437184,"estimatedRows":145000,"streams":[],"at":"2024-03-15T10:15:02Z"}',
  '',
  'id: 45',
  'event: finished',
  'data: {"status":"SUCCEEDED","rowsRead":145230,"rowsWritten":145230,"rowsRejected":0,"bytes":52428800,"at":"2024-03-15T10:18:30Z"}',
  '',
].join('\n');

@ApiTags('Syncs')
@Controller('api/v1/syncs')
export class SyncEventsController implements OnModuleDestroy, BeforeApplicationShutdown {
  readonly #open = new Map<AbortController, { readonly tenantId: string; readonly sending: Promise<void> }>();
  constructor(
    private readonly bus: Bus,
    private readonly events: EventLog,
  ) {}

  @Get(':syncId/events')
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Go on after this event; clients send it when they reconnect.',
  })
  @Operation({
    id: 'followSync',
    summary: 'Follow a sync',
    description:
      'Server-sent events from the beginning of the sync until its end: `progress` (counts of the attempt, once a second), `log`, `checkpoint` (a commit at the destination) and `finished`, the last one. Attempts that follow a failed one go on in the same stream.',
    path: '/api/v1/syncs/d4e5f6a7-890a-bcde-f123-4567890abcde/events',
    errors: { 400: 'Last-Event-ID must be a number', 404: 'Sync not found' },
    answer: {
      status: 200,
      description: 'The events.',
      mediaType: 'text/event-stream',
      schema: { type: 'string' },
      example,
    },
  })
  async follow(
    @Asks() { tenantId }: Caller,
    @Id('syncId', 'Sync id') id: string,
    @Headers('last-event-id') lastId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const after = seqOf(lastId);
    const first = await this.bus.call('catalog.runs.get', { tenantId, id });
    if (this.#open.size >= most || this.#openOf(tenantId) >= mostOfTenant)
      throw new HttpFailure(503, 'Too many event streams are open; try again later', { 'retry-after': '10' });
    const stop = new AbortController();
    const sending = sendEvents(
      reply,
      feedOf({ bus: this.bus, events: this.events }, first, after, stop.signal),
      stop,
    ).finally(() => this.#open.delete(stop));
    this.#open.set(stop, { tenantId, sending });
    await sending;
  }

  #openOf(tenantId: string): number {
    return [...this.#open.values()].filter((one) => one.tenantId === tenantId).length;
  }

  onModuleDestroy(): void {
    for (const stop of this.#open.keys()) stop.abort();
  }
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map(({ sending }) => sending));
  }
}

function seqOf(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (!/^\d{1,15}$/.test(text)) throw badRequest('Last-Event-ID must be a number');
  return Number(text);
}
