/** What is known of a run's streams: fed by notes of the workers, read by progress events and by the last word on the run. */
import type { ErrorReport, LaneCounts, LanePlan } from '@sluice/engine';
import type { Counts, ProgressEvent, RunStreamView } from '@sluice/messages';
import type { LaneAnswer, Note, PlanAnswer } from './worker/protocol.js';

interface Entry {
  status: RunStreamView['status'];
  readonly estimatedRows: number | null;
  error: ErrorReport | null;
  counts: LaneCounts;
  committed: LaneCounts;
  phase: 'loading' | 'finishing';
}
const none: LaneCounts = { rowsRead: 0, rowsWritten: 0, rowsRejected: 0, bytes: 0 };

export class RunProgress {
  readonly #streams = new Map<string, Entry>();
  readonly #moved = new Set<string>();
  #planned = false;

  plan({ lanes, refused }: PlanAnswer): void {
    this.#planned = true;
    for (const { request } of lanes) this.#add(request.stream.id, request.stream.estimate?.rows ?? null);
    for (const { stream, error } of refused) this.#set(this.#add(stream, null), { status: 'failed', error });
  }

  begin({ request }: LanePlan): void {
    this.#set(request.stream.id, { status: 'running' });
  }

  note(note: Note): void {
    if (note.kind === 'counts') this.#set(note.stream, { counts: note.counts, committed: note.committed });
    else if (note.kind === 'phase' && note.phase !== 'planning') this.#set(note.stream, { phase: note.phase });
  }

  end({ request }: LanePlan, answer: LaneAnswer): void {
    const { counts } = answer;
    const whole = answer.status === 'done' || answer.status === 'already-done';
    const error = answer.status === 'failed' ? answer.error : null;
    const status = whole ? 'succeeded' : error === null ? 'pending' : 'failed';
    this.#set(request.stream.id, { status, error, counts, committed: counts });
  }

  /** The worker of this lane is gone: what it had not committed is not there. (Invariant 6) */
  lost({ request }: LanePlan): void {
    const entry = this.#streams.get(request.stream.id);
    if (entry !== undefined) this.#set(request.stream.id, { status: 'pending', counts: entry.committed });
  }

  get phase(): ProgressEvent['phase'] {
    if (!this.#planned) return 'planning';
    const open = [...this.#streams.values()].filter(({ status }) => status === 'running' || status === 'pending');
    return open.some(({ status, phase }) => status === 'pending' || phase === 'loading') ? 'loading' : 'finishing';
  }
  get estimatedRows(): number | null {
    const known = [...this.#streams.values()].map(({ estimatedRows }) => estimatedRows);
    return known.length === 0 || known.includes(null)
      ? null
      : known.reduce<number>((sum, rows) => sum + (rows ?? 0), 0);
  }
  get counts(): Counts {
    let { rowsRead, rowsWritten, rowsRejected, bytes } = none;
    for (const { counts } of this.#streams.values()) {
      rowsRead += counts.rowsRead;
      rowsWritten += counts.rowsWritten;
      rowsRejected += counts.rowsRejected;
      bytes += counts.bytes;
    }
    return { rowsRead, rowsWritten, rowsRejected, bytes };
  }
  /** All streams, those that failed first. */
  get views(): readonly RunStreamView[] {
    const views = [...this.#streams].map(([stream, entry]) => viewOf(stream, entry));
    return views.sort((a, b) => Number(b.status === 'failed') - Number(a.status === 'failed'));
  }
  /** Streams that changed since this was last asked. */
  moved(): readonly RunStreamView[] {
    const views = [...this.#moved].map((stream) => viewOf(stream, this.#streams.get(stream)!));
    this.#moved.clear();
    return views;
  }

  #add(stream: string, estimatedRows: number | null): string {
    const start = { status: 'pending', error: null, counts: none, committed: none, phase: 'loading' } as const;
    this.#streams.set(stream, { ...start, estimatedRows });
    this.#moved.add(stream);
    return stream;
  }
  #set(stream: string, change: Partial<Entry>): void {
    const entry = this.#streams.get(stream);
    if (entry === undefined) return;
    Object.assign(entry, change);
    this.#moved.add(stream);
  }
}

const viewOf = (stream: string, { status, estimatedRows, error, counts }: Entry): RunStreamView => ({
  stream,
  status,
  estimatedRows,
  error,
  rowsRead: counts.rowsRead,
  rowsWritten: counts.rowsWritten,
  rowsRejected: counts.rowsRejected,
  bytes: counts.bytes,
});
