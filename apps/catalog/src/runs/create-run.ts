/** Starts work: one transaction checks that the pipeline is free, makes the run, and leaves the message that announces it. */
import { randomUUID } from 'node:crypto';
import { conflict, invalid, notFound, startSubject, type Request, type RunView } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import { first, rows, type Database } from '../database/database.js';
import type { PipelineRow } from '../database/entities.js';
import { hasActiveRun, lockPipeline } from '../pipelines/pipeline-repository.js';
import { isId } from '../requests.js';
import { announce } from './outbox.js';
import { getRun } from './run-repository.js';

type Create = Request<'catalog.runs.create'>;
interface Previous {
  readonly id: string;
  readonly root_id: string;
  readonly attempt: number;
  readonly generation: string;
  readonly destination_id: string;
}

export async function createRun(db: Database, request: Create): Promise<RunView> {
  const { tenantId, pipelineId, dueAt } = request;
  try {
    return await db.transaction((em) => insertRun(em, request));
  } catch (error) {
    // A start that was due while another run was active is skipped for good: it is not caught up with later.
    if (dueAt !== undefined && isId(pipelineId)) await noteDue(db, tenantId, pipelineId, dueAt);
    throw error;
  }
}

async function insertRun(em: EntityManager, request: Create): Promise<RunView> {
  const { tenantId, pipelineId, actor, trigger, previousId } = request;
  const pipeline = await lockPipeline(em, { tenantId, id: pipelineId });
  const previous = previousId === undefined ? undefined : await continueFrom(em, request, previousId);
  await refuseSecondRun(em, request, previous !== undefined);
  const source = await first<{ connector_type: string }>(
    em,
    'SELECT connector_type FROM endpoint WHERE tenant_id = $1 AND id = $2',
    [tenantId, pipeline.sourceId],
  );
  const id = randomUUID();
  await em.query(
    `INSERT INTO run (id, tenant_id, pipeline_id, pipeline_name, source_type, destination_id, mode, trigger, attempt, root_id,
       previous_id, generation, not_before, due_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      id,
      tenantId,
      pipelineId,
      pipeline.name,
      source?.connector_type,
      await destinationOf(em, pipeline, previous),
      pipeline.mode,
      trigger,
      (previous?.attempt ?? 0) + 1,
      previous?.root_id ?? id,
      previous?.id ?? null,
      previous?.generation ?? (await nextGeneration(em, pipeline)),
      timeOf(request.notBefore, 'notBefore'),
      timeOf(request.dueAt, 'dueAt'),
    ],
  );
  if (previous)
    await em.query('UPDATE run SET next_id = $3, settled = true WHERE tenant_id = $1 AND id = $2', [
      tenantId,
      previous.id,
      id,
    ]);
  if (request.dueAt !== undefined) await raiseDue(em, tenantId, pipelineId, request.dueAt);
  await announce(em, id, startSubject(source?.connector_type ?? ''));
  await record(em, {
    tenantId,
    actor,
    action: 'run.created',
    subjectId: id,
    after: { pipelineId, trigger, previousId: previousId ?? null },
  });
  return getRun(em, { tenantId, id });
}

/** The attempt that failed; held, so that it gets one successor only. */
async function continueFrom(
  em: EntityManager,
  { tenantId, pipelineId }: Create,
  previousId: string,
): Promise<Previous> {
  const previous = isId(previousId)
    ? await first<Previous & { status: string; next_id: string | null; settled: boolean }>(
        em,
        `SELECT id, root_id, attempt, generation, destination_id, status, next_id, settled FROM run
         WHERE tenant_id = $1 AND pipeline_id = $2 AND id = $3 FOR UPDATE`,
        [tenantId, pipelineId, previousId],
      )
    : undefined;
  if (!previous) throw notFound('no-such-run', 'there is no such run to continue');
  if (previous.next_id !== null)
    throw conflict('already-continued', 'this attempt was followed by another one already');
  if (previous.status !== 'failed' || previous.settled)
    throw conflict('run-over', `a ${previous.status} run is not continued`, { fix: 'trigger a new one' });
  return previous;
}

async function refuseSecondRun(
  em: EntityManager,
  { tenantId, pipelineId, dueAt }: Create,
  isRetry: boolean,
): Promise<void> {
  if (dueAt !== undefined) {
    const started = await first(em, 'SELECT 1 FROM run WHERE tenant_id = $1 AND pipeline_id = $2 AND due_at = $3', [
      tenantId,
      pipelineId,
      timeOf(dueAt, 'dueAt'),
    ]);
    if (started) throw conflict('already-started', `the run due at ${dueAt} was started already`);
  }
  if (!isRetry && (await hasActiveRun(em, { tenantId, id: pipelineId })))
    throw conflict('run-active', 'a run of this pipeline is active', { fix: 'wait for it to end, or cancel it' });
}

/** The pipeline's own, else that of the attempt before, else the tenant's only one. */
async function destinationOf(
  em: EntityManager,
  { tenantId, destinationId }: PipelineRow,
  previous?: Previous,
): Promise<string> {
  if (destinationId !== null) return destinationId;
  const found = await rows<{ id: string }>(
    em,
    "SELECT id FROM endpoint WHERE tenant_id = $1 AND role = 'destination' LIMIT 100",
    [tenantId],
  );
  if (previous && found.some(({ id }) => id === previous.destination_id)) return previous.destination_id;
  const [only, ...others] = found;
  if (only && others.length === 0) return only.id;
  throw conflict(
    'no-destination',
    only ? 'the pipeline names no destination, and there are several' : 'there is no destination',
    {
      fix: only ? 'set destinationId of the pipeline' : 'create a destination and set destinationId of the pipeline',
    },
  );
}

/** Every full load is a generation of its own; a cursor goes on in the one it is in. */
async function nextGeneration(em: EntityManager, { tenantId, id, mode, generation }: PipelineRow): Promise<string> {
  if (mode !== 'full') return generation;
  const sql = 'UPDATE pipeline SET generation = generation + 1 WHERE tenant_id = $1 AND id = $2 RETURNING generation';
  return (await first<{ generation: string }>(em, sql, [tenantId, id]))?.generation ?? generation;
}

async function raiseDue(em: EntityManager, tenantId: string, pipelineId: string, dueAt: string): Promise<void> {
  await em.query('UPDATE pipeline SET last_due_at = greatest(last_due_at, $3) WHERE tenant_id = $1 AND id = $2', [
    tenantId,
    pipelineId,
    timeOf(dueAt, 'dueAt'),
  ]);
}
const noteDue = (db: Database, tenantId: string, pipelineId: string, dueAt: string): Promise<void> =>
  db.run((em) => raiseDue(em, tenantId, pipelineId, dueAt)).catch(() => undefined);

function timeOf(text: string | undefined, what: string): string | null {
  if (text === undefined) return null;
  if (Number.isNaN(Date.parse(text))) throw invalid('time-invalid', `${what} is not a time`, { fix: 'send ISO 8601' });
  return text;
}
