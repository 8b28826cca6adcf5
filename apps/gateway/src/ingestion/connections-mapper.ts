/** Between the one model and the Ingestion Service API's words for connections. */
import type { Binding, PipelineOptions, PipelineView, Request } from '@sluice/messages';
import { badRequest } from '../http/failure.js';
import { instant, instantOrNull } from '../http/time.js';
import type { ConnectionOptions, ConnectionRequest, ConnectionResponse, StreamSettings } from './connections-dto.js';
import { modeOf, wordOf } from './sources-mapper.js';

/** An archived pipeline is not listed; should one be asked for by id, it does nothing any more. */
const statusWords = {
  pending: 'PENDING',
  active: 'ACTIVE',
  paused: 'PAUSED',
  error: 'ERROR',
  archived: 'PAUSED',
} as const;

export const toConnection = (view: PipelineView): ConnectionResponse => ({
  id: view.id,
  sourceId: view.sourceId,
  sourceName: view.sourceName,
  name: view.name,
  destinationType: view.destinationType,
  syncSchedule: view.schedule?.cron ?? null,
  syncMode: wordOf[view.mode],
  status: statusWords[view.status],
  lastSyncAt: instantOrNull(view.lastSyncAt),
  createdAt: instant(view.createdAt),
});

type Input = Omit<Request<'catalog.pipelines.create'>, 'tenantId' | 'actor'>;
/** A whole pipeline: what the body leaves out has its default. Throws HttpFailure 400. */
export function toPipeline(body: ConnectionRequest): Input {
  const { sourceId, name, destinationType, destinationId, syncSchedule, syncMode, options } = body;
  return {
    sourceId: sourceId.toLowerCase(),
    name,
    destinationType: destinationType ?? 'iceberg',
    destinationId: destinationId?.toLowerCase() ?? null,
    mode: modeOf[syncMode ?? 'FULL_REFRESH'],
    schedule: syncSchedule == null ? null : { kind: 'cron', cron: syncSchedule.trim().split(/\s+/).join(' ') },
    bindings: bindingsOf(body),
    options: optionsOf(options ?? {}),
  };
}

function bindingsOf({ selectedStreams, streams }: ConnectionRequest): readonly Binding[] | null {
  if (selectedStreams != null && streams != null) throw badRequest('Give either selectedStreams or streams, not both');
  if (selectedStreams != null) return selectedStreams.map((stream) => ({ stream }));
  if (streams == null) return null;
  const twice = streams.find(({ name }, i) => streams.findIndex((other) => other.name === name) !== i);
  if (twice) throw badRequest(`Streams has ${JSON.stringify(twice.name)} twice`);
  return streams.map(bindingOf);
}

const bindingOf = ({ name, cursor, key, targetTable, columns }: StreamSettings): Binding => ({
  stream: name,
  ...(cursor != null && { cursor }),
  ...(key != null && { key }),
  ...(targetTable != null && { targetTable }),
  ...(columns != null && { columns }),
});

const optionsOf = ({ parallelism, maxAttempts, encoding }: ConnectionOptions): PipelineOptions => ({
  ...(parallelism != null && { parallelism }),
  ...(maxAttempts != null && { maxAttempts }),
  ...(encoding != null && { encoding }),
});
