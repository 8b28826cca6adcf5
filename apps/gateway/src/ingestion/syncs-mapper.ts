/** Between the one model and the Ingestion Service API's words for syncs. */
import type { Page, RunStatus, RunView } from '@sluice/messages';
import { instant, instantOrNull } from '../http/time.js';
import type { Chain } from '../lookup/chain.js';
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

/** A failed attempt that another one will follow is still a running sync. */
const isOver = (run: RunView): boolean => statusWords[run.status] !== 'RUNNING' && run.retrying !== true;

export function toSync({ first, last }: Chain): SyncResponse {
  const startedAt = first.startedAt ?? first.createdAt;
  const over = isOver(last);
  const completedAt = over ? last.finishedAt : null;
  const known = over || last.startedAt !== null;
  return {
    id: first.id,
    connectionId: first.pipelineId,
    connectionName: first.pipelineName,
    status: over ? statusWords[last.status] : 'RUNNING',
    recordsSynced: known ? last.rowsWritten : null,
    bytesSynced: known ? last.bytes : null,
    startedAt: instant(startedAt),
    completedAt: instantOrNull(completedAt),
    durationMs: completedAt === null ? null : Math.max(0, Date.parse(completedAt) - Date.parse(startedAt)),
    ...(over && last.error !== null && { errorMessage: sentence(last) }),
  };
}

function sentence({ error }: RunView): string {
  if (error === null) return '';
  const stream = error.stream === undefined ? '' : `${error.stream}: `;
  return `${stream}${error.message}${error.fix === undefined ? '' : `; to fix it: ${error.fix}`}`;
}

export const toPage = (chains: readonly Chain[], { total }: Page<RunView>, number: number, size: number): SyncPage => ({
  content: chains.map(toSync),
  totalElements: total,
  totalPages: Math.ceil(total / size),
  number,
  size,
});
