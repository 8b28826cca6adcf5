/** What waits for the commit: rows and changes in stages, rows in shadow tables inside the open transaction. */
import {
  type Change,
  ConfigError,
  type Data,
  DataError,
  type Lane,
  type Stream,
  type Target,
  type Written,
  codes,
} from '@sluice/connector-sdk';
import { guard } from '../guard.js';
import type { Link } from '../link.js';
import { quotePath } from '../quote.js';
import { stageChanges } from './changes.js';
import type { LaneRow, Shadow } from './checkpoints.js';
import { withoutForeignKeys } from './foreign-keys.js';
import { type LoadTarget, insertRaw, insertRows, loadRaw, loadRows } from './load.js';
import { type Stage, noChanges, publish } from './publish.js';
import { type Filling, prepareShadow } from './shadow.js';
import { prepareStage } from './stage.js';
import { dropTable } from './swap.js';

type Bulk = Exclude<Data, { kind: 'changes' }>;

export class Staging {
  readonly #stages = new Map<string, Stage>();
  /** Of shapes that a stream had before, with rows that wait for the commit, in order. */
  #earlier: Stage[] = [];
  readonly #fillings = new Map<string, Filling>();
  #inTransaction = false;
  #names = 0;

  constructor(
    readonly control: Link,
    readonly loading: Link,
    readonly localInfile: () => boolean,
  ) {}

  /** Mode 'replace'. */
  async prepareShadow(
    lane: Lane,
    recorded: readonly Shadow[],
    ofParts: readonly Shadow[],
    stream: Stream,
    target: Target,
    path: readonly string[],
  ): Promise<{ filling: Filling; statements: readonly string[] }> {
    const { control, loading } = this;
    const before = this.#fillings.get(stream.id);
    const prepared = await prepareShadow({ control, loading, lane, stream, target, path, recorded, ofParts, before });
    this.#retire(stream.id);
    this.#fillings.set(stream.id, prepared.filling);
    return prepared;
  }

  /** Modes 'append' and 'upsert'. */
  async prepareStage(stream: Stream, target: Target, path: readonly string[]): Promise<readonly string[]> {
    const { control, loading } = this;
    const before = this.#stages.get(stream.id);
    const same = JSON.stringify([before?.load.stream, before?.target]) === JSON.stringify([stream, target]);
    if (same) return [];
    const name = `_sluice_stage_${this.#names++}`;
    const { stage, statements } = await prepareStage({ control, loading, stream, target, path, name });
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

  filling(stream: string): Filling | undefined {
    return this.#fillings.get(stream);
  }

  /** The shadow has taken its target's place. */
  forget(stream: string): void {
    this.#fillings.delete(stream);
  }

  write(data: Data): Promise<Written> {
    return data.kind === 'changes' ? this.#change(data.changes) : this.#take(data);
  }

  async #take(data: Bulk): Promise<Written> {
    const stage = this.#stages.get(data.stream);
    if (stage === undefined) return this.#fill(data);
    const written = await this.#load(stage.load, data);
    stage.rows += written.rows;
    return written;
  }

  /** Of several streams, each by itself: order counts within one key, and a key is of one stream. */
  async #change(changes: readonly Change[]): Promise<Written> {
    const byStream = new Map<string, Change[]>();
    for (const change of changes) {
      const some = byStream.get(change.stream);
      if (some === undefined) byStream.set(change.stream, [change]);
      else some.push(change);
    }
    let bytes = 0;
    for (const [stream, some] of byStream) {
      const stage = this.#stages.get(stream);
      if (stage === undefined) throw this.#noStage(stream);
      bytes += await guard(
        () => stageChanges(this.loading, stage, some, this.localInfile() ? loadRows : insertRows),
        stream,
      );
      stage.rows += some.length;
    }
    return { rows: changes.length, bytes };
  }

  #noStage(stream: string): Error {
    if (!this.#fillings.has(stream)) return new Error(`${stream} was not prepared`);
    return new DataError(`${stream}: changes need mode upsert, not replace.`, { stream, code: codes.unsupported });
  }

  async #fill(data: Bulk): Promise<Written> {
    const filling = this.#fillings.get(data.stream);
    if (filling === undefined) throw new Error(`${data.stream} was not prepared`);
    await this.begin();
    filling.dirty = true;
    const { stream, columns, shadow, foreignKeys } = filling;
    const load = () => this.#load({ stream, columns, path: shadow.path, replace: false }, data);
    return foreignKeys ? withoutForeignKeys(this.loading, load) : load();
  }

  #load(target: LoadTarget, data: Bulk): Promise<Written> {
    if (data.kind === 'rows') return (this.localInfile() ? loadRows : insertRows)(this.loading, target, data.rows);
    if (data.encoding !== 'csv/1') {
      throw new ConfigError(`This destination does not take ${data.encoding}.`, { code: codes.unsupported });
    }
    return (this.localInfile() ? loadRaw : insertRaw)(this.loading, target, data);
  }

  async begin(): Promise<void> {
    if (!this.#inTransaction) await this.loading.run('START TRANSACTION');
    this.#inTransaction = true;
  }

  /** Brings the stages into their targets, inside the transaction of the commit. */
  async publish(): Promise<void> {
    for (const stage of this.#waiting()) await guard(() => publish(this.loading, stage), stage.load.stream.id);
  }

  #waiting(): readonly Stage[] {
    return [...this.#earlier, ...this.#stages.values()].filter((stage) => stage.rows > 0);
  }

  /** The row's shadows as they are once this transaction is committed. */
  filled(row: LaneRow): LaneRow['shadows'] {
    const dirty = [...this.#fillings.values()]
      .filter((filling) => filling.dirty)
      .map(({ shadow }) => ({ ...shadow, filled: true }));
    return [...row.shadows.filter((shadow) => !dirty.some((other) => other.stream === shadow.stream)), ...dirty];
  }

  /** `before`: the row as it was. Drops and empties what has been brought over. */
  async committed(before: LaneRow): Promise<void> {
    this.#inTransaction = false;
    for (const [stream, filling] of this.#fillings) {
      if (!filling.dirty) continue;
      const replaced = before.shadows.filter((shadow) => shadow.stream === stream && shadow.copy < filling.shadow.copy);
      for (const { path } of replaced) await this.control.run(dropTable(path));
      this.#fillings.set(stream, { ...filling, shadow: { ...filling.shadow, filled: true }, dirty: false });
    }
    for (const stage of this.#waiting()) {
      const statement = this.#earlier.includes(stage) ? 'DROP TEMPORARY TABLE' : 'TRUNCATE TABLE';
      await this.loading.run(`${statement} ${quotePath(stage.load.path)}`);
      stage.rows = 0;
      stage.changes = noChanges();
    }
    this.#earlier = [];
  }

  async rollback(): Promise<void> {
    if (!this.#inTransaction || this.loading.lost) return;
    this.#inTransaction = false;
    await this.loading.run('ROLLBACK').catch(() => this.loading.destroy());
  }

  /** What was staged and never committed. */
  async discard(): Promise<void> {
    await this.rollback();
    for (const stage of [...this.#earlier, ...this.#stages.values()]) {
      await this.loading.run(`DROP TEMPORARY TABLE IF EXISTS ${quotePath(stage.load.path)}`);
    }
    this.#earlier = [];
    this.#stages.clear();
    this.#fillings.clear();
  }
}
