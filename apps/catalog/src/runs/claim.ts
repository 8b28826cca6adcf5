/** How a runner gets, keeps and gives back a run. These speak of runs by id and fence: runners serve all tenants. */
import {
  ServiceError,
  invalid,
  startSubject,
  type Answer,
  type Assignment,
  type Request,
  type RunError,
} from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { first, type Database } from '../database/database.js';
import { getPipeline } from '../pipelines/pipeline-repository.js';
import { sharedTargets } from '../pipelines/target-clash.js';
import { openingOf } from '../probes/probe-service.js';
import { isId } from '../requests.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { announce } from './outbox.js';

/** A runner that is silent for so long is lost. */
export const leaseSeconds = 15;

interface Claimed {
  readonly id: string;
  readonly tenant_id: string;
  readonly pipeline_id: string;
  readonly destination_id: string;
  readonly mode: Assignment['mode'];
  readonly attempt: number;
  readonly root_id: string;
  readonly generation: string;
  readonly fence: string;
}

/** null: taken, over, not due, or unknown. Whoever gets the assignment holds the highest fence there is. (Invariant 4) */
export async function claimRun(
  db: Database,
  ring: KeyRing,
  request: Request<'catalog.runs.claim'>,
): Promise<Assignment | null> {
  const { runId, runnerId, publicKey } = request;
  if (!isId(runId)) return null;
  try {
    return await db.transaction(async (em) => {
      const run = await first<Claimed>(
        em,
        `UPDATE run SET status = 'running', phase = 'planning', fence = nextval('fence'), runner_id = $2,
           lease_until = now() + make_interval(secs => $3), started_at = coalesce(started_at, now())
         WHERE id = $1 AND status = 'pending' AND (not_before IS NULL OR not_before <= now())
         RETURNING id, tenant_id, pipeline_id, destination_id, mode, attempt, root_id, generation, fence`,
        [runId, runnerId, leaseSeconds],
      );
      return run ? await assignmentOf(em, ring, await inGenerationOfNow(em, run), publicKey) : null;
    });
  } catch (error) {
    if (error instanceof ServiceError && (error.kind === 'unavailable' || error.failure.code === 'public-key'))
      throw error;
    await failUnstarted(db, runId, error);
    return null;
  }
}

/**
 * The pipeline may have got another source, destination or mode since the run was made, or since an earlier attempt broke off: what
 * was committed then is no position in what this one reads. The pipeline is held, so that the assignment is all of one state.
 */
async function inGenerationOfNow(em: EntityManager, run: Claimed): Promise<Claimed> {
  const where = [run.tenant_id, run.pipeline_id];
  const sql = 'SELECT generation FROM pipeline WHERE tenant_id = $1 AND id = $2 FOR SHARE';
  const pipeline = await first<{ generation: string }>(em, sql, where);
  if (pipeline === undefined || BigInt(pipeline.generation) <= BigInt(run.generation)) return run;
  await em.query('UPDATE run SET generation = $2 WHERE id = $1', [run.id, pipeline.generation]);
  return { ...run, generation: pipeline.generation };
}

async function assignmentOf(em: EntityManager, ring: KeyRing, run: Claimed, publicKey: string): Promise<Assignment> {
  const { id, tenant_id: tenantId } = run;
  const pipeline = await getPipeline(em, { tenantId, id: run.pipeline_id });
  const source = await openingOf(em, ring, { tenantId, id: pipeline.sourceId }, 'source', publicKey, id);
  const destination = await openingOf(em, ring, { tenantId, id: run.destination_id }, 'destination', publicKey, id);
  const warnings = await sharedTargets(em, tenantId, pipeline.id, run.destination_id);
  return {
    id,
    tenantId,
    warnings,
    pipelineId: run.pipeline_id,
    mode: run.mode,
    attempt: run.attempt,
    rootId: run.root_id,
    generation: Number(run.generation),
    fence: run.fence,
    leaseSeconds,
    bindings: pipeline.bindings,
    options: pipeline.options,
    source,
    destination,
  };
}

/** What cannot be handed out now never can: a destination deleted meanwhile, a secret whose key has left the ring. */
async function failUnstarted(db: Database, runId: string, error: unknown): Promise<void> {
  const known = error instanceof ServiceError;
  const failure: RunError = {
    class: 'config',
    code: known ? error.failure.code : 'secret-unreadable',
    message: known ? error.failure.message : 'the secrets of the source or of the destination cannot be decrypted',
    fix: known
      ? 'point the pipeline at a source and a destination that exist'
      : 'send them again, or put the missing key back into the key ring',
  };
  await db.run((em) =>
    em.query(
      `WITH failed AS (UPDATE run SET status = 'failed', settled = true, phase = 'done', error = $2,
         started_at = coalesce(started_at, now()), finished_at = now() WHERE id = $1 AND status = 'pending' RETURNING *)
       UPDATE pipeline p SET status = 'error' FROM failed f WHERE p.tenant_id = f.tenant_id AND p.id = f.pipeline_id`,
      [runId, JSON.stringify(failure)],
    ),
  );
}

type Held = Request<'catalog.runs.heartbeat'>;
const heldWhere = `id = $1 AND fence = $2 AND runner_id = $3 AND status IN ('running', 'cancelling')`;
const heldBy = ({ runId, fence, runnerId }: Held): string[] => {
  if (!isId(runId) || !/^\d{1,18}$/.test(fence)) throw invalid('held-invalid', 'runId or fence is not valid');
  return [runId, fence, runnerId];
};

export async function renewLease(db: Database, held: Held): Promise<Answer<'catalog.runs.heartbeat'>> {
  const run = await db.run((em) =>
    first<{ status: string }>(
      em,
      `UPDATE run SET lease_until = now() + make_interval(secs => $4) WHERE ${heldWhere} RETURNING status`,
      [...heldBy(held), leaseSeconds],
    ),
  );
  return { cancel: run?.status === 'cancelling', lost: run === undefined };
}

/** Back to the queue as the same attempt. A run that was being cancelled is cancelled by that. */
export async function releaseRun(db: Database, held: Held): Promise<null> {
  await db.transaction(async (em) => {
    const run = await first<{ status: string; source_type: string }>(
      em,
      `UPDATE run SET status = CASE status WHEN 'cancelling' THEN 'cancelled' ELSE 'pending' END,
         phase = CASE status WHEN 'cancelling' THEN 'done' ELSE 'queued' END,
         finished_at = CASE status WHEN 'cancelling' THEN now() END,
         lease_until = NULL, runner_id = NULL, not_before = NULL
       WHERE ${heldWhere} RETURNING status, source_type`,
      heldBy(held),
    );
    if (run?.status === 'pending') await announce(em, held.runId, startSubject(run.source_type));
  });
  return null;
}
