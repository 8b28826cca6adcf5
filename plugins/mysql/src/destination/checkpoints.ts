/** The lane's row: what was committed last, who holds the lane, and which swap is due. Lives in the destination's database. */
import { type Checkpoint, FencedError, type Lane } from '@sluice/connector-sdk';
import type { Link } from '../link.js';
import { quoteBytes, quotePath, quoteText } from '../quote.js';
import { collation } from './ddl.js';
import type { ForeignKey } from './foreign-keys.js';
import { checkpointTable, hash, laneKey } from './names.js';
import type { Trigger } from './triggers.js';

export interface Shadow {
  readonly stream: string;
  readonly generation: number;
  /** Grows when a change of shape in the middle of a window made a copy. */
  readonly copy: number;
  readonly path: readonly string[];
  /** Rows of it were committed: it must still be there. */
  readonly filled: boolean;
  /** What the target was when this was made after it (see shape.ts); left out when there was none. */
  readonly shape?: string;
}
/** A committed decision: `shadow` takes the place of `target`. */
export interface Swap {
  readonly shadow: readonly string[];
  readonly target: readonly string[];
  /** The rows were brought over with the commit: only the shadow is left to drop. */
  readonly refilled?: boolean;
  /** What goes over to the new table under its own name. */
  readonly triggers?: readonly Trigger[];
  readonly foreignKeys?: readonly ForeignKey[];
}
export interface LaneRow {
  readonly fence: bigint;
  readonly generation: number;
  readonly checkpoint: Checkpoint | undefined;
  readonly due: Swap | undefined;
  readonly shadows: readonly Shadow[];
}

const json = (value: unknown): string => (value === undefined ? 'NULL' : quoteText(JSON.stringify(value)));
const parsed = <T>(cell: string | null | undefined): T | undefined =>
  cell == null ? undefined : (JSON.parse(cell) as T);

export class Checkpoints {
  readonly #table: string;
  constructor(readonly database: string) {
    this.#table = quotePath([database, checkpointTable]);
  }

  async create(link: Link): Promise<void> {
    const single = link.server.flavour === 'singlestore';
    await link.run(
      `CREATE TABLE IF NOT EXISTS ${this.#table} (id BINARY(32) NOT NULL PRIMARY KEY, lane_id BINARY(32) NOT NULL, lane LONGTEXT NOT NULL,` +
        ' part LONGTEXT NULL, fence BIGINT UNSIGNED NOT NULL, generation BIGINT NOT NULL, checkpoint LONGTEXT NULL, due LONGTEXT NULL,' +
        ` shadows LONGTEXT NOT NULL)${single ? '' : ' ENGINE = InnoDB'} DEFAULT CHARACTER SET utf8mb4 COLLATE ${collation(link.server)}`,
    );
  }

  async insert(link: Link, lane: Lane): Promise<void> {
    const values = [
      id(lane),
      hashed(lane.id),
      quoteText(lane.id),
      lane.part === undefined ? 'NULL' : quoteText(lane.part),
    ];
    await link.run(
      `INSERT INTO ${this.#table} (id, lane_id, lane, part, fence, generation, shadows)` +
        ` VALUES (${values.join(', ')}, ${lane.fence}, ${lane.generation}, '[]') ON DUPLICATE KEY UPDATE id = id`,
    );
  }

  /** Locks the row until the transaction ends. */
  async lock(link: Link, lane: Pick<Lane, 'id' | 'part'>): Promise<LaneRow | undefined> {
    const sql = `SELECT fence, generation, checkpoint, due, shadows FROM ${this.#table} WHERE id = ${id(lane)} FOR UPDATE`;
    const [row] = await link.query(sql);
    if (row === undefined) return undefined;
    return {
      fence: BigInt(row[0]!),
      generation: Number(row[1]),
      checkpoint: parsed<Checkpoint>(row[2]),
      due: parsed<Swap>(row[3]),
      shadows: parsed<Shadow[]>(row[4]) ?? [],
    };
  }

  /** As `lock`, for the holder of the lane only. (Invariant 4) */
  async lockAsHolder(link: Link, lane: Lane): Promise<LaneRow> {
    const row = await this.lock(link, lane);
    if (row === undefined || row.fence !== lane.fence || row.generation !== lane.generation) {
      throw new FencedError('Another runner has taken the lane, or the lane is gone.');
    }
    return row;
  }

  async update(link: Link, lane: Lane, row: LaneRow): Promise<void> {
    await link.run(
      `UPDATE ${this.#table} SET fence = ${row.fence}, generation = ${row.generation}, checkpoint = ${json(row.checkpoint)},` +
        ` due = ${json(row.due)}, shadows = ${json(row.shadows)} WHERE id = ${id(lane)}`,
    );
  }

  /** Forgets what the lane's parts have committed, and gives them its fence. Answers their shadow tables. Within a transaction. */
  async forgetParts(link: Link, lane: Lane): Promise<readonly Shadow[]> {
    const parts = `lane_id = ${hashed(lane.id)} AND part IS NOT NULL`;
    const rows = await link.query(`SELECT fence, shadows FROM ${this.#table} WHERE ${parts} FOR UPDATE`);
    if (rows.some(([fence]) => BigInt(fence!) > lane.fence))
      throw new FencedError('Another runner has taken a part of the lane.'); // Invariant 4
    await link.run(
      `UPDATE ${this.#table} SET fence = ${lane.fence}, generation = ${lane.generation}, checkpoint = NULL, shadows = '[]' WHERE ${parts}`,
    );
    return rows.flatMap(([, cell]) => parsed<Shadow[]>(cell) ?? []);
  }

  /** Shadow tables of every part of the lane. */
  async shadowsOf(link: Link, lane: Pick<Lane, 'id'>): Promise<readonly Shadow[]> {
    const rows = await link.query(`SELECT shadows FROM ${this.#table} WHERE lane_id = ${hashed(lane.id)}`);
    return rows.flatMap(([cell]) => parsed<Shadow[]>(cell) ?? []);
  }

  async delete(link: Link, lane: Pick<Lane, 'id'>): Promise<void> {
    await link.run(`DELETE FROM ${this.#table} WHERE lane_id = ${hashed(lane.id)}`);
  }
}

const id = (lane: Pick<Lane, 'id' | 'part'>): string => quoteBytes(Buffer.from(laneKey(lane), 'hex'));
const hashed = (lane: string): string => quoteBytes(Buffer.from(hash(lane), 'hex'));
