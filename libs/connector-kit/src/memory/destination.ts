/** A destination in memory that stages, and commits data and checkpoint as one; it can be told to crash at any step. */
import {
  ConfigError,
  DataError,
  FencedError,
  LostPositionError,
  codes,
  defineDestination,
  streamId,
} from '@sluice/connector-sdk';
import type {
  Change,
  Checkpoint,
  Data,
  DestinationPlugin,
  DestinationSession,
  Lane,
  Row,
  Stream,
  Target,
  Written,
} from '@sluice/connector-sdk';
import type { DestinationOptions } from '../options.js';
import type { DestinationPeer, PeerColumn } from '../peer.js';
import { malformed } from '../values.js';
import { type MemoryConfig, memoryConfig } from './config.js';
import { evolved, shapeOf, withColumns } from './evolve.js';
import { jsonLines } from './json-lines.js';
import { memoryFaults } from './source.js';
import { type MemoryConnection, MemorySystem, type MemoryTable, applyChange, keyOf, memoryPassword } from './system.js';

/** Where a crash can be wanted: before anything is durable, in the middle, or after, when the caller does not learn of it. */
export type CrashPoint = 'write' | 'before-commit' | 'inside-commit' | 'after-commit';

interface LaneState {
  readonly id: string;
  readonly fence: bigint;
  readonly generation: number;
  readonly checkpoint?: Checkpoint;
}
/** What the destination keeps for good: tables, shadows by lane and stream, lanes by id and part. */
export class MemoryStore {
  readonly lanes = new Map<string, LaneState>();
  readonly shadows = new Map<string, MemoryTable & { readonly lane: string; readonly generation: number }>();
  /** Called at every step of a write and a commit: throw from it to crash there. */
  crash: (point: CrashPoint) => void = () => {};
  constructor(readonly system: MemorySystem) {}
}

/** A destination for tests: `plugin` writes to `store.system`, `peer` reads it, `options` are all that `conformance` asks for. */
export function memoryDestination({ system = new MemorySystem() }: { readonly system?: MemorySystem } = {}) {
  const store = new MemoryStore(system);
  const plugin: DestinationPlugin<MemoryConfig> = defineDestination({
    id: 'memory',
    title: 'Memory',
    config: memoryConfig,
    can: {
      modes: ['append', 'upsert', 'replace'],
      encodings: [jsonLines.encoding],
      commit: 'atomic',
      evolve: ['add-column', 'widen'],
    },
    open: async (config) => new MemoryDestination(system.connect(config), store),
  });
  const config: MemoryConfig = { host: 'here', password: memoryPassword };
  const peer = memoryDestinationPeer(store);
  const options: DestinationOptions = { config, peer, codecs: [jsonLines], faults: memoryFaults(config) };
  return { plugin, store, peer, options };
}

function memoryDestinationPeer({ system, shadows }: MemoryStore): DestinationPeer {
  return {
    read: async (path) => system.tables.get(streamId(path)),
    make: async (table) => system.make(table),
    drop: async (path) => void system.tables.delete(streamId(path)),
    tables: async () => [...system.tables.keys(), ...[...shadows.keys()].map((key) => `shadow ${key}`)],
    cut: async () => system.cut(),
    leftovers: async () => [...system.connections].map((_, i) => `connection ${i + 1}`),
  };
}

interface Prepared {
  readonly stream: Stream;
  readonly target: Target;
}
type Staged = { readonly stream: string; readonly columns: readonly PeerColumn[] } & (
  { readonly rows: readonly Row[] } | { readonly change: Change }
);
const laneKey = ({ id, part }: Pick<Lane, 'id' | 'part'>): string => JSON.stringify([id, part ?? null]);
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class MemoryDestination implements DestinationSession {
  #lane: Lane | undefined;
  #staged: Staged[] = [];
  readonly #prepared = new Map<string, Prepared>();
  constructor(
    readonly connection: MemoryConnection,
    readonly store: MemoryStore,
  ) {}

  async check() {
    this.connection.use();
    return [];
  }
  accepts() {
    return [jsonLines.encoding];
  }
  async [Symbol.asyncDispose]() {
    this.connection.close();
  }

  async resume(lane: Lane): Promise<Checkpoint | undefined> {
    this.connection.use();
    this.#staged = [];
    this.#lane = lane;
    const known = this.store.lanes.get(laneKey(lane));
    this.#fenced(known);
    const { id, fence, generation, startOver = false } = lane;
    if (startOver) this.#forgetParts(lane);
    const checkpoint = known?.generation === generation && !startOver ? known.checkpoint : undefined;
    this.store.lanes.set(laneKey(lane), { id, fence, generation, ...(checkpoint ? { checkpoint } : {}) });
    for (const [key, shadow] of this.store.shadows) {
      if (shadow.lane === id && (startOver || shadow.generation < generation)) this.store.shadows.delete(key);
    }
    return checkpoint;
  }
  #forgetParts({ id, fence, generation }: Lane): void {
    const parts = [...this.store.lanes].filter(([, known]) => known.id === id);
    for (const [, known] of parts) this.#fenced(known);
    for (const [key] of parts) this.store.lanes.set(key, { id, fence, generation }); // Invariant 4: with the lane's fence
  }
  #fenced(known: LaneState | undefined): void {
    if (known && this.#lane && known.fence > this.#lane.fence) throw new FencedError('another runner has the lane');
  }

  async prepare(stream: Stream, target: Target): Promise<readonly string[]> {
    const { tables } = this.connection.use();
    const lane = this.#taken();
    if (target.mode === 'upsert' && target.key.length === 0) {
      throw new ConfigError(`'${stream.id}' has no key to upsert by`, { path: ['key'] });
    }
    this.#prepared.set(stream.id, { stream, target });
    const shadow = target.mode === 'replace';
    const key = shadow ? this.#shadowKey(stream.id) : streamId(target.table);
    const old = shadow ? this.store.shadows.get(key) : tables.get(key);
    if (!old && target.committed)
      throw new LostPositionError(`the committed rows of '${stream.id}' are gone`, key, 'no such table'); // Invariant 7
    const table = old ? evolved(old, stream) : shapeOf(stream, target);
    if (shadow) this.store.shadows.set(key, { ...table, lane: lane.id, generation: lane.generation });
    else tables.set(key, table);
    return old ? [] : [`make ${key}`];
  }
  #taken(): Lane {
    if (!this.#lane) throw new Error('resume was not called');
    return this.#lane;
  }
  #shadowKey(stream: string): string {
    return JSON.stringify([this.#taken().id, stream]);
  }

  async write(data: Data): Promise<Written> {
    this.connection.use();
    this.store.crash('write');
    if (data.kind === 'changes') return this.#stageChanges(data.changes);
    if (data.kind === 'rows') return this.#stageRows(data.stream, data.rows);
    return this.#stageRows(data.stream, await decoded(data));
  }
  #stageRows(stream: string, rows: readonly Row[]): Written {
    const { columns } = this.#stream(stream);
    for (const row of rows) accept(stream, columns, row);
    this.#staged.push({ stream, columns, rows: [...rows] });
    return { rows: rows.length, bytes: rows.length * columns.length * 8 };
  }
  #stageChanges(changes: readonly Change[]): Written {
    for (const change of changes) {
      const { columns } = this.#stream(change.stream);
      if (change.op === 'insert') accept(change.stream, columns, change.after);
      this.#staged.push({ stream: change.stream, columns, change });
    }
    return { rows: changes.length, bytes: changes.length * 8 };
  }
  #stream(id: string): Stream {
    const prepared = this.#prepared.get(id);
    if (!prepared) throw new Error(`stream '${id}' was not prepared`);
    return prepared.stream;
  }

  /** All of it is computed on copies and put in place in one step: nothing can come between. (Invariant 1) */
  async commit(checkpoint: Checkpoint, complete?: string): Promise<void> {
    this.connection.use();
    this.store.crash('before-commit');
    await tick();
    const { tables } = this.connection.use();
    const lane = this.#taken();
    this.#fenced(this.store.lanes.get(laneKey(lane))); // Invariant 4: in the step that publishes
    const written = this.#applied();
    this.store.crash('inside-commit');
    for (const [stream, table] of written) {
      const { target } = this.#prepared.get(stream)!;
      if (target.mode !== 'replace') tables.set(streamId(target.table), table);
      else this.store.shadows.set(this.#shadowKey(stream), { ...table, lane: lane.id, generation: lane.generation });
    }
    if (complete !== undefined) this.#swap(complete);
    const { id, fence, generation } = lane;
    this.store.lanes.set(laneKey(lane), { id, fence, generation, checkpoint });
    this.#staged = [];
    this.store.crash('after-commit');
    await tick();
    this.connection.use();
  }
  /** The tables as they will be, by stream. */
  #applied(): Map<string, MemoryTable> {
    const written = new Map<string, MemoryTable>();
    for (const staged of this.#staged) {
      const { stream } = staged;
      const table = written.get(stream) ?? { ...this.#current(stream) };
      written.set(stream, table);
      const fit = (row: Row) => withColumns(table.columns, staged.columns, row);
      if ('change' in staged) applyChange(table, fitted(staged.change, fit));
      else table.rows = this.#added(stream, table, staged.rows.map(fit));
    }
    return written;
  }
  #current(stream: string): MemoryTable {
    const { target } = this.#prepared.get(stream)!;
    const table =
      target.mode === 'replace'
        ? this.store.shadows.get(this.#shadowKey(stream))
        : this.store.system.tables.get(streamId(target.table));
    if (!table) throw new DataError(`the target of '${stream}' is gone`, { stream, code: codes.targetMismatch });
    return table;
  }
  #added(stream: string, table: MemoryTable, rows: readonly Row[]): Row[] {
    const { target } = this.#prepared.get(stream)!;
    if (target.mode !== 'upsert') return [...table.rows, ...rows];
    const key = keyOf({ columns: table.columns, key: target.key });
    return [...new Map([...table.rows, ...rows].map((row) => [key(row), row])).values()];
  }
  /** Invariant 5: the target changes here, and only here. */
  #swap(stream: string): void {
    const { target } = this.#prepared.get(stream)!;
    const key = this.#shadowKey(stream);
    const shadow = this.store.shadows.get(key);
    if (!shadow) return;
    const { path: _, ...rest } = shadow;
    this.store.system.tables.set(streamId(target.table), { ...rest, path: target.table });
    this.store.shadows.delete(key);
  }

  async drop({ id }: Pick<Lane, 'id'>): Promise<void> {
    this.connection.use();
    for (const [key, lane] of this.store.lanes) if (lane.id === id) this.store.lanes.delete(key);
    for (const [key, shadow] of this.store.shadows) if (shadow.lane === id) this.store.shadows.delete(key);
  }
}

/** Throws DataError for a value that is not of its column's type. */
function accept(stream: string, columns: readonly PeerColumn[], row: Row): void {
  columns.forEach((column, i) => {
    const why = malformed(column.type, row[i]);
    if (why) throw new DataError(`column '${column.name}' of '${stream}' takes no such value`, { stream });
  });
}

async function decoded(data: Extract<Data, { kind: 'raw' }>): Promise<Row[]> {
  if (data.encoding !== jsonLines.encoding)
    throw new ConfigError(`encoding '${data.encoding}' is not taken`, { code: codes.unsupported });
  const decoder = jsonLines.decoder([]);
  const rows: Row[] = [];
  for await (const chunk of data.body) rows.push(...parsed(data.stream, () => decoder.push(chunk)));
  return [...rows, ...parsed(data.stream, () => decoder.end())];
}
function parsed(stream: string, parse: () => Row[]): Row[] {
  try {
    return parse();
  } catch (cause) {
    throw new DataError(`a body of '${stream}' is not '${jsonLines.encoding}'`, { stream, cause });
  }
}

function fitted(change: Change, fit: (row: Row) => Row): Change {
  if (change.op === 'insert') return { ...change, after: fit(change.after) };
  if (change.op === 'delete') return { ...change, before: fit(change.before) };
  if (change.op === 'truncate') return change;
  return { ...change, after: fit(change.after), ...(change.before ? { before: fit(change.before) } : {}) };
}
