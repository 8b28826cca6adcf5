/** Who did what, when, and what it changed: appended in the transaction of the change, never altered. */
import type { Actor } from '@sluice/messages';
import type { EntityManager } from 'typeorm';

export interface Change {
  readonly tenantId: string;
  readonly actor: Actor;
  /** 'source.created', 'run.cancelled'. */
  readonly action: string;
  readonly subjectId: string;
  /** Views, which hold no secrets (Invariant 12). */
  readonly before?: object | null;
  readonly after?: object | null;
}

export async function record(em: EntityManager, change: Change): Promise<void> {
  const { tenantId, actor, action, subjectId, before = null, after = null } = change;
  await em.query(
    'INSERT INTO audit (tenant_id, actor, action, subject_id, before, after) VALUES ($1, $2, $3, $4, $5, $6)',
    [tenantId, actor, action, subjectId, before && JSON.stringify(before), after && JSON.stringify(after)],
  );
}
