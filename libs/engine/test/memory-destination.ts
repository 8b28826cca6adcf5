/** A destination that stages, commits and swaps as the contract says, in memory, with points to crash at. */
import {
  FencedError,
  LostPositionError,
  TransientError,
  type Checkpoint,
  type Data,
  type DestinationSession,
  type Encoding,
  type Lane,
  type Row,
  type Stream,
  type Target,
} from '@sluice/connector-sdk';

export type CrashPoint = 'open' | 'resume' | 'forgotten' | 'prepare' | 'write' | 'before-commit' | 'after-commit';
interface LaneState {
  fence: bigint;
  generation: number;
  checkpoint: Checkpoint | undefined;
}
/** What outlives sessions. */
export class MemoryDatabase {
  readonly tables = new Map<string, Row[]>();
  readonly shadows = new Map<string, Row[]>();
  readonly lanes = new Map<string, LaneState>();
  readonly statements: string[] = [];
  /** Everything that happened, in order. */
  readonly events: string[] = [];
  swaps = 0;
  open = 0;
  encodings: readonly Encoding[] = [];
  /** Answers an error to throw at this point, once or often. */
  crash: (point: CrashPoint) => Error | undefined = () => undefined;
  /** Rows that `write` says it took less than it did. */
  lose = 0;

  rows(table: string): Row[] {
    return this.tables.get(table) ?? [];
  }
  at(point: CrashPoint): void {
    const error = this.crash(point);
    if (error !== undefined) throw error;
  }
  connect(): DestinationSession {
    this.at('open');
    this.open++;
    return new MemoryDestination(this);
  }
}

class MemoryDestination implements DestinationSession {
  #lane: Lane | undefined;
  #target: Target | undefined;
  #staged: Row[] = [];
  constructor(private readonly db: MemoryDatabase) {}

  async check(): Promise<readonly never[]> {
    return [];
  }
  async resume(lane: Lane): Promise<Checkpoint | undefined> {
    this.db.at('resume');
    const key = keyOf(lane);
    const known = this.db.lanes.get(key);
    if (known !== undefined && known.fence > lane.fence) throw new FencedError('a higher fence is known');
    if (lane.startOver === true) this.#forget(lane);
    const checkpoint = known?.generation === lane.generation && lane.startOver !== true ? known.checkpoint : undefined;
    if (checkpoint === undefined && lane.part === undefined) this.db.shadows.delete(lane.id);
    this.db.lanes.set(key, { fence: lane.fence, generation: lane.generation, checkpoint });
    this.#lane = lane;
    this.#staged = [];
    return checkpoint;
  }
  #forget(lane: Lane): void {
    this.db.events.push(`start over ${lane.id}`);
    this.db.shadows.delete(lane.id);
    for (const [key, known] of this.db.lanes)
      if (key.startsWith(`${lane.id}#`)) this.db.lanes.set(key, { ...known, fence: lane.fence, checkpoint: undefined });
    this.db.at('forgotten');
  }
  accepts(): readonly Encoding[] {
    return this.db.encodings;
  }
  async prepare(stream: Stream, target: Target): Promise<readonly string[]> {
    this.db.at('prepare');
    this.#target = target;
    this.db.events.push(`prepare ${stream.id}`);
    if (target.mode === 'replace') {
      const { id } = this.#lane!;
      if (this.db.shadows.has(id)) return [];
      refuseGone(stream, target);
      this.db.shadows.set(id, []);
      return [`CREATE shadow of ${table(target)}`];
    }
    if (this.db.tables.has(table(target))) return [];
    refuseGone(stream, target);
    this.db.tables.set(table(target), []);
    return [`CREATE ${table(target)}`];
  }
  async write(data: Data): Promise<{ rows: number; bytes: number }> {
    const rows = data.kind === 'raw' ? await readRaw(data.body) : data.kind === 'rows' ? data.rows : [];
    this.db.at('write');
    this.db.events.push(`write ${rows.length}`);
    this.#staged.push(...rows);
    return { rows: rows.length - this.db.lose, bytes: rows.length * 10 };
  }
  async commit(checkpoint: Checkpoint, complete?: string): Promise<void> {
    this.db.at('before-commit');
    const lane = this.#lane!;
    const state = this.db.lanes.get(keyOf(lane))!;
    if (state.fence > lane.fence) throw new FencedError('a higher fence is known');
    if (this.#target?.mode === 'replace') this.#commitShadow(lane, this.#target, complete);
    else if (this.#target !== undefined) this.#apply(this.#target);
    state.checkpoint = checkpoint;
    this.#staged = [];
    this.db.events.push(complete === undefined ? 'commit' : `commit ${complete}`);
    this.db.at('after-commit');
  }
  #commitShadow(lane: Lane, target: Target, complete: string | undefined): void {
    const shadow = this.db.shadows.get(lane.id)!;
    shadow.push(...this.#staged);
    if (complete === undefined) return;
    this.db.tables.set(table(target), shadow);
    this.db.shadows.delete(lane.id);
    this.db.swaps++;
  }
  #apply(target: Target): void {
    const rows = this.db.tables.get(table(target))!;
    for (const row of this.#staged) {
      const at = target.mode === 'upsert' ? rows.findIndex(([key]) => key === row[0]) : -1;
      if (at < 0) rows.push(row);
      else rows[at] = row;
    }
  }
  async drop(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {
    this.db.open--;
    this.#staged = [];
  }
}
function refuseGone({ id }: Stream, target: Target): void {
  if (target.committed === true) throw new LostPositionError(`rows of ${id} are gone`, table(target), 'no such table');
}
const keyOf = ({ id, part }: Pick<Lane, 'id' | 'part'>): string => (part === undefined ? id : `${id}#${part}`);
const table = (target: Target): string => target.table.join('.');

/** The test's encoding 'lines/1': one number per line. */
async function readRaw(body: AsyncIterable<Uint8Array>): Promise<Row[]> {
  const parts: Uint8Array[] = [];
  for await (const chunk of body) parts.push(chunk);
  const text = Buffer.concat(parts).toString();
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => [Number(line)]);
}

/** An error of the kind that is tried again, `times` times at `point`. */
export function failing(
  point: CrashPoint,
  times = 1,
  make = (): Error => new TransientError('cut'),
): MemoryDatabase['crash'] {
  let left = times;
  return (at) => (at === point && left-- > 0 ? make() : undefined);
}
