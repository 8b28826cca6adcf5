import {
  type Checkpoint,
  ConfigError,
  type Context,
  type Data,
  type DestinationSession,
  FencedError,
  type Lane,
  type Stream,
  type Target,
  type Written,
  codes,
  defineDestination,
} from '@sluice/connector-sdk';
import { type DestinationConfig, destinationConfig } from '../config.js';
import { toSluiceError } from '../errors.js';
import { guard } from '../guard.js';
import { type Link, openLink } from '../link.js';
import { quotePath } from '../quote.js';
import { variants } from '../variants.js';
import { check } from './check.js';
import { Checkpoints, type LaneRow } from './checkpoints.js';
import { type LoadTarget, insertRaw, insertRows, loadRaw, loadRows } from './load.js';
import { type Stage, publish } from './publish.js';
import { type Filling, prepareShadow } from './shadow.js';
import { prepareStage } from './stage.js';
import { dropTable, finishSwap, inTransaction, settle } from './swap.js';

export const destination = defineDestination<DestinationConfig>({
  id: 'mysql',
  title: 'MySQL',
  variants,
  config: destinationConfig,
  can: { modes: ['append', 'upsert', 'replace'], encodings: ['csv/1'], commit: 'atomic', evolve: ['add-column'] },
  open: (config, context) => guard(() => open(config, context)),
});

/** Two connections: rows are staged in an open transaction on one, which DDL would commit; DDL and locks have the other. */
async function open(config: DestinationConfig, context: Context): Promise<DestinationSession> {
  const options = { variant: context.variant, withoutDatabase: true };
  const control = await openLink(config, options);
  try {
    const loading = await openLink(config, { ...options, localFiles: true });
    for (const link of [control, loading]) await settings(link);
    const [row] = await control.query('SELECT @@local_infile');
    return new MySqlDestination(control, loading, config, context, row?.[0] === '1');
  } catch (error) {
    control.destroy();
    throw error;
  }
}

/** The default is a day or a year: a table that someone holds would stop the run without a word. */
async function settings(link: Link): Promise<void> {
  if (link.server.flavour !== 'singlestore')
    await link.run('SET SESSION lock_wait_timeout = 60, SESSION innodb_lock_wait_timeout = 60');
}

class MySqlDestination implements DestinationSession {
  readonly #checkpoints: Checkpoints;
  readonly #stages = new Map<string, Stage>();
  /** Of shapes that a stream had before, with rows that wait for the commit, in order. */
  #earlier: Stage[] = [];
  readonly #fillings = new Map<string, Filling>();
  #lane: Lane | undefined;
  #row: LaneRow | undefined;
  #inTransaction = false;
  #names = 0;
  #broken: unknown;

  constructor(
    readonly control: Link,
    readonly loading: Link,
    readonly config: DestinationConfig,
    readonly context: Context,
    readonly localInfile: boolean,
  ) {
    this.#checkpoints = new Checkpoints(config.database);
  }

  check() {
    return guard(() =>
      check({ link: this.control, config: this.config, variant: this.context.variant, localInfile: this.localInfile }),
    );
  }

  accepts() {
    return this.localInfile ? (['csv/1'] as const) : [];
  }

  resume(lane: Lane): Promise<Checkpoint | undefined> {
    return guard(async () => {
      await this.#discard();
      await this.#checkpoints.create(this.control);
      await this.#checkpoints.insert(this.control, lane);
      const row = await inTransaction(this.control, () => this.#take(lane));
      this.#lane = lane;
      this.#row = await this.#dropStale(lane, row);
      return this.#row.checkpoint;
    });
  }

  async #take(lane: Lane): Promise<LaneRow> {
    const found = await this.#checkpoints.lock(this.control, lane);
    if (found === undefined || found.fence > lane.fence || found.generation > lane.generation) {
      throw new FencedError('Another runner has taken the lane.'); // Invariant 4
    }
    const settled = await settle(this.loading, found);
    const fresh = settled.generation < lane.generation;
    const checkpoint = fresh ? undefined : settled.checkpoint;
    const row: LaneRow = { ...settled, fence: lane.fence, generation: lane.generation, checkpoint };
    await this.#checkpoints.update(this.control, lane, row);
    return row;
  }

  /** After the commit that forgot them: a crash in between leaves tables, never a checkpoint without its table. */
  async #dropStale(lane: Lane, row: LaneRow): Promise<LaneRow> {
    const stale = row.shadows.filter((shadow) => shadow.generation !== lane.generation);
    if (stale.length === 0) return row;
    for (const { path } of stale) await this.loading.run(dropTable(path));
    return this.#record(lane, (now) => ({
      ...now,
      shadows: now.shadows.filter((shadow) => shadow.generation === lane.generation),
    }));
  }

  #record(lane: Lane, change: (row: LaneRow) => LaneRow): Promise<LaneRow> {
    return inTransaction(this.control, async () => {
      const row = change(await this.#checkpoints.lockAsHolder(this.control, lane));
      await this.#checkpoints.update(this.control, lane, row);
      return row;
    });
  }

  prepare(stream: Stream, target: Target): Promise<readonly string[]> {
    return guard(
      () => (target.mode === 'replace' ? this.#prepareShadow(stream, target) : this.#prepareStage(stream, target)),
      stream.id,
    );
  }

  async #prepareShadow(stream: Stream, target: Target): Promise<readonly string[]> {
    const lane = this.#holder();
    const before = this.#fillings.get(stream.id);
    const { control, loading } = this;
    const recorded = this.#row?.shadows ?? [];
    const path = this.#path(target);
    const { filling, statements } = await prepareShadow({
      control,
      loading,
      lane,
      stream,
      target,
      path,
      recorded,
      before,
    });
    this.#retire(stream.id);
    this.#fillings.set(stream.id, filling);
    const listed = recorded.some((shadow) => shadow.stream === stream.id && shadow.copy >= filling.shadow.copy);
    // A copy made in mid window is recorded with the window's commit: until then it is not the one to go on from.
    if (!listed && !filling.dirty)
      this.#row = await this.#record(lane, (row) => ({ ...row, shadows: [...row.shadows, filling.shadow] }));
    return statements;
  }

  async #prepareStage(stream: Stream, target: Target): Promise<readonly string[]> {
    const { control, loading } = this;
    const before = this.#stages.get(stream.id);
    if (
      before !== undefined &&
      JSON.stringify([before.load.stream, before.target]) === JSON.stringify([stream, target])
    )
      return [];
    const name = `_sluice_stage_${this.#names++}`;
    const { stage, statements } = await prepareStage({
      control,
      loading,
      stream,
      target,
      path: this.#path(target),
      name,
    });
    this.#retire(stream.id);
    this.#fillings.delete(stream.id);
    this.#stages.set(stream.id, stage);
    return statements;
  }

  /** The stream takes another shape or mode: what is staged in the old one still goes with the next commit. */
  #retire(stream: string): void {
    const stage = this.#stages.get(stream);
    if (stage !== undefined && stage.rows > 0) this.#earlier.push(stage);
    this.#stages.delete(stream);
  }

  #path({ table }: Target): readonly string[] {
    if (table.length === 2) return table;
    if (table.length === 1) return [this.config.database, table[0]!];
    throw new ConfigError('A target table is named by itself, or by its database and itself.', {
      code: codes.targetMismatch,
    });
  }

  #holder(): Lane {
    if (this.#lane === undefined) throw new Error('resume comes before prepare, write and commit');
    return this.#lane;
  }

  async write(data: Data): Promise<Written> {
    this.#holder();
    if (this.#broken !== undefined) throw this.#broken;
    if (data.kind === 'changes') {
      throw new ConfigError('This destination does not take changes yet.', { code: codes.unsupported });
    }
    try {
      const stage = this.#stages.get(data.stream);
      if (stage !== undefined) {
        const written = await this.#load(stage.load, data);
        stage.rows += written.rows;
        return written;
      }
      return await this.#fill(data);
    } catch (error) {
      // Part of it may stand in the stage: nothing of this session may be committed any more.
      this.#broken = error;
      throw toSluiceError(error, data.stream);
    }
  }

  async #fill(data: Exclude<Data, { kind: 'changes' }>): Promise<Written> {
    const filling = this.#fillings.get(data.stream);
    if (filling === undefined) throw new Error(`${data.stream} was not prepared`);
    await this.#begin();
    filling.dirty = true;
    const { stream, columns, shadow } = filling;
    return this.#load({ stream, columns, path: shadow.path, replace: false }, data);
  }

  #load(target: LoadTarget, data: Exclude<Data, { kind: 'changes' }>): Promise<Written> {
    if (data.kind === 'rows') return (this.localInfile ? loadRows : insertRows)(this.loading, target, data.rows);
    if (data.encoding !== 'csv/1') {
      throw new ConfigError(`This destination does not take ${data.encoding}.`, { code: codes.unsupported });
    }
    return (this.localInfile ? loadRaw : insertRaw)(this.loading, target, data);
  }

  async #begin(): Promise<void> {
    if (!this.#inTransaction) await this.loading.run('START TRANSACTION');
    this.#inTransaction = true;
  }

  async commit(checkpoint: Checkpoint, complete?: string): Promise<void> {
    const lane = this.#holder();
    if (this.#broken !== undefined) throw toSluiceError(this.#broken);
    try {
      const due = complete === undefined ? undefined : this.#fillings.get(complete);
      await this.#commitData(lane, checkpoint, due);
      if (due !== undefined) await this.#swap(lane, due);
    } catch (error) {
      this.#broken = error;
      await this.#rollback();
      throw toSluiceError(error);
    }
  }

  /** Data, checkpoint and the decision to swap, as one. (Invariants 1, 4, 5) */
  async #commitData(lane: Lane, checkpoint: Checkpoint, complete: Filling | undefined): Promise<void> {
    await this.#begin();
    const row = await this.#checkpoints.lockAsHolder(this.loading, lane);
    const stages = [...this.#earlier, ...this.#stages.values()].filter((stage) => stage.rows > 0);
    for (const stage of stages) await guard(() => publish(this.loading, stage), stage.load.stream.id);
    const due = complete === undefined ? undefined : { shadow: complete.shadow.path, target: complete.target };
    const next: LaneRow = { ...row, checkpoint, due, shadows: this.#filled(row) };
    await this.#checkpoints.update(this.loading, lane, next);
    await this.loading.run('COMMIT');
    this.#inTransaction = false;
    this.#row = next;
    await this.#afterCommit(row, stages);
  }

  #filled(row: LaneRow): LaneRow['shadows'] {
    const dirty = [...this.#fillings.values()]
      .filter((filling) => filling.dirty)
      .map(({ shadow }) => ({ ...shadow, filled: true }));
    return [...row.shadows.filter((shadow) => !dirty.some((other) => other.stream === shadow.stream)), ...dirty];
  }

  async #afterCommit(before: LaneRow, stages: readonly Stage[]): Promise<void> {
    for (const [stream, filling] of this.#fillings) {
      if (!filling.dirty) continue;
      const replaced = before.shadows.filter((shadow) => shadow.stream === stream && shadow.copy < filling.shadow.copy);
      for (const { path } of replaced) await this.control.run(dropTable(path));
      this.#fillings.set(stream, { ...filling, shadow: { ...filling.shadow, filled: true }, dirty: false });
    }
    for (const stage of stages) {
      const statement = this.#earlier.includes(stage) ? 'DROP TEMPORARY TABLE' : 'TRUNCATE TABLE';
      await this.loading.run(`${statement} ${quotePath(stage.load.path)}`);
      stage.rows = 0;
    }
    this.#earlier = [];
  }

  async #swap(lane: Lane, filling: Filling): Promise<void> {
    await finishSwap(this.control, this.loading, this.#checkpoints, lane);
    this.#fillings.delete(filling.stream.id);
    const left = (this.#row?.shadows ?? []).filter((shadow) => shadow.stream !== filling.stream.id);
    if (this.#row !== undefined) this.#row = { ...this.#row, due: undefined, shadows: left };
  }

  async #rollback(): Promise<void> {
    if (!this.#inTransaction || this.loading.lost) return;
    this.#inTransaction = false;
    await this.loading.run('ROLLBACK').catch(() => this.loading.destroy());
  }

  /** What was staged and never committed. */
  async #discard(): Promise<void> {
    await this.#rollback();
    for (const stage of [...this.#earlier, ...this.#stages.values()]) {
      await this.loading.run(`DROP TEMPORARY TABLE IF EXISTS ${quotePath(stage.load.path)}`);
    }
    this.#earlier = [];
    this.#stages.clear();
    this.#fillings.clear();
    this.#broken = undefined;
  }

  drop(lane: Pick<Lane, 'id'>): Promise<void> {
    return guard(async () => {
      await this.#checkpoints.create(this.control);
      for (const { path } of await this.#checkpoints.shadowsOf(this.control, lane))
        await this.control.run(dropTable(path));
      await this.#checkpoints.delete(this.control, lane);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Staged rows roll back with their connection; the locks must be gone when this returns.
    await this.#rollback();
    await Promise.all([this.control[Symbol.asyncDispose](), this.loading[Symbol.asyncDispose]()]);
  }
}
