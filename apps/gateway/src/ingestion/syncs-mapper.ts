/** Between the one model and the Ingestion Service API's words for syncs. */
import type { Page, RunError, RunStatus, RunView } from '@sluice/messages';
import { instant, instantOrNull } from '../http/time.js';
import { forClients } from './words.js';
import type { SyncPage, SyncResponse, SyncStatus } from './syncs-dto.js';

const statusWords: Readonly<Record<RunStatus, SyncStatus>> = {
  pending: 'RUNNING',
  running: 'RUNNING',
  cancelling: 'RUNNING',
  succeeded: 'SUCCEEDED',
  partial: 'SUCCEEDED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
};

/** A sync is a chain of attempts; the catalog shows its first one as the whole chain stands. */
export function toSync(run: RunView): SyncResponse {
  const status = statusWords[run.status];
  const startedAt = run.startedAt ?? run.createdAt;
  const completedAt = status === 'RUNNING' ? null : run.finishedAt;
  const known = completedAt !== null || run.startedAt !== null;
  return {
    id: run.id,
    connectionId: run.pipelineId,
    connectionName: run.pipelineName,
    status,
    recordsSynced: known ? run.rowsWritten : null,
    bytesSynced: known ? run.bytes : null,
    startedAt: instant(startedAt),
    completedAt: instantOrNull(completedAt),
    durationMs: completedAt === null ? null : Math.max(0, Date.parse(completedAt) - Date.parse(startedAt)),
    ...(completedAt !== null && run.error !== null && { errorMessage: sentence(run.error) }),
  };
}

function sentence({ stream, message, fix }: RunError): string {
  const where = stream === undefined ? '' : `${stream}: `;
  return forClients(`${where}${message}${fix === undefined ? '' : `; to fix it: ${fix}`}`);
}

export const toPage = ({ items, total }: Page<RunView>, number: number, size: number): SyncPage => ({
  content: items.map(toSync),
  totalElements: total,
  totalPages: Math.ceil(total / size),
  number,
  size,
});
