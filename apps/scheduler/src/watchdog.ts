/** Ends attempts whose runner went silent, and follows failed ones with the next, or with the end of their chain. */
import { ServiceError, type UnresolvedRun } from '@sluice/messages';
import type { Logger, RpcClient } from '@sluice/service';
import { decide } from './retry-policy.js';

export interface WatchdogDeps {
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Multiplies waits. */
  readonly scale: number;
  retried?(): void;
  random?(): number;
}
const batch = 200;

/** One look. Answers how many attempts it dealt with; what fails is left for the next look. */
export async function look(deps: WatchdogDeps): Promise<number> {
  const silent = (await unresolved(deps)).filter(({ status }) => status !== 'failed');
  for (const { id: runId, tenantId } of silent) {
    await deps.rpc.call('catalog.runs.expire', { runId });
    deps.logger.warn({ run: runId, tenant: tenantId }, 'a runner went silent');
  }
  const failed = (await unresolved(deps)).filter(({ status }) => status === 'failed');
  for (const run of failed) await resolve(deps, run);
  return silent.length + failed.length;
}
const unresolved = ({ rpc }: WatchdogDeps): Promise<readonly UnresolvedRun[]> =>
  rpc.call('catalog.runs.unresolved', { limit: batch });

async function resolve(deps: WatchdogDeps, run: UnresolvedRun): Promise<void> {
  const { rpc, logger, scale, random = Math.random } = deps;
  const where = { run: run.id, tenant: run.tenantId };
  const decision = decide(run, random(), scale);
  if (!decision.retry) {
    logger.info({ ...where, why: decision.why }, 'no further attempt');
    await rpc.call('catalog.runs.settle', { runId: run.id });
    return;
  }
  const { tenantId, pipelineId, id: previousId } = run;
  const notBefore = decision.delay > 0 && { notBefore: new Date(Date.now() + decision.delay).toISOString() };
  try {
    await rpc.call('catalog.runs.create', {
      tenantId,
      pipelineId,
      actor: 'scheduler',
      trigger: 'retry',
      previousId,
      ...notBefore,
    });
    deps.retried?.();
    logger.info({ ...where, delay: decision.delay }, 'another attempt follows');
  } catch (error) {
    if (!(error instanceof ServiceError) || error.kind === 'unavailable' || error.kind === 'internal') throw error;
    // It has a successor already, or can have none: its pipeline or destination is gone.
    logger.warn({ ...where, code: error.failure.code }, 'no further attempt is possible');
    await rpc.call('catalog.runs.settle', { runId: run.id });
  }
}
