/** Start over: the next run of a pipeline reads from the start, whatever an earlier one had come to. */
import { conflict, type Answer, type Binding, type Request, type Stream } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import { first, type Database } from '../database/database.js';
import type { PipelineRow } from '../database/entities.js';
import { getEndpoint } from '../endpoints/endpoint-repository.js';
import { keylessStreams, streamsNamed, type Discovery } from '../probes/stream-repository.js';
import { getPipeline, hasActiveRun, lockPipeline, pipelineView } from './pipeline-repository.js';

/** A new generation: destinations forget checkpoints and shadow tables of older ones, and keep fences (Invariants 4, 7). */
export async function resetPipeline(
  db: Database,
  { tenantId, id, actor }: Request<'catalog.pipelines.reset'>,
): Promise<Answer<'catalog.pipelines.reset'>> {
  return db.transaction(async (em) => {
    const row = await lockPipeline(em, { tenantId, id });
    if (await hasActiveRun(em, { tenantId, id }))
      throw conflict('run-active', 'a run of this pipeline is active', { fix: 'wait for it to end, or cancel it' });
    const reset = await first<{ generation: string }>(
      em,
      `UPDATE pipeline SET generation = generation + 1, updated_at = now() WHERE tenant_id = $1 AND id = $2 RETURNING generation`,
      [tenantId, id],
    );
    await record(em, {
      tenantId,
      actor,
      action: 'pipeline.reset',
      subjectId: id,
      before: { generation: Number(row.generation) },
      after: { generation: Number(reset?.generation) },
    });
    const pipeline = pipelineView(await getPipeline(em, { tenantId, id }));
    return { pipeline, ...(await withoutKey(em, row)) };
  });
}

/** Streams whose rows the next run adds once more, since nothing tells which of them are there already. */
async function withoutKey(em: EntityManager, row: PipelineRow): Promise<{ keyless: string[]; keylessCount: number }> {
  const { tenantId, sourceId, mode, bindings } = row;
  const { discoveryId } = await getEndpoint(em, { tenantId, id: sourceId }, 'source');
  if (mode === 'full' || discoveryId === null) return { keyless: [], keylessCount: 0 };
  const discovery: Discovery = { tenantId, endpointId: sourceId, discoveryId };
  if (bindings === null) return keylessStreams(em, discovery, mostNamed);
  const offered = await streamsNamed(
    em,
    discovery,
    bindings.map(({ stream }) => stream),
  );
  const keyless = bindings.filter((binding) => !hasKey(binding, offered)).map(({ stream }) => stream);
  return { keyless: keyless.slice(0, mostNamed), keylessCount: keyless.length };
}
const mostNamed = 100;

function hasKey({ stream: name, key, columns }: Binding, offered: readonly Stream[]): boolean {
  const stream = offered.find(({ id }) => id === name) ?? offered.find(({ path }) => path.at(-1) === name);
  const chosen = key ?? stream?.key ?? [];
  return chosen.length > 0 && (columns === undefined || chosen.every((column) => columns.includes(column)));
}
