import { z } from 'zod';
import {
  ConfigError,
  DataError,
  FencedError,
  LostPositionError,
  codes,
  defineDestination,
} from '@sluice/connector-sdk';
import type {
  Checkpoint,
  Column,
  Data,
  DestinationSession,
  Lane,
  RowData,
  Stream,
  Target,
  Written,
} from '@sluice/connector-sdk';
import { type LaneState, type Notebook, type Table, load, save } from './store.js';

const config = z.strictObject({
  path: z.string().min(1).meta({ title: 'Path', description: 'File to write to.' }),
});

export default defineDestination({
  id: 'notebook',
  title: 'Notebook',
  config,
  can: { modes: ['append', 'replace'], encodings: [], commit: 'atomic', evolve: ['add-column'] },
  open: async ({ path }) => new NotebookSession(path),
});

const nameOf = (target: Target): string => JSON.stringify(target.table);
const keyOf = ({ id, part }: Lane): string => JSON.stringify([id, part ?? null]);

class NotebookSession implements DestinationSession {
  #lane: Lane = { id: '', fence: 0n, generation: 0 };
  #staged: (RowData & { readonly columns: readonly Column[] })[] = [];
  readonly #prepared = new Map<string, { stream: Stream; target: Target }>();
  constructor(readonly path: string) {}

  async check() {
    load(this.path);
    return [];
  }
  accepts() {
    return [];
  }

  /** Taking a lane writes its fence down: from now on a session with a lower one cannot commit. (Invariant 4) */
  async resume(lane: Lane): Promise<Checkpoint | undefined> {
    const notebook = load(this.path);
    const known = notebook.lanes.get(keyOf(lane));
    refuseStale(known, lane);
    this.#lane = lane;
    this.#staged = [];
    const goesOn = known?.generation === lane.generation && !lane.startOver;
    const checkpoint = goesOn ? known.checkpoint : undefined;
    if (lane.startOver) forgetParts(notebook, lane);
    notebook.lanes.set(keyOf(lane), stateOf(lane, checkpoint));
    for (const [key, shadow] of notebook.shadows) {
      const old = shadow.generation < lane.generation || lane.startOver;
      if (shadow.lane === lane.id && old) notebook.shadows.delete(key);
    }
    save(this.path, notebook);
    return checkpoint;
  }

  /** Mode 'replace' never touches the target here: it makes or finds the lane's shadow. */
  async prepare(stream: Stream, target: Target): Promise<readonly string[]> {
    if (target.mode === 'upsert') throw new ConfigError('a notebook has no upsert', { code: codes.unsupported });
    this.#prepared.set(stream.id, { stream, target });
    const notebook = load(this.path);
    const table = this.#table(notebook, stream.id);
    if (!table && target.committed) {
      // Invariant 7: an empty table in its place would lack the rows that the lane goes on behind.
      throw new LostPositionError(`the rows of '${stream.id}' are gone`, nameOf(target), 'no such table');
    }
    this.#put(notebook, stream.id, table ? evolved(table, stream) : { columns: stream.columns, rows: [] });
    save(this.path, notebook);
    return table ? [] : [`make ${nameOf(target)}`];
  }

  /** Stages, where a crash forgets it. A real system stages in a table of its own, and not in memory. (Invariant 10) */
  async write(data: Data): Promise<Written> {
    if (data.kind !== 'rows') throw new ConfigError(`a notebook takes no ${data.kind}`, { code: codes.unsupported });
    // With the columns of now: the stream's shape may change before the commit.
    this.#staged.push({ ...data, columns: this.#prepared.get(data.stream)!.stream.columns });
    return { rows: data.rows.length, bytes: JSON.stringify(data.rows, (_, value: unknown) => String(value)).length };
  }

  /** Data, checkpoint and swap in one rename. (Invariants 1 and 5) */
  async commit(checkpoint: Checkpoint, complete?: string): Promise<void> {
    const notebook = load(this.path);
    refuseStale(notebook.lanes.get(keyOf(this.#lane)), this.#lane);
    for (const { stream, columns, rows } of this.#staged) {
      const table = this.#table(notebook, stream)!;
      const at = table.columns.map(({ name }) => columns.findIndex((column) => column.name === name));
      const added = rows.map((row) => at.map((i) => (i < 0 ? null : row[i])));
      this.#put(notebook, stream, { ...table, rows: [...table.rows, ...added] });
    }
    if (complete !== undefined) this.#swap(notebook, complete);
    notebook.lanes.set(keyOf(this.#lane), stateOf(this.#lane, checkpoint));
    save(this.path, notebook);
    this.#staged = [];
  }

  async drop({ id }: Pick<Lane, 'id'>): Promise<void> {
    const notebook = load(this.path);
    for (const [key, lane] of notebook.lanes) if (lane.id === id) notebook.lanes.delete(key);
    for (const [key, shadow] of notebook.shadows) if (shadow.lane === id) notebook.shadows.delete(key);
    save(this.path, notebook);
  }
  async [Symbol.asyncDispose]() {}

  /** Where the rows of the stream go: its target, or its shadow. */
  #table(notebook: Notebook, stream: string): Table | undefined {
    const { target } = this.#prepared.get(stream)!;
    return target.mode === 'replace'
      ? notebook.shadows.get(this.#shadowKey(stream))
      : notebook.tables.get(nameOf(target));
  }
  #put(notebook: Notebook, stream: string, table: Table): void {
    const { target } = this.#prepared.get(stream)!;
    const { id, generation } = this.#lane;
    if (target.mode === 'replace') notebook.shadows.set(this.#shadowKey(stream), { ...table, lane: id, generation });
    else notebook.tables.set(nameOf(target), table);
  }
  /** Of the lane and the stream, so that all parts of a stream fill one. */
  #shadowKey(stream: string): string {
    return JSON.stringify([this.#lane.id, stream]);
  }
  #swap(notebook: Notebook, stream: string): void {
    const { target } = this.#prepared.get(stream)!;
    const shadow = notebook.shadows.get(this.#shadowKey(stream));
    if (target.mode !== 'replace' || !shadow) return;
    notebook.tables.set(nameOf(target), { columns: shadow.columns, rows: shadow.rows });
    notebook.shadows.delete(this.#shadowKey(stream));
  }
}

function refuseStale(known: LaneState | undefined, lane: Lane): void {
  if (known && known.fence > lane.fence) throw new FencedError('another runner has the lane');
}
/** Parts take the lane's fence: whoever still writes to one must not commit what was forgotten. (Invariant 4) */
function forgetParts(notebook: Notebook, lane: Lane): void {
  const parts = [...notebook.lanes].filter(([, { id }]) => id === lane.id);
  for (const [, known] of parts) refuseStale(known, lane);
  for (const [key] of parts) notebook.lanes.set(key, stateOf(lane, undefined));
}
const stateOf = ({ id, fence, generation }: Lane, checkpoint: Checkpoint | undefined): LaneState => ({
  id,
  fence,
  generation,
  ...(checkpoint ? { checkpoint } : {}),
});

/** Claimed is 'add-column'; any other difference stops the lane, with an error that names it. */
function evolved(table: Table, stream: Stream): Table {
  const refuse = (why: string): never => {
    throw new DataError(`the table of '${stream.id}' ${why}`, { stream: stream.id, code: codes.targetMismatch });
  };
  for (const { name, type, nullable } of table.columns) {
    const coming = stream.columns.find((column) => column.name === name);
    if (!coming && !nullable) refuse(`wants a value in '${name}'`);
    if (coming && coming.type !== type) refuse(`has '${name}' as ${type}, not ${coming.type}`);
  }
  const added = stream.columns.filter(({ name }) => !table.columns.some((column) => column.name === name));
  return { columns: [...table.columns, ...added], rows: table.rows.map((row) => [...row, ...added.map(() => null)]) };
}
