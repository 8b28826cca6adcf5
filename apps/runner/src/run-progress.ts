/** What is known of a run's streams: fed by notes of the workers, read by progress events and by the last word on the run. */
import type { ErrorReport, LaneCounts } from '@sluice/engine';
import type { Counts, ProgressEvent, RunStreamView } from '@sluice/messages';
import type { LaneAnswer, LaneTask, Note, PlanAnswer } from './worker/protocol.js';

interface LaneState {
  readonly counts: LaneCounts;
  readonly committed: LaneCounts;
}
interface Entry {
  status: RunStreamView['status'];
  readonly estimatedRows: number | null;
  error: ErrorReport | null;
  /** By part; a stream that was not cut has one, ''. */
  readonly lanes: Map<string, LaneState>;
  phase: 'loading' | 'finishing';
}
const none: LaneCounts = { rowsRead: 0, rowsWritten: 0, rowsRejected: 0, bytes: 0 };
const sum = (all: Iterable<LaneCounts>): Counts => {
  let { rowsRead, rowsWritten, rowsRejected, bytes } = none;
  for (const counts of all) {
    rowsRead += counts.rowsRead;
    rowsWritten += counts.rowsWritten;
    rowsRejected += counts.rowsRejected;
    bytes += counts.bytes;
  }
  return { rowsRead, rowsWritten, rowsRejected, bytes };
};

export class RunProgress {
  readonly #streams = new Map<string, Entry>();
  readonly #moved = new Set<string>();
  #planned = false;

  plan({ lanes, refused }: PlanAnswer): void {
    this.#planned = true;
    for (const { request } of lanes) this.#add(request.stream.id, request.stream.estimate?.rows ?? null);
    for (const { stream, error } of refused) this.#set(this.#add(stream, null), { status: 'failed', error });
  }

  begin({ plan }: LaneTask): void {
    const stream = plan.request.stream.id;
    if (this.#streams.get(stream)?.status === 'pending') this.#set(stream, { status: 'running' });
  }

  note(note: Note): void {
    if (note.kind === 'counts') this.#count(note.stream, note.part, note);
    else if (note.kind === 'phase' && note.phase !== 'planning') this.#set(note.stream, { phase: note.phase });
  }

  /** A part that is done leaves its stream running: whole is what is published. */
  end({ plan, part }: LaneTask, answer: LaneAnswer): void {
    const stream = plan.request.stream.id;
    const { counts, status } = answer;
    this.#count(stream, part, { counts, committed: counts });
    if (status === 'failed') this.#set(stream, { status, error: answer.error });
    else if (status === 'stopped' || status === 'fenced' || status === 'lost') this.#unfinished(stream);
    else if (part === undefined && status !== 'split') this.#set(stream, { status: 'succeeded' });
  }

  /** Its counts begin at zero again: they are those of the load that becomes visible. Answers the rows read in vain. (Invariant 6) */
  startOver({ plan }: LaneTask): number {
    const entry = this.#streams.get(plan.request.stream.id);
    if (entry === undefined) return 0;
    const { rowsRead } = countsOf(entry);
    entry.lanes.clear();
    this.#moved.add(plan.request.stream.id);
    return rowsRead;
  }

  /** The worker of this lane is gone: what it had not committed is not there. (Invariant 6) */
  lost({ plan, part }: LaneTask): void {
    const stream = plan.request.stream.id;
    const { committed } = this.#streams.get(stream)?.lanes.get(part ?? '') ?? { committed: none };
    this.#count(stream, part, { counts: committed, committed });
    this.#unfinished(stream);
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
      : known.reduce<number>((all, rows) => all + (rows ?? 0), 0);
  }
  get counts(): Counts {
    return sum([...this.#streams.values()].map(countsOf));
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
    this.#streams.set(stream, { status: 'pending', error: null, lanes: new Map(), phase: 'loading', estimatedRows });
    this.#moved.add(stream);
    return stream;
  }
  #unfinished(stream: string): void {
    if (this.#streams.get(stream)?.status === 'running') this.#set(stream, { status: 'pending' });
  }
  #count(stream: string, part: string | undefined, { counts, committed }: LaneState): void {
    this.#streams.get(stream)?.lanes.set(part ?? '', { counts, committed });
    this.#moved.add(stream);
  }
  #set(stream: string, change: Partial<Entry>): void {
    const entry = this.#streams.get(stream);
    if (entry === undefined) return;
    Object.assign(entry, change);
    this.#moved.add(stream);
  }
}

const countsOf = ({ lanes }: Entry): Counts => sum([...lanes.values()].map(({ counts }) => counts));
const viewOf = (stream: string, entry: Entry): RunStreamView => {
  const { status, estimatedRows, error } = entry;
  return { stream, status, estimatedRows, error, ...countsOf(entry) };
};
