import { FencedError, TransientError, isSluiceError } from '@sluice/connector-sdk';
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
  Value,
} from '@sluice/connector-sdk';
import type { MemoryStore, memoryDestination } from '../../src/index.js';
import { type DestinationMutation, bentRow, destination } from './mutation.js';

type Healthy = ReturnType<typeof memoryDestination>;
type Bend = (value: Value, type: string) => Value;

const claims =
  (can: Partial<DestinationPlugin['can']>) =>
  ({ plugin }: Healthy): DestinationPlugin => ({ ...plugin, can: { ...plugin.can, ...can } });

/** Remembers what was prepared and which lane was taken: most broken rules need to know. */
class Memo {
  lane: Lane | undefined;
  readonly prepared = new Map<string, { stream: Stream; target: Target }>();
  constructor(readonly session: DestinationSession) {}
  watch(changed: Partial<DestinationSession>): Partial<DestinationSession> {
    return {
      resume: async (lane) => {
        this.lane = lane;
        return (changed.resume ?? this.session.resume.bind(this.session))(lane);
      },
      prepare: async (stream, target) => {
        this.prepared.set(stream.id, { stream, target });
        return (changed.prepare ?? this.session.prepare.bind(this.session))(stream, target);
      },
      ...Object.fromEntries(Object.entries(changed).filter(([name]) => name !== 'resume' && name !== 'prepare')),
    };
  }
  target(id: string): Target {
    return this.prepared.get(id)!.target;
  }
}
const memo = (change: (memo: Memo, session: DestinationSession, store: MemoryStore) => Partial<DestinationSession>) =>
  destination((session, store) => {
    const watched = new Memo(session);
    return watched.watch(change(watched, session, store));
  });

/** What is written, rewritten on its way. */
const written = (change: (data: Data, memo: Memo) => Data) =>
  memo((watched, session) => ({ write: async (data) => session.write(change(data, watched)) }));
const rows = (change: (rows: readonly Row[], memo: Memo, stream: string) => readonly Row[]) =>
  written((data, watched) =>
    data.kind === 'rows' ? { ...data, rows: change(data.rows, watched, data.stream) } : data,
  );
const values = (bend: Bend) =>
  rows((all, watched, id) => all.map((row) => bentRow(watched.prepared.get(id)!.stream, row, bend)));
const changes = (change: (changes: readonly Change[]) => readonly Change[]) =>
  written((data) => (data.kind === 'changes' ? { ...data, changes: change(data.changes) } : data));
const body = (change: (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) =>
  written((data) => (data.kind === 'raw' ? { ...data, body: change(data.body) } : data));
const tableOf = (target: Target): string => target.table.join('.');
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const timers: NodeJS.Timeout[] = [];

const modes: DestinationMutation[] = [
  {
    breaks: 'append, by replacing',
    fails: [
      'append/*',
      'upsert/*',
      'lanes/*',
      'fence/commit',
      'commit/*',
      'replace/*',
      'evolve/*',
      'prepare/idempotent',
      'transactions/*',
      'reconnect/write',
      'start-over/shadow',
      'committed/*',
    ],
    plugin: memo((_, session, { system }) => ({
      resume: async (lane) => {
        for (const table of system.tables.values()) table.rows = [];
        return session.resume(lane);
      },
    })),
  },
  {
    breaks: 'equal rows without a key',
    fails: ['append/keyless'],
    plugin: rows((all) => [...new Map(all.map((row) => [String(row), row])).values()]),
  },
  {
    breaks: 'upsert, by appending',
    fails: ['upsert/rows', 'upsert/last-wins', 'upsert/composite-key'],
    plugin: memo((_, session) => ({
      prepare: async (stream, target) =>
        session.prepare(
          stream,
          target.mode === 'upsert' && target.key.length > 0 ? { ...target, mode: 'append' } : target,
        ),
    })),
  },
  {
    breaks: 'the last version of a key',
    fails: ['upsert/last-wins'],
    plugin: rows((all, watched, id) => (watched.target(id).mode === 'upsert' ? [...all].reverse() : all)),
  },
  {
    breaks: 'keys of two columns',
    fails: ['upsert/composite-key'],
    plugin: memo((_, session) => ({
      prepare: async (stream, target) => session.prepare(stream, { ...target, key: target.key.slice(-1) }),
    })),
  },
  {
    breaks: 'the refusal to upsert without a key',
    fails: ['upsert/needs-key'],
    plugin: memo((_, session) => ({
      prepare: async (stream, target) =>
        session.prepare(
          stream,
          target.key.length === 0 && target.mode === 'upsert' ? { ...target, mode: 'append' } : target,
        ),
    })),
  },
  { breaks: 'the refusal of modes', fails: ['replace/unclaimed'], plugin: claims({ modes: ['append', 'upsert'] }) },
  { breaks: 'the refusal to upsert', fails: ['upsert/unclaimed'], plugin: claims({ modes: ['append', 'replace'] }) },
];

const commits: DestinationMutation[] = [
  {
    breaks: 'staging, by committing each write',
    fails: ['commit/*', 'changes/*', 'unchanged/*', 'transactions/one-over-many', 'fence/commit', 'reconnect/write'],
    plugin: memo((watched, session) => {
      let last: Checkpoint | undefined;
      return {
        resume: async (lane) => (last = await session.resume(lane)),
        write: async (data) => {
          const answer = await session.write(data);
          const stream = 'stream' in data ? data.stream : data.changes[0]!.stream;
          if (watched.target(stream).mode !== 'replace') await session.commit(last ?? { v: 1, n: 0 });
          return answer;
        },
        commit: async (checkpoint, complete) => session.commit((last = checkpoint), complete),
      };
    }),
  },
  {
    breaks: 'discarding what was never committed',
    fails: [
      'commit/discard',
      'fence/commit',
      'replace/*',
      'prepare/idempotent',
      'evolve/add-column',
      'reconnect/write',
    ],
    plugin: (healthy) => {
      const left = new Map<string, Data[]>();
      return memo((watched, session) => ({
        write: async (data) => {
          if (data.kind !== 'raw') left.set(watched.lane!.id, [...(left.get(watched.lane!.id) ?? []), data]);
          return session.write(data);
        },
        prepare: async (stream, target) => {
          const answer = await session.prepare(stream, target);
          const old = left.get(watched.lane!.id) ?? [];
          left.set(watched.lane!.id, []);
          for (const data of old) await session.write(data);
          return answer;
        },
        commit: async (checkpoint, complete) => {
          await session.commit(checkpoint, complete);
          left.set(watched.lane!.id, []);
        },
      }))(healthy);
    },
  },
  {
    breaks: 'the text of a checkpoint',
    fails: [
      'commit/checkpoint',
      'commit/idle',
      'lanes/*',
      'fence/commit',
      'replace/*',
      'reconnect/write',
      'start-over/checkpoints',
      'committed/dropped',
    ],
    plugin: destination((session) => ({
      commit: async (checkpoint, complete) =>
        session.commit({ ...checkpoint, text: String(checkpoint['text']).replaceAll('\u{1f41f}', '?') }, complete),
    })),
  },
  {
    breaks: 'a commit with nothing staged',
    fails: [
      'commit/idle',
      'lanes/own-checkpoints',
      'replace/invisible',
      'replace/empty',
      'replace/anew',
      'replace/*',
      'start-over/fence',
      'start-over/shadow',
    ],
    plugin: memo((_, session) => {
      let staged = false;
      return {
        write: async (data) => {
          staged = true;
          return session.write(data);
        },
        commit: async (checkpoint, complete) => {
          if (staged) await session.commit(checkpoint, complete);
          staged = false;
        },
      };
    }),
  },
  {
    breaks: 'data and checkpoint as one',
    fails: ['commit/cut'],
    plugin: memo((_, session) => {
      let last: Checkpoint = { v: 1, n: 0 };
      return {
        resume: async (lane) => {
          const at = await session.resume(lane);
          last = at ?? { v: 1, n: 0 };
          return at;
        },
        commit: async (checkpoint, complete) => {
          await session.commit(last);
          await pause(3);
          await session.commit(checkpoint, complete);
          last = checkpoint;
        },
      };
    }),
  },
  {
    breaks: 'a checkpoint that waits for its data',
    fails: ['commit/cut', 'replace/cut'],
    plugin: memo((watched, session, store) => ({
      commit: async (checkpoint, complete) => {
        const { id, fence, generation, part } = watched.lane!;
        const key = JSON.stringify([id, part ?? null]);
        if ((store.lanes.get(key)?.fence ?? 0n) > fence) throw new FencedError('taken');
        store.lanes.set(key, { id, fence, generation, checkpoint });
        await tick();
        await session.commit(checkpoint, complete);
      },
    })),
  },
  {
    breaks: 'checkpoints of parts',
    fails: ['lanes/own-checkpoints', 'replace/parts', 'start-over/shadow'],
    plugin: destination((session) => ({ resume: async ({ part: _, ...lane }) => session.resume(lane) })),
  },
  {
    breaks: 'a second lane in one session',
    fails: ['lanes/switch', 'start-over/fence'],
    plugin: destination((session) => {
      let taken: Lane | undefined;
      return { resume: async (lane) => session.resume((taken ??= lane)) };
    }),
  },
  {
    breaks: 'generations',
    fails: ['lanes/generation', 'replace/*'],
    plugin: destination((session) => ({ resume: async (lane) => session.resume({ ...lane, generation: 1 }) })),
  },
  { breaks: 'drop', fails: ['lanes/drop', 'replace/dropped'], plugin: destination(() => ({ drop: async () => {} })) },
  {
    breaks: 'drop, by taking the target along',
    fails: ['lanes/drop', 'replace/dropped'],
    plugin: memo((watched, session, { system }) => ({
      drop: async (lane) => {
        await session.drop(lane);
        for (const { target } of watched.prepared.values()) system.tables.delete(tableOf(target));
      },
    })),
  },
  {
    breaks: 'the fence, when a lane is taken',
    fails: ['fence/resume', 'start-over/fence'],
    plugin: destination((session, store) => ({
      resume: async (lane) => {
        const known = store.lanes.get(JSON.stringify([lane.id, lane.part ?? null]))?.fence ?? 0n;
        return session.resume(known > lane.fence ? { ...lane, fence: known } : lane);
      },
    })),
  },
  {
    breaks: 'the fence, at commit',
    fails: ['fence/commit', 'start-over/fence'],
    plugin: memo((watched, session, store) => ({
      commit: async (checkpoint, complete) => {
        const key = JSON.stringify([watched.lane!.id, watched.lane!.part ?? null]);
        const held = store.lanes.get(key)!;
        store.lanes.set(key, { ...held, fence: 0n });
        await session.commit(checkpoint, complete);
        const now = store.lanes.get(key)!;
        store.lanes.set(key, { ...now, fence: held.fence });
      },
    })),
  },
  {
    breaks: 'the class of a stale commit',
    fails: ['fence/*', 'start-over/fence'],
    plugin: destination((session) => {
      const hide = (error: unknown): never => {
        throw isSluiceError(error, 'fenced') ? new Error('duplicate key') : error;
      };
      return {
        resume: (lane) => session.resume(lane).catch(hide),
        commit: (checkpoint, complete) => session.commit(checkpoint, complete).catch(hide),
      };
    }),
  },
];

const replaces: DestinationMutation[] = [
  {
    breaks: 'the wait for complete',
    fails: ['replace/*', 'start-over/shadow', 'committed/replace'],
    plugin: memo((watched, session) => ({
      commit: async (checkpoint, complete) => {
        const stream = [...watched.prepared.values()].find(({ target }) => target.mode === 'replace')?.stream.id;
        await session.commit(checkpoint, complete ?? stream);
      },
    })),
  },
  {
    breaks: 'a target that prepare leaves alone',
    fails: ['replace/*', 'start-over/shadow'],
    plugin: memo((_, session, { system }) => ({
      prepare: async (stream, target) => {
        const table = system.tables.get(tableOf(target));
        if (target.mode === 'replace' && table) table.rows = [];
        return session.prepare(stream, target);
      },
    })),
  },
  {
    breaks: 'an empty load',
    fails: ['replace/empty'],
    plugin: memo((watched, session, { system }) => ({
      commit: async (checkpoint, complete) => {
        const key = complete === undefined ? '' : tableOf(watched.target(complete));
        const before = system.tables.get(key);
        await session.commit(checkpoint, complete);
        if (before && system.tables.get(key)?.rows.length === 0) system.tables.set(key, before);
      },
    })),
  },
  {
    breaks: 'a load that begins with nothing',
    fails: ['replace/*', 'start-over/shadow'],
    plugin: memo((watched, session, { system }) => {
      let fresh = false;
      return {
        resume: async (lane) => {
          const at = await session.resume(lane);
          fresh = at === undefined;
          return at;
        },
        prepare: async (stream, target) => {
          const ran = await session.prepare(stream, target);
          const old = system.tables.get(tableOf(target));
          if (fresh && target.mode === 'replace' && old && old.columns.length === stream.columns.length) {
            await session.write({ kind: 'rows', stream: stream.id, rows: old.rows });
          }
          fresh = false;
          return ran;
        },
      };
    }),
  },
  {
    breaks: 'a clean end of a load',
    fails: ['replace/no-shadow'],
    plugin: memo((watched, session, { system }) => ({
      commit: async (checkpoint, complete) => {
        const key = complete === undefined ? undefined : tableOf(watched.target(complete));
        const old = key === undefined ? undefined : system.tables.get(key);
        await session.commit(checkpoint, complete);
        if (old) system.tables.set(`${key}_old`, old);
      },
    })),
  },
  {
    breaks: 'the shadow that a crash leaves',
    fails: ['replace/resume', 'start-over/shadow', 'committed/replace'],
    plugin: memo((_, session, store) => ({
      resume: async (lane) => {
        for (const shadow of store.shadows.values())
          if (shadow.lane === lane.id && lane.part === undefined && lane.fence > BigInt(lane.generation))
            shadow.rows = [];
        return session.resume(lane);
      },
    })),
  },
  {
    breaks: 'one shadow for all parts',
    fails: ['replace/parts', 'start-over/shadow'],
    plugin: memo((watched, session, store) => ({
      prepare: async (stream, target) => {
        const ran = await session.prepare(stream, target);
        if (watched.lane?.part !== undefined)
          for (const shadow of store.shadows.values()) if (shadow.lane === watched.lane.id) shadow.rows = [];
        return ran;
      },
    })),
  },
  {
    breaks: 'a shape that only the shadow gets',
    fails: ['replace/schema'],
    plugin: memo((_, session, { system }) => ({
      prepare: async (stream, target) => {
        const table = system.tables.get(tableOf(target));
        const added = stream.columns.filter(({ name }) => !table?.columns.some((column) => column.name === name));
        if (target.mode === 'replace' && table && added.length > 0) {
          table.columns = [...table.columns, ...added];
          table.rows = table.rows.map((row) => [...row, ...added.map(() => null)]);
        }
        return session.prepare(stream, target);
      },
    })),
  },
  {
    breaks: 'a swap and its checkpoint as one',
    fails: ['replace/cut'],
    plugin: memo((watched, session, { lanes, system }) => ({
      commit: async (checkpoint, complete) => {
        const key = JSON.stringify([watched.lane!.id, watched.lane!.part ?? null]);
        const before = lanes.get(key)!;
        await session.commit(checkpoint, complete);
        if (complete === undefined) return;
        const after = lanes.get(key)!;
        lanes.set(key, before);
        await pause(3);
        if ([...system.connections].some(({ broken }) => broken)) throw new TransientError('cut');
        lanes.set(key, after);
      },
    })),
  },
];

const forgetting: DestinationMutation[] = [
  {
    breaks: 'starting over, by going on',
    fails: ['start-over/*'],
    plugin: destination((session) => ({ resume: async ({ startOver: _, ...lane }) => session.resume(lane) })),
  },
  {
    breaks: 'starting over, by answering undefined and keeping what was committed',
    fails: ['start-over/checkpoints', 'start-over/shadow', 'start-over/fence'],
    plugin: destination((session) => ({
      resume: async ({ startOver = false, ...lane }) => {
        const at = await session.resume(lane);
        return startOver ? undefined : at;
      },
    })),
  },
  {
    breaks: 'the fence, when a lane is started over',
    fails: ['start-over/fence'],
    plugin: destination((session, store) => ({
      resume: async (lane) => {
        const at = await session.resume(lane);
        for (const [key, { id }] of store.lanes) if (lane.startOver && id === lane.id) store.lanes.delete(key);
        return at;
      },
    })),
  },
  {
    breaks: 'the fence of parts, when their lane is started over',
    fails: ['start-over/fence'],
    plugin: destination((session, store) => ({
      resume: async (lane) => {
        const before = [...store.lanes].filter(([, { id }]) => lane.startOver && id === lane.id);
        const at = await session.resume(lane);
        for (const [key, { id, fence, generation }] of before)
          if (!key.endsWith('null]')) store.lanes.set(key, { id, fence, generation });
        return at;
      },
    })),
  },
  {
    breaks: 'the checkpoints of parts, when their lane is started over',
    fails: ['start-over/checkpoints', 'start-over/shadow'],
    plugin: destination((session, store) => ({
      resume: async (lane) => {
        const before = [...store.lanes].filter(([key, { id }]) => id === lane.id && !key.endsWith('null]'));
        const at = await session.resume(lane);
        if (!lane.startOver) return at;
        for (const [key, { checkpoint }] of before)
          store.lanes.set(key, { ...store.lanes.get(key)!, ...(checkpoint ? { checkpoint } : {}) });
        return at;
      },
    })),
  },
  {
    breaks: 'the shadow, when its lane is started over',
    fails: ['start-over/shadow'],
    plugin: destination((session, store) => ({
      resume: async (lane) => {
        const before = [...store.shadows].filter(([, shadow]) => lane.startOver && shadow.lane === lane.id);
        const at = await session.resume(lane);
        for (const [key, shadow] of before) store.shadows.set(key, shadow);
        return at;
      },
    })),
  },
  {
    breaks: 'the loss of rows that were committed, by an empty table in their place',
    fails: ['committed/*'],
    plugin: memo((_, session) => ({
      prepare: async (stream, { committed: __, ...target }) => session.prepare(stream, target),
    })),
  },
  {
    breaks: 'the loss of a shadow that was committed, by an empty one in its place',
    fails: ['committed/replace'],
    plugin: memo((_, session) => ({
      prepare: async (stream, { committed, ...target }) =>
        session.prepare(stream, target.mode !== 'replace' && committed ? { ...target, committed } : target),
    })),
  },
  {
    breaks: 'rows that are gone, by making a table before it says so',
    fails: ['committed/*'],
    plugin: memo((_, session) => ({
      prepare: (stream, target) =>
        session.prepare(stream, target).catch(async (error: unknown) => {
          if (isSluiceError(error, 'lost-position'))
            await session.prepare(stream, { table: target.table, mode: 'append', key: [] });
          throw error;
        }),
    })),
  },
];

const shapes: DestinationMutation[] = [
  {
    breaks: 'a prepare that may be repeated',
    fails: ['prepare/idempotent', 'evolve/add-column'],
    plugin: memo((watched, session) => {
      let calls = 0;
      return {
        prepare: async (stream, target) => {
          if (++calls === 3 || (calls === 2 && target.mode === 'append' && stream.columns.length > 4))
            await session.resume(watched.lane!);
          return session.prepare(stream, target);
        },
      };
    }),
  },
  {
    breaks: 'new columns, by leaving them out',
    fails: ['evolve/add-column'],
    plugin: memo((_, session, { system }) => ({
      prepare: async (stream, target) => {
        const before = system.tables.get(tableOf(target));
        const ran = await session.prepare(stream, target);
        if (before && target.mode === 'append') system.tables.set(tableOf(target), { ...before, rows: before.rows });
        return ran;
      },
    })),
  },
  {
    breaks: 'the refusal of new columns',
    fails: ['evolve/add-column unclaimed'],
    plugin: claims({ evolve: ['widen'] }),
  },
  {
    breaks: 'wider types, by cutting values',
    fails: ['evolve/widen a longer string'],
    plugin: memo((watched, session, { system }) => ({
      write: async (data) => {
        if (data.kind !== 'rows' || tableOf(watched.target(data.stream)) !== 'kit_changed') return session.write(data);
        const rows =
          system.tables.get('kit_changed')?.rows.length === 0
            ? data.rows
            : data.rows.map((row) =>
                row.map((value) => (typeof value === 'string' && /^x+$/.test(value) ? value.slice(0, 5) : value)),
              );
        return session.write({ ...data, rows });
      },
    })),
  },
  {
    breaks: 'the refusal of other types, by NULL',
    fails: ['evolve/retype'],
    plugin: memo((_, session, { system }) => ({
      prepare: async (stream, target) => {
        const table = system.tables.get(tableOf(target));
        const old = table?.columns.find(({ name }) => name === 'v');
        if (old?.type !== 'int32' || stream.columns[1]?.type !== 'string') return session.prepare(stream, target);
        return session.prepare(
          {
            ...stream,
            columns: stream.columns.map((column) => (column.name === 'v' ? { ...column, type: 'int32' } : column)),
          },
          target,
        );
      },
      write: async (data) =>
        session.write(
          data.kind === 'rows'
            ? { ...data, rows: data.rows.map((row) => (row[1] === 'no number' ? [row[0], null] : row)) }
            : data,
        ),
    })),
  },
  {
    breaks: 'columns by name',
    fails: ['prepare/other-columns'],
    plugin: memo((watched, session, { system }) => ({
      commit: async (checkpoint, complete) => {
        await session.commit(checkpoint, complete);
        const table = system.tables.get('kit_rows');
        if (table?.columns[0]?.name === 'extra') table.rows = table.rows.map((row) => [...row].reverse());
      },
    })),
  },
  {
    breaks: 'required columns, by making values up',
    fails: ['prepare/required-column'],
    plugin: memo((_, session, { system }) => ({
      prepare: async (stream, target) => {
        const table = system.tables.get(tableOf(target));
        if (table)
          table.columns = table.columns.map((column) =>
            column.name === 'extra' ? { ...column, nullable: true } : column,
          );
        return session.prepare(stream, target);
      },
    })),
  },
  {
    breaks: 'names, by cutting them',
    fails: ['prepare/name with three hundred characters'],
    plugin: memo((_, session) => ({
      prepare: async (stream, target) =>
        session.prepare(stream, { ...target, table: target.table.map((name) => name.slice(0, 63)) }),
    })),
  },
  {
    breaks: 'the case of names',
    fails: ['prepare/name with mixed case', 'prepare/name with semicolon'],
    plugin: memo((_, session) => ({
      prepare: async (stream, target) =>
        session.prepare(stream, { ...target, table: target.table.map((name) => name.toLowerCase()) }),
    })),
  },
];

const changed: DestinationMutation[] = [
  {
    breaks: 'deletes',
    fails: ['changes/delete*', 'telemetry/changes'],
    plugin: changes((all) => all.filter(({ op }) => op !== 'delete')),
  },
  {
    breaks: 'keys that move',
    fails: ['changes/moved-key'],
    plugin: changes((all) =>
      all.map((change) =>
        change.op === 'update' ? { op: change.op, stream: change.stream, after: change.after } : change,
      ),
    ),
  },
  {
    breaks: 'the order of changes',
    fails: ['changes/order'],
    plugin: changes((all) => [...all.filter(({ op }) => op !== 'delete'), ...all.filter(({ op }) => op === 'delete')]),
  },
  {
    breaks: 'values that were not sent',
    fails: ['unchanged/kept', 'unchanged/after-staged'],
    plugin: changes((all) =>
      all.map((change) =>
        change.op === 'update' ? { ...change, after: change.after.map((value) => value ?? null) } : change,
      ),
    ),
  },
  {
    breaks: 'NULL against not sent',
    fails: ['unchanged/null-clears'],
    plugin: changes((all) =>
      all.map((change) =>
        change.op === 'update' ? { ...change, after: change.after.map((value) => value ?? undefined) } : change,
      ),
    ),
  },
  {
    breaks: 'truncate',
    fails: ['changes/truncate'],
    plugin: changes((all) => all.filter(({ op }) => op !== 'truncate')),
  },
  {
    breaks: 'inserts',
    fails: ['changes/insert', 'changes/order', 'changes/truncate', 'transactions/one-over-many', 'telemetry/changes'],
    plugin: changes((all) => all.filter(({ op }) => op !== 'insert')),
  },
];

const exact: DestinationMutation[] = [
  {
    breaks: 'exact decimals',
    fails: ['types/decimal', 'types/random'],
    plugin: values((value, type) =>
      type === 'decimal' && /^-?\d+\.\d{10}$/.test(String(value)) ? Number(value).toFixed(10) : value,
    ),
  },
  {
    breaks: 'exact 64-bit integers',
    fails: ['types/int64', 'types/random', 'evolve/widen int32 to int64'],
    plugin: values((value) => (typeof value === 'bigint' ? Number.MAX_SAFE_INTEGER : value)),
  },
  {
    breaks: 'microseconds',
    fails: ['types/time*', 'types/random'],
    plugin: values((value, type) =>
      type.startsWith('time')
        ? String(value)
            .replace(/(\.\d{3})\d+/, '$1')
            .replace('null', '12:00:00')
        : value,
    ),
  },
  {
    breaks: 'NULL against empty',
    fails: ['types/string', 'types/random'],
    plugin: values((value) => (value === '' ? null : value)),
  },
  {
    breaks: 'every byte',
    fails: ['types/bytes', 'types/random'],
    plugin: values((value) => (value instanceof Uint8Array ? value.filter((byte) => byte !== 0) : value)),
  },
  {
    breaks: 'infinity',
    fails: ['types/float*'],
    plugin: values((value) => (value === Infinity ? Number.MAX_VALUE : value)),
  },
  {
    breaks: 'chunk edges that mean nothing',
    fails: ['raw/json-lines/1 edges'],
    plugin: body(async function* (chunks) {
      for await (const chunk of chunks)
        if (chunk.length > 10 || chunk.includes(10)) yield chunk.length > 10 ? chunk : Uint8Array.of(10);
    }),
  },
  {
    breaks: 'torn bodies that throw',
    fails: ['raw/json-lines/1 torn'],
    plugin: body(async function* (chunks) {
      try {
        yield* chunks;
      } catch {
        yield Uint8Array.of();
      }
    }),
  },
  {
    breaks: 'garbage that is refused',
    fails: ['raw/json-lines/1 garbage', 'raw/json-lines/1 edges'],
    plugin: body(async function* (chunks) {
      for await (const chunk of chunks) if (!chunk.includes(0xfe) && chunk[0] === 0x5b) yield chunk;
    }),
  },
  {
    breaks: 'bodies that are given back',
    fails: ['raw/json-lines/1 garbage'],
    plugin: body((chunks) => {
      const inner = chunks[Symbol.asyncIterator]();
      return { [Symbol.asyncIterator]: () => ({ next: () => inner.next() }) };
    }),
  },
  {
    breaks: 'vertical tabs in bytes',
    fails: ['raw/json-lines/1 string', 'raw/json-lines/1 random'],
    plugin: body(async function* (chunks) {
      for await (const chunk of chunks)
        yield new Uint8Array(Buffer.from(Buffer.from(chunk).toString('latin1').replaceAll('\\u000b', 'v'), 'latin1'));
    }),
  },
  {
    breaks: 'the count of rows',
    fails: ['telemetry/*'],
    plugin: destination((session) => ({ write: async (data) => ({ ...(await session.write(data)), rows: 1 }) })),
  },
  {
    breaks: 'the count of bytes',
    fails: ['telemetry/*'],
    plugin: destination((session) => ({ write: async (data) => ({ ...(await session.write(data)), bytes: 0 }) })),
  },
  {
    breaks: 'the refusal of encodings',
    fails: ['raw/unclaimed'],
    plugin: destination((session) => ({
      write: async (data) =>
        data.kind === 'raw' && data.encoding !== 'json-lines/1' ? { rows: 1, bytes: 3 } : session.write(data),
    })),
  },
];

const ends: DestinationMutation[] = [
  {
    breaks: 'TransientError of a lost connection',
    fails: ['reconnect/write', 'commit/cut', 'replace/cut'],
    plugin: destination((session) => {
      const hide = (error: unknown): never => {
        throw isSluiceError(error, 'transient') ? new Error('socket hang up') : error;
      };
      return {
        write: (data) => session.write(data).catch(hide),
        commit: (checkpoint, complete) => session.commit(checkpoint, complete).catch(hide),
      };
    }),
  },
  {
    breaks: 'timers that end',
    fails: ['leaks/process'],
    timeout: 7000,
    plugin: destination(() => {
      timers.push(setInterval(() => {}, 10_000));
      return {};
    }),
    after: () => timers.splice(0).forEach((timer) => clearInterval(timer)),
  },
  {
    breaks: 'connections that are closed',
    fails: ['leaks/system', 'check/leaves-nothing'],
    plugin: destination(() => ({ [Symbol.asyncDispose]: async () => {} })),
  },
  {
    breaks: 'a check that leaves nothing',
    fails: ['check/leaves-nothing'],
    plugin: destination((session, { system }) => ({
      check: async () => {
        system.make({ path: ['_check'], columns: [], key: [], rows: [] });
        return session.check();
      },
    })),
  },
  {
    breaks: 'statements without secrets',
    fails: ['errors/no-secrets'],
    plugin: destination((session) => ({
      prepare: async (stream, target) => [
        ...(await session.prepare(stream, target)),
        "CREATE USER MAPPING ... PASSWORD 'open sesame'",
      ],
    })),
  },
];

export const destinationMutations: readonly DestinationMutation[] = [
  ...modes,
  ...commits,
  ...replaces,
  ...forgetting,
  ...shapes,
  ...changed,
  ...exact,
  ...ends,
];
