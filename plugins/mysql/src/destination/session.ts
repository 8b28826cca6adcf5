import {
  type Checkpoint,
  ConfigError,
  type Context,
  type Data,
  type DestinationSession,
  type Lane,
  type Stream,
  type Target,
  type Written,
  codes,
} from '@sluice/connector-sdk';
import type { DestinationConfig } from '../config.js';
import { toSluiceError } from '../errors.js';
import { guard } from '../guard.js';
import type { Link } from '../link.js';
import { quotePath } from '../quote.js';
import { check } from './check.js';
import { Checkpoints, type LaneRow } from './checkpoints.js';
import { dropShadow, record, takeLane } from './lane.js';
import { planPublication, publishShadow } from './refill.js';
import type { Filling } from './shadow.js';
import { Staging } from './staging.js';
import { finishSwap } from './swap.js';

/** What the host drives. Members run one at a time. */
export class MySqlDestination implements DestinationSession {
  readonly #checkpoints: Checkpoints;
  readonly #staging: Staging;
  #lane: Lane | undefined;
  #row: LaneRow | undefined;
  #broken: unknown;

  constructor(
    readonly control: Link,
    readonly loading: Link,
    readonly config: DestinationConfig,
    readonly context: Context,
    /** Whether the server takes LOAD DATA LOCAL. */
    readonly localInfile: boolean,
  ) {
    this.#checkpoints = new Checkpoints(config.database);
    this.#staging = new Staging(control, loading, () => this.localInfile);
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
      await this.#staging.discard();
      this.#broken = undefined;
      this.#row = await takeLane(this.control, this.loading, this.#checkpoints, lane);
      this.#lane = lane;
      return this.#row.checkpoint;
    });
  }

  prepare(stream: Stream, target: Target): Promise<readonly string[]> {
    return guard(async () => {
      const path = this.#path(target);
      quotePath(path); // Refused by name, before the catalogue is asked for it.
      if (target.mode !== 'replace') return this.#staging.prepareStage(stream, target, path);
      return this.#prepareShadow(stream, target, path);
    }, stream.id);
  }

  async #prepareShadow(stream: Stream, target: Target, path: readonly string[]): Promise<readonly string[]> {
    const lane = this.#holder();
    const recorded = this.#row?.shadows ?? [];
    const ofParts = await this.#checkpoints.shadowsOf(this.control, lane);
    const { filling, statements } = await this.#staging.prepareShadow(lane, recorded, ofParts, stream, target, path);
    const { shadow, dirty } = filling;
    const listed = recorded.some(
      (other) => other.stream === stream.id && other.copy >= shadow.copy && other.shape === shadow.shape,
    );
    // A copy made in mid window is recorded with the window's commit: until then it is not the one to go on from.
    if (listed || dirty) return statements;
    const others = (row: LaneRow) => row.shadows.filter(({ path }) => path[1] !== shadow.path[1]);
    const add = (row: LaneRow): LaneRow => ({ ...row, shadows: [...others(row), shadow] });
    this.#row = await record(this.control, this.#checkpoints, lane, add);
    return statements;
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
    if (this.#broken !== undefined) throw toSluiceError(this.#broken);
    try {
      return await this.#staging.write(data);
    } catch (error) {
      // Part of it may stand in the stage: nothing of this session may be committed any more.
      this.#broken = error;
      throw toSluiceError(error, data.kind === 'changes' ? undefined : data.stream);
    }
  }

  async commit(checkpoint: Checkpoint, complete?: string): Promise<void> {
    const lane = this.#holder();
    if (this.#broken !== undefined) throw toSluiceError(this.#broken);
    try {
      const due = complete === undefined ? undefined : this.#staging.filling(complete);
      await this.#commitData(lane, checkpoint, due);
      if (due !== undefined) await this.#swap(lane, due);
    } catch (error) {
      this.#broken = error;
      await this.#staging.rollback();
      throw toSluiceError(error);
    }
  }

  /** Data, checkpoint and the decision to swap, as one. (Invariants 1, 4, 5) */
  async #commitData(lane: Lane, checkpoint: Checkpoint, complete: Filling | undefined): Promise<void> {
    const publication = complete && (await planPublication(this.control, complete));
    await this.#staging.begin();
    const row = await this.#checkpoints.lockAsHolder(this.loading, lane);
    await this.#staging.publish();
    if (publication !== undefined) await publishShadow(this.loading, complete!, publication);
    const due = publication?.due;
    const next: LaneRow = { ...row, checkpoint, due, shadows: this.#staging.filled(row) };
    await this.#checkpoints.update(this.loading, lane, next);
    await this.loading.run('COMMIT');
    this.#row = next;
    await this.#staging.committed(row);
  }

  async #swap(lane: Lane, { stream }: Filling): Promise<void> {
    await finishSwap(this.control, this.loading, this.#checkpoints, lane);
    this.#staging.forget(stream.id);
    const left = (this.#row?.shadows ?? []).filter((shadow) => shadow.stream !== stream.id);
    if (this.#row !== undefined) this.#row = { ...this.#row, due: undefined, shadows: left };
  }

  drop(lane: Pick<Lane, 'id'>): Promise<void> {
    return guard(async () => {
      await this.#checkpoints.create(this.control);
      for (const { path } of await this.#checkpoints.shadowsOf(this.control, lane))
        await dropShadow(this.control, path);
      await this.#checkpoints.delete(this.control, lane);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Staged rows roll back with their connection; the locks must be gone when this returns.
    await this.#staging.rollback();
    await Promise.all([this.control[Symbol.asyncDispose](), this.loading[Symbol.asyncDispose]()]);
  }
}
