/** The words and shapes in which the platform's own resources speak of runs. */
import { forClients } from '../ingestion/words.js';
import type { Counts, RunError, RunStatus, RunStreamView } from '@sluice/messages';

export const runWords: Readonly<Record<RunStatus, string>> = {
  pending: 'RUNNING',
  running: 'RUNNING',
  cancelling: 'RUNNING',
  succeeded: 'SUCCEEDED',
  partial: 'PARTIAL',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
};
export const streamStatuses = ['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED'] as const;
const streamWords = { pending: 'PENDING', running: 'RUNNING', succeeded: 'SUCCEEDED', failed: 'FAILED' } as const;

export const countsOf = ({ rowsRead, rowsWritten, rowsRejected, bytes }: Counts): Counts => ({
  rowsRead,
  rowsWritten,
  rowsRejected,
  bytes,
});

export interface StreamWords extends Counts {
  readonly name: string;
  readonly status: (typeof streamStatuses)[number];
  readonly estimatedRows: number | null;
  readonly errorMessage?: string;
  readonly errorEnd?: EndWord;
}
export const toStreamWords = (view: RunStreamView): StreamWords => ({
  name: view.stream,
  status: streamWords[view.status],
  ...countsOf(view),
  estimatedRows: view.estimatedRows,
  ...(view.error && { errorMessage: errorText(view.error), ...errorEndOf(view.error) }),
});

export const errorText = ({ message, fix }: RunError): string =>
  forClients(fix === undefined ? message : `${message}; to fix it: ${fix}`);

/** Which end failed, where one did. */
export const endWords = ['SOURCE', 'DESTINATION'] as const;
type EndWord = (typeof endWords)[number];
export const errorEndOf = ({ end }: RunError): { errorEnd?: EndWord } =>
  end === undefined ? {} : { errorEnd: end === 'source' ? 'SOURCE' : 'DESTINATION' };
