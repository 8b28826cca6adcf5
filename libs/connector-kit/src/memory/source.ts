/** A source over a system in memory: all read modes, one encoding, parts, every rule of the contract. */
import { ConfigError, DataError, LostPositionError, codes, defineSource, streamId } from '@sluice/connector-sdk';
import type {
  Batch,
  Change,
  Checkpoint,
  Context,
  Json,
  Row,
  SourcePlugin,
  SourceSession,
  Stream,
  StreamRequest,
} from '@sluice/connector-sdk';
import type { SourceOptions } from '../options.js';
import type { SourcePeer } from '../peer.js';
import { type MemoryConfig, memoryConfig } from './config.js';
import { encodeRows, jsonLines } from './json-lines.js';
import { type MemoryConnection, MemorySystem, type MemoryTable, memoryPassword } from './system.js';

interface MemorySourceOptions {
  readonly system?: MemorySystem;
  /** Rows per batch. Default 8. */
  readonly batch?: number;
}
/** Bytes of text a batch may hold, whatever `batch` says. */
const maxText = 2 ** 21;

/** A source for tests: `plugin` reads `system`, `peer` fills it, and `options` are all that `conformance` asks for. */
export function memorySource({ system = new MemorySystem(), batch = 8 }: MemorySourceOptions = {}) {
  const plugin: SourcePlugin<MemoryConfig> = defineSource({
    id: 'memory',
    title: 'Memory',
    config: memoryConfig,
    can: { modes: ['full', 'cursor', 'changes'], encodings: [jsonLines.encoding], split: true },
    open: async (config, context) => new MemorySource(system.connect(config), context, batch),
  });
  const config: MemoryConfig = { host: 'here', password: memoryPassword };
  const peer = memorySourcePeer(system);
  const options: SourceOptions = { config, peer, codecs: [jsonLines], faults: memoryFaults(config) };
  return { plugin, system, peer, options };
}

export const memoryFaults = (config: MemoryConfig) => [
  { name: 'wrong password', config: { ...config, password: 'guess' }, code: codes.authentication },
  { name: 'no such host', config: { ...config, host: 'nowhere' }, code: codes.unreachable },
];

function memorySourcePeer(system: MemorySystem): SourcePeer {
  return {
    make: async (table) => system.make(table),
    add: async (path, rows) => {
      const stream = streamId(path);
      system.commit(rows.map((after): Change => ({ op: 'insert', stream, after })));
    },
    drop: async (path) => void system.tables.delete(streamId(path)),
    change: async (changes) => system.commit(changes),
    lose: async () => system.lose(),
    cut: async () => system.cut(),
    leftovers: async () => [...system.connections].map((_, i) => `connection ${i + 1}`),
    fetched: () => system.fetched,
  };
}

const cursorTypes = ['int16', 'int32', 'int64', 'timestamp', 'timestamptz'];
const streamOf = (id: string, table: MemoryTable): Stream => ({
  id,
  path: table.path,
  columns: table.columns.map((column) => ({ ...column, native: column.type })),
  key: table.key,
  modes: ['full', 'cursor', 'changes'],
  cursors: table.columns
    .filter(({ type, nullable }) => cursorTypes.includes(type) && !nullable)
    .map(({ name }) => name),
  estimate: { rows: table.rows.length, bytes: table.rows.length * 100 },
});

/** What is left to read of one stream: rows `from` to `until` of the order that `rows` has. */
interface Window {
  readonly request: StreamRequest;
  readonly rows: readonly Row[];
  readonly from: number;
  readonly until: number;
  /** The position once `to` rows of the window are read. */
  checkpoint(to: number): Checkpoint;
}

class MemorySource implements SourceSession {
  constructor(
    readonly connection: MemoryConnection,
    readonly context: Context,
    readonly batch: number,
  ) {}

  async check() {
    this.connection.use();
    return [];
  }
  async discover(only?: readonly string[]) {
    const all = [...this.connection.use().tables].map(([id, table]) => streamOf(id, table));
    return all.filter(({ id }) => !only || only.includes(id)).sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  async split(stream: Stream, parts: number): Promise<readonly Json[]> {
    const rows = this.#table(stream).rows.length;
    const size = Math.max(1, Math.ceil(rows / parts));
    return Array.from({ length: Math.max(1, Math.ceil(rows / size)) }, (_, i) => ({
      from: i * size,
      until: Math.min(rows, (i + 1) * size),
    }));
  }
  async confirm() {
    this.connection.use();
  }
  async drop() {
    return [];
  }
  async [Symbol.asyncDispose]() {
    this.connection.close();
  }

  async *read(requests: readonly StreamRequest[], after?: Checkpoint): AsyncGenerator<Batch> {
    for (const request of requests) this.#refuse(request);
    if (after && after.v !== 1)
      throw new LostPositionError('this checkpoint was not written by this source', `v ${after.v}`, 'v 1');
    const mode = requests[0]?.mode;
    if (mode === 'changes') yield* this.#changes(requests, after);
    else if (mode === 'cursor') for (const request of requests) yield* this.#window(this.#cursorWindow(request, after));
    else yield* this.#full(requests, after);
  }

  #refuse({ stream, encoding }: StreamRequest): void {
    this.#table(stream);
    if (encoding && encoding !== jsonLines.encoding)
      throw new ConfigError(`encoding '${encoding}' is not offered`, { code: codes.unsupported });
  }
  #table(stream: Stream): MemoryTable {
    const table = this.connection.use().tables.get(stream.id);
    if (!table)
      throw new DataError(`there is no stream '${stream.id}'`, { code: codes.noSuchStream, stream: stream.id });
    return table;
  }

  /** The table's rows in the columns of the request. */
  #rows({ stream }: StreamRequest): Row[] {
    const { columns, rows } = this.#table(stream);
    const at = stream.columns.map(({ name }) => columns.findIndex((column) => column.name === name));
    return rows.map((row) => at.map((i) => row[i]));
  }

  async *#full(requests: readonly StreamRequest[], after?: Checkpoint): AsyncGenerator<Batch> {
    const position = (after ?? { v: 1 }) as Checkpoint & { done?: string[]; at?: number; until?: number };
    const all = requests.every(({ stream }) => position.done?.includes(stream.id));
    const done = all ? [] : [...(position.done ?? [])];
    for (const request of requests.filter(({ stream }) => !done.includes(stream.id))) {
      const [at, until] = all ? [] : [position.at, position.until];
      const part = request.part as { from: number; until: number } | undefined;
      const rows = this.#rows(request);
      const window = { request, rows, from: at ?? part?.from ?? 0, until: until ?? part?.until ?? rows.length };
      const checkpoint = (to: number): Checkpoint => ({ v: 1, done: [...done], at: to, until: window.until });
      yield* this.#window({ ...window, checkpoint });
      if (this.context.signal.aborted) return;
      done.push(request.stream.id);
      yield { kind: 'complete', stream: request.stream.id, checkpoint: { v: 1, done: [...done] } };
    }
  }

  /** Rows above the low mark, up to the greatest value of now, in the order of the cursor. */
  #cursorWindow(request: StreamRequest, after?: Checkpoint): Window {
    const low = (after?.['low'] as Record<string, string> | undefined)?.[request.stream.id];
    const at = request.stream.columns.findIndex(({ name }) => name === request.cursor);
    if (at < 0)
      throw new ConfigError(`'${request.cursor}' is no column of '${request.stream.id}'`, { path: ['cursor'] });
    const mark = (row: Row): string | number => (typeof row[at] === 'string' ? row[at] : Number(row[at]));
    const above = (row: Row) => low === undefined || mark(row) > (JSON.parse(low) as string | number);
    const rows = this.#rows(request)
      .filter(above)
      .sort((a, b) => (mark(a) < mark(b) ? -1 : 1));
    const others = (after?.['low'] ?? {}) as Record<string, string>;
    // A mark may only move past rows of equal value together: the next read begins above it.
    const checkpoint = (to: number): Checkpoint => {
      const tied = to < rows.length && to > 0 && mark(rows[to]!) === mark(rows[to - 1]!);
      const last = tied ? rows.slice(0, to).findLast((row) => mark(row) !== mark(rows[to]!)) : rows[to - 1];
      return { v: 1, low: last ? { ...others, [request.stream.id]: JSON.stringify(mark(last)) } : others };
    };
    return { request, rows, from: 0, until: rows.length, checkpoint };
  }

  async *#window(window: Window): AsyncGenerator<Batch> {
    const { request, until } = window;
    for (let from = window.from; from < until && !this.context.signal.aborted;) {
      const to = this.#end(window, from);
      const rows = window.rows.slice(from, to);
      const whole = request.mode === 'full' || !cutsTie(window, to);
      const checkpoint = whole ? { checkpoint: window.checkpoint(to) } : {};
      if (request.encoding)
        yield {
          kind: 'raw',
          stream: request.stream.id,
          encoding: request.encoding,
          body: this.#body(rows),
          rows: () => rows.length,
          ...checkpoint,
        };
      else yield { kind: 'rows', stream: request.stream.id, rows: this.#fetch(rows), ...checkpoint };
      from = to;
    }
    if (request.mode === 'cursor' && window.rows.length === 0) yield { kind: 'idle', checkpoint: window.checkpoint(0) };
  }
  #end({ rows, until }: Window, from: number): number {
    let text = 0;
    let to = from;
    for (; to < until && to - from < this.batch && text < maxText; to++) {
      for (const value of rows[to] ?? []) text += typeof value === 'string' ? value.length : 8;
    }
    return to;
  }
  #fetch(rows: readonly Row[]): readonly Row[] {
    this.connection.use().fetched += rows.length;
    return rows;
  }
  async *#body(rows: readonly Row[]): AsyncGenerator<Uint8Array> {
    for (const row of rows) {
      this.context.signal.throwIfAborted();
      yield encodeRows(this.#fetch([row]));
    }
  }

  /** From `after`, or from now: its first batch is then the position of now. Ends with the signal only. */
  async *#changes(requests: readonly StreamRequest[], after?: Checkpoint): AsyncGenerator<Batch> {
    const system = this.connection.use();
    const { signal } = this.context;
    let at = after ? Number(after['at']) : system.position;
    if (!after) yield { kind: 'idle', checkpoint: { v: 1, at } };
    while (!signal.aborted) {
      this.connection.use();
      if (at < system.purged) throw new LostPositionError('the log was purged', String(at), String(system.purged));
      if (at === system.position) {
        await system.changed(signal);
        continue;
      }
      const changes = system.log[at - system.purged]!.filter(({ stream }) =>
        requests.some((request) => request.stream.id === stream),
      );
      at += 1;
      if (changes.length === 0) yield { kind: 'idle', checkpoint: { v: 1, at } };
      else yield* this.#transaction(changes, { v: 1, at });
    }
  }
  /** One transaction in bounded batches; the last has its checkpoint. (Invariant 3) */
  *#transaction(changes: readonly Change[], checkpoint: Checkpoint): Generator<Batch> {
    const size = this.batch * 8;
    for (let from = 0; from < changes.length; from += size) {
      const last = from + size >= changes.length;
      yield { kind: 'changes', changes: changes.slice(from, from + size), ...(last ? { checkpoint } : {}) };
    }
  }
}

function cutsTie({ request, rows, until }: Window, to: number): boolean {
  const at = request.stream.columns.findIndex(({ name }) => name === request.cursor);
  return to < until && rows[to]?.[at] === rows[to - 1]?.[at];
}
