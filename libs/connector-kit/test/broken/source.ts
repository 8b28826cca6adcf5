import { ConfigError, isSluiceError } from '@sluice/connector-sdk';
import type {
  Batch,
  Change,
  Checkpoint,
  RawData,
  Row,
  SourcePlugin,
  StreamRequest,
  Value,
} from '@sluice/connector-sdk';
import type { memorySource } from '../../src/index.js';
import { type SourceMutation, bent, rewritten, source } from './mutation.js';

type Healthy = ReturnType<typeof memorySource>;

const text = (bend: (value: string, type: string) => Value) => (value: Value, type: string) =>
  typeof value === 'string' ? bend(value, type) : value;
const values = (bend: (value: Value, type: string) => Value) =>
  source((session) => rewritten(session, (batch, requests) => [bent(batch, requests, bend)]));
const rows = (change: (batch: Extract<Batch, { kind: 'rows' }>) => readonly Batch[]) =>
  source((session) => rewritten(session, (batch) => (batch.kind === 'rows' ? change(batch) : [batch])));
const changes = (change: (changes: readonly Change[]) => readonly Change[]) =>
  source((session) =>
    rewritten(session, (batch) => [batch.kind === 'changes' ? { ...batch, changes: change(batch.changes) } : batch]),
  );
const raw = (change: (batch: RawData & { readonly checkpoint?: Checkpoint }, signal: AbortSignal) => RawData) =>
  source((session, { signal }) =>
    rewritten(session, (batch) => [batch.kind === 'raw' ? { ...batch, ...change(batch, signal) } : batch]),
  );
const claims =
  (can: Partial<SourcePlugin['can']>) =>
  ({ plugin }: Healthy): SourcePlugin => ({ ...plugin, can: { ...plugin.can, ...can } });
const mode = (requests: readonly StreamRequest[]) => requests[0]?.mode;
const timers: NodeJS.Timeout[] = [];
let opened = 0;
let confirmed = true;

async function gathered(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}

const asked: SourceMutation[] = [
  {
    breaks: 'a healthy check',
    fails: ['check/healthy'],
    plugin: source(() => ({ check: async () => [{ code: 'broken', severity: 'error', message: 'It is broken.' }] })),
  },
  {
    breaks: 'findings with a code',
    fails: ['check/healthy'],
    plugin: source(() => ({ check: async () => [{ code: 'Not Kebab', severity: 'warning', message: 'Hm.' }] })),
  },
  {
    breaks: 'a check that leaves nothing',
    fails: ['check/leaves-nothing'],
    plugin: source((session, _, system) => ({
      check: async () => (system.connect({ host: 'here', password: 'open sesame' }), session.check()),
    })),
  },
  {
    breaks: 'authentication',
    fails: ['check/fault wrong password'],
    plugin: ({ plugin, options }) => ({
      ...plugin,
      open: (config, context) =>
        plugin.open(
          { ...(config as object), password: (options.config as { password: string }).password } as never,
          context,
        ),
    }),
  },
  {
    breaks: 'errors of the contract',
    fails: ['check/fault *', 'errors/wrong-secret'],
    plugin: ({ plugin }) => ({
      ...plugin,
      open: (config, context) =>
        plugin.open(config as never, context).catch((error: Error) => {
          throw new Error(error.message);
        }),
    }),
  },
  {
    breaks: 'messages without secrets',
    fails: ['errors/no-secrets'],
    plugin: ({ plugin }) => ({
      ...plugin,
      open: (config, context) =>
        plugin.open(config as never, context).catch((cause: ConfigError) => {
          throw new ConfigError(`login failed with ${JSON.stringify(config)}`, { code: cause.code, cause });
        }),
    }),
  },
  {
    breaks: 'logs without secrets',
    fails: ['errors/no-secrets'],
    plugin: ({ plugin }) => ({
      ...plugin,
      open: (config, context) => {
        context.log('debug', 'connecting', config as never);
        return plugin.open(config as never, context);
      },
    }),
  },
  {
    breaks: 'streams in order',
    fails: ['discover/shape'],
    plugin: source((session) => ({ discover: async (only) => [...(await session.discover(only))].reverse() })),
  },
  {
    breaks: 'ids that say the path',
    fails: ['discover/name with dot', 'discover/name with double quote'],
    plugin: source((session) => ({
      discover: async (only) => {
        const all = (await session.discover()).map((stream) => ({ ...stream, id: stream.path.join('.') }));
        return all.filter(({ id }) => !only || only.includes(id));
      },
    })),
  },
  {
    breaks: 'streams that stay the same',
    fails: ['discover/stable'],
    plugin: source((session) => ({
      discover: async (only) => (await session.discover(only)).map((stream) => ({ ...stream, system: `v${++opened}` })),
    })),
  },
  {
    breaks: 'discover of those asked for',
    fails: ['discover/only'],
    plugin: source((session) => ({ discover: async () => session.discover() })),
  },
];

const read: SourceMutation[] = [
  {
    breaks: 'every row',
    fails: ['read/full', 'read/cursor', 'read/*', 'resume/*', 'reconnect/*', 'types/*', 'parity/*'],
    plugin: rows((batch) => [{ ...batch, rows: batch.rows.filter((row) => row[1] !== null) }]),
  },
  {
    breaks: 'the columns selected',
    fails: ['read/columns'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        const whole = await Promise.all(
          requests.map(async (request) => ({
            ...request,
            stream: (await session.discover([request.stream.id]))[0] ?? request.stream,
          })),
        );
        yield* session.read(whole, after);
      },
    })),
  },
  {
    breaks: 'all streams of a read',
    fails: ['read/two-streams'],
    plugin: source((session) => ({ read: (requests, after) => session.read(requests.slice(0, 1), after) })),
  },
  {
    breaks: 'bounded batches',
    fails: ['read/bounded'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        let wide: Row[] = [];
        for await (const batch of session.read(requests, after)) {
          if (batch.kind === 'rows' && String(batch.rows[0]?.[1]).length > 1000) wide = [...wide, ...batch.rows];
          else {
            if (wide.length > 0 && requests[0]) yield { kind: 'rows', stream: requests[0].stream.id, rows: wide };
            wide = [];
            yield batch;
          }
        }
      },
    })),
  },
  {
    breaks: 'reading no further than asked',
    fails: ['read/not-ahead'],
    plugin: source((session, { signal }) => ({
      read: async function* (requests, after) {
        if (mode(requests) !== 'full' || requests[0]?.encoding) return yield* session.read(requests, after);
        const ahead: Batch[] = [];
        for await (const batch of session.read(requests, after)) ahead.push(batch);
        // A cut connection would be noticed by the next read only: that is no rule.
        for (const batch of ahead) if (!signal.aborted) yield batch;
      },
    })),
  },
  {
    breaks: 'a connection that is free after return()',
    fails: ['read/return', 'raw/*'],
    plugin: source((session) => {
      let busy = false;
      return {
        read: async function* (requests, after) {
          busy = true;
          for await (const batch of session.read(requests, after)) yield batch;
          busy = false;
        },
        discover: async (only) => (busy ? Promise.reject(new Error('busy')) : session.discover(only)),
      };
    }),
  },
  {
    breaks: 'cursor reads of what is new only',
    fails: ['read/cursor-increment'],
    plugin: source((session) => ({
      read: (requests, after) =>
        session.read(
          requests,
          mode(requests) === 'cursor' && after && JSON.stringify(after).includes('60') ? undefined : after,
        ),
    })),
  },
  {
    breaks: 'ties that stay together',
    fails: ['read/cursor-ties'],
    plugin: source((session) =>
      rewritten(session, (batch, [request]) => {
        if (batch.kind !== 'rows' || request?.mode !== 'cursor' || batch.checkpoint) return [batch];
        const at = request.stream.columns.findIndex(({ name }) => name === request.cursor);
        return [
          { ...batch, checkpoint: { v: 1, low: { [batch.stream]: JSON.stringify(Number(batch.rows.at(-1)?.[at])) } } },
        ];
      }),
    ),
  },
  {
    breaks: 'parts that are the whole',
    fails: ['read/split'],
    plugin: source((session) => ({
      split: async (stream, parts) => ((await session.split?.(stream, parts)) ?? []).slice(1),
    })),
  },
  {
    breaks: 'no more parts than asked for',
    fails: ['read/split'],
    plugin: source((session) => ({ split: async (stream, parts) => (await session.split?.(stream, parts * 3)) ?? [] })),
  },
  { breaks: 'the refusal of split', fails: ['read/split-unclaimed'], plugin: claims({ split: false }) },
  {
    breaks: 'the refusal of modes',
    fails: ['read/changes-unclaimed'],
    plugin: (healthy) => {
      const plugin = source((session) => ({
        discover: async (only) =>
          (await session.discover(only)).map((stream) => ({ ...stream, modes: ['full', 'cursor'] })),
      }))(healthy);
      return { ...plugin, can: { ...plugin.can, modes: ['full', 'cursor'] } };
    },
  },
  {
    breaks: 'the refusal of streams that are gone',
    fails: ['read/no-such-stream'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        const known = (await session.discover()).map(({ id }) => id);
        if (requests.every(({ stream }) => known.includes(stream.id))) yield* session.read(requests, after);
      },
    })),
  },
  {
    breaks: "one 'complete'",
    fails: ['complete/*', 'read/split', 'read/two-streams', 'resume/*', 'abort/no-complete'],
    plugin: source((session) => rewritten(session, (batch) => (batch.kind === 'complete' ? [batch, batch] : [batch]))),
  },
  {
    breaks: "'complete' of an empty stream",
    fails: ['complete/empty'],
    plugin: source((session, _, system) =>
      rewritten(session, (batch) =>
        batch.kind === 'complete' && system.tables.get(batch.stream)?.rows.length === 0 ? [] : [batch],
      ),
    ),
  },
  {
    breaks: "'complete' behind the data",
    fails: ['complete/once', 'resume/*', 'reconnect/*', 'abort/*', 'raw/*'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        if (requests[0]?.mode === 'full' && !after && requests.length === 1)
          yield { kind: 'complete', stream: requests[0].stream.id, checkpoint: { v: 1 } };
        for await (const batch of session.read(requests, after))
          if (batch.kind !== 'complete' || after || requests.length > 1) yield batch;
      },
    })),
  },
  {
    breaks: "'complete' of full reads only",
    fails: ['complete/full-only'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        let last: Checkpoint = after ?? { v: 1 };
        for await (const batch of session.read(requests, after)) {
          if ('checkpoint' in batch && batch.checkpoint) last = batch.checkpoint;
          yield batch;
        }
        if (requests[0]?.mode === 'cursor') yield { kind: 'complete', stream: requests[0].stream.id, checkpoint: last };
      },
    })),
  },
];

const checkpoints: SourceMutation[] = [
  {
    breaks: 'checkpoints that are not ahead of the data',
    fails: ['resume/full', 'reconnect/full'],
    plugin: rows((batch) => [
      batch.checkpoint && 'at' in batch.checkpoint
        ? { ...batch, checkpoint: { ...batch.checkpoint, at: Number(batch.checkpoint['at']) + 1 } }
        : batch,
    ]),
  },
  {
    breaks: 'checkpoints that are not behind the data',
    fails: ['resume/full', 'reconnect/full'],
    plugin: rows((batch) => [
      batch.checkpoint && 'at' in batch.checkpoint
        ? { ...batch, checkpoint: { ...batch.checkpoint, at: Number(batch.checkpoint['at']) - 1 } }
        : batch,
    ]),
  },
  {
    breaks: 'checkpoints of JSON',
    fails: ['resume/checkpoints'],
    plugin: rows((batch) => [
      batch.checkpoint ? { ...batch, checkpoint: { ...batch.checkpoint, when: new Date() as never } } : batch,
    ]),
  },
  {
    breaks: 'checkpoints with a version',
    fails: ['resume/checkpoints', 'resume/unknown-version'],
    plugin: source((session) => ({
      ...rewritten(session, (batch) =>
        'checkpoint' in batch && batch.checkpoint
          ? [{ ...batch, checkpoint: { ...batch.checkpoint, v: '1' as never } }]
          : [batch],
      ),
      read: async function* (requests, after) {
        for await (const batch of session.read(requests, after && { ...after, v: 1 }))
          yield 'checkpoint' in batch && batch.checkpoint
            ? { ...batch, checkpoint: { ...batch.checkpoint, v: '1' as never } }
            : batch;
      },
    })),
  },
  {
    breaks: 'a full read that starts anew after a whole one',
    fails: ['resume/anew'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        const done = (after?.['done'] ?? []) as readonly string[];
        if (!requests.every(({ stream }) => done.includes(stream.id))) yield* session.read(requests, after);
      },
    })),
  },
  {
    breaks: 'the refusal of unknown checkpoints',
    fails: ['resume/unknown-version'],
    plugin: source((session) => ({
      read: (requests, after) => session.read(requests, after?.v === 1 ? after : undefined),
    })),
  },
];

const aborts: SourceMutation[] = [
  {
    breaks: 'the abort',
    fails: ['abort/*'],
    plugin: ({ plugin }) => ({
      ...plugin,
      open: (config, context) => plugin.open(config as never, { ...context, signal: new AbortController().signal }),
    }),
  },
  {
    breaks: "no 'complete' after an abort",
    fails: ['abort/no-complete', 'abort/json-lines/1'],
    plugin: source((session, { signal }) => ({
      read: async function* (requests, after) {
        yield* session.read(requests, after);
        if (signal.aborted && requests[0])
          yield { kind: 'complete', stream: requests[0].stream.id, checkpoint: { v: 1 } };
      },
    })),
  },
  {
    breaks: 'a cut body that throws',
    fails: ['abort/json-lines/1'],
    plugin: raw((batch) => ({
      ...batch,
      body: (async function* () {
        try {
          yield* batch.body;
        } catch {
          // Ends as if it were whole.
        }
      })(),
    })),
  },
];

const exact: SourceMutation[] = [
  {
    breaks: 'exact decimals',
    fails: ['types/decimal', 'types/random'],
    plugin: values(
      text((value, type) => (type === 'decimal' && /^-?\d+\.\d{10}$/.test(value) ? Number(value).toFixed(10) : value)),
    ),
  },
  {
    breaks: 'exact 64-bit integers',
    fails: ['types/int64', 'types/random'],
    plugin: values((value, type) => (type === 'int64' && typeof value === 'bigint' ? Number(value) : value)),
  },
  {
    breaks: 'microseconds',
    fails: ['types/time*', 'types/timestamp', 'types/random'],
    plugin: values(text((value, type) => (type.startsWith('time') ? value.replace(/(\.\d{3})\d+/, '$1') : value))),
  },
  {
    breaks: 'time zones',
    fails: ['types/timestamptz', 'types/random'],
    plugin: values(text((value, type) => (type === 'timestamptz' ? value.replace('Z', '') : value))),
  },
  {
    breaks: 'dates before Christ',
    fails: ['types/date'],
    plugin: values(text((value, type) => (type === 'date' ? value.replace(' BC', '') : value))),
  },
  {
    breaks: 'NULL against empty',
    fails: ['types/string', 'types/random'],
    plugin: values((value) => (value === '' ? null : value)),
  },
  {
    breaks: 'NULL against the word',
    fails: ['types/string'],
    plugin: values((value) => (value === 'NULL' ? null : value)),
  },
  {
    breaks: 'characters of four bytes',
    fails: ['types/string', 'types/json', 'types/random'],
    plugin: values(text((value) => value.replaceAll(/[\u{10000}-\u{10ffff}]/gu, '?'))),
  },
  {
    breaks: 'blanks at the end',
    fails: ['types/string', 'types/random'],
    plugin: values(text((value, type) => (type === 'string' ? value.trimEnd() : value))),
  },
  {
    breaks: 'bytes that are no text',
    fails: ['types/bytes', 'types/random'],
    plugin: values((value) =>
      value instanceof Uint8Array ? new Uint8Array(Buffer.from(Buffer.from(value).toString('utf8'))) : value,
    ),
  },
  { breaks: 'infinity', fails: ['types/float*'], plugin: values((value) => (value === Infinity ? null : value)) },
  {
    breaks: 'the sign of zero',
    fails: ['types/float*'],
    plugin: values((value) => (Object.is(value, -0) ? 0 : value)),
  },
  {
    breaks: 'the digits of JSON numbers',
    fails: ['types/json'],
    plugin: values(text((value, type) => (type === 'json' ? JSON.stringify(JSON.parse(value)) : value))),
  },
  {
    breaks: 'one form per value',
    fails: ['telemetry/forms'],
    plugin: values((value, type) => (type === 'int64' && typeof value === 'number' ? BigInt(value) : value)),
  },
  {
    breaks: 'vertical tabs in bytes',
    fails: ['raw/json-lines/1 string', 'raw/json-lines/1 random'],
    plugin: raw((batch) => ({
      ...batch,
      body: (async function* () {
        for await (const chunk of batch.body)
          yield new Uint8Array(Buffer.from(Buffer.from(chunk).toString().replaceAll('\\u000b', 'v')));
      })(),
    })),
  },
  {
    breaks: 'every row of a body',
    fails: ['raw/*', 'resume/json-lines/1', 'telemetry/json-lines/1 rows', 'abort/json-lines/1'],
    plugin: raw((batch) => ({
      ...batch,
      body: (async function* () {
        const all = await gathered(batch.body);
        yield* all.length > 3 ? all.slice(0, -1) : all;
      })(),
    })),
  },
  {
    breaks: 'the count of a body',
    fails: ['telemetry/json-lines/1 rows'],
    plugin: raw((batch) => ({ ...batch, rows: () => batch.rows() + 1 })),
  },
  {
    breaks: 'the refusal of encodings',
    fails: ['raw/unclaimed'],
    plugin: source((session) => ({
      read: (requests, after) =>
        session.read(
          requests.map(({ encoding, ...rest }) => (encoding === 'json-lines/1' ? { ...rest, encoding } : rest)),
          after,
        ),
    })),
  },
];

const followed: SourceMutation[] = [
  {
    breaks: 'deletes',
    fails: ['changes/applied', 'changes/images'],
    plugin: changes((all) => all.filter(({ op }) => op !== 'delete')),
  },
  {
    breaks: 'the order of changes',
    fails: ['changes/applied'],
    plugin: changes((all) => [...all].reverse()),
  },
  {
    breaks: 'the order of transactions',
    fails: ['changes/order'],
    plugin: source((session) => {
      let held: Batch | undefined;
      return rewritten(session, (batch) => {
        if (batch.kind !== 'changes' || batch.changes[0]?.op !== 'update' || batch.changes.length > 1) return [batch];
        const out = held ? [batch, held] : [];
        held = held ? undefined : batch;
        return out;
      });
    }),
  },
  {
    breaks: 'the key of a delete',
    fails: ['changes/applied', 'changes/images'],
    plugin: changes((all) =>
      all.map((change) => (change.op === 'delete' ? { ...change, before: change.before.map(() => null) } : change)),
    ),
  },
  {
    breaks: 'the old key of an update',
    fails: ['changes/images'],
    plugin: changes((all) =>
      all.map((change) =>
        change.op === 'update' ? { op: change.op, stream: change.stream, after: change.after } : change,
      ),
    ),
  },
  {
    breaks: 'positions in the log',
    fails: ['changes/resume', 'confirm/never'],
    plugin: source((session) => ({
      read: (requests, after) =>
        session.read(
          requests,
          after && mode(requests) === 'changes' && Number(after['at']) > 2
            ? { ...after, at: Number(after['at']) - 1 }
            : after,
        ),
    })),
  },
  {
    breaks: 'whole transactions',
    fails: ['transactions/boundary'],
    plugin: source((session) =>
      rewritten(session, (batch) =>
        batch.kind === 'changes' && !batch.checkpoint ? [{ ...batch, checkpoint: { v: 1, at: 0 } }] : [batch],
      ),
    ),
  },
  {
    breaks: 'idle between transactions only',
    fails: ['idle/boundary', 'transactions/boundary'],
    plugin: source((session) =>
      rewritten(session, (batch) =>
        batch.kind === 'changes' && !batch.checkpoint
          ? [batch, { kind: 'idle', checkpoint: { v: 1, at: 0 } }]
          : [batch],
      ),
    ),
  },
  {
    breaks: 'one form in snapshot and change',
    fails: ['parity/snapshot-and-change', 'changes/resume', 'confirm/never'],
    plugin: changes((all) =>
      all.map((change) =>
        change.op === 'insert' && change.after[0] === 20
          ? { ...change, after: change.after.map((value) => (value === '19.50' ? '19.5000001' : value)) }
          : change,
      ),
    ),
  },
  {
    breaks: 'lost positions that are said',
    fails: ['lost-position/changes'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        try {
          yield* session.read(requests, after);
        } catch (error) {
          if (!isSluiceError(error, 'lost-position') || after?.v !== 1) throw error;
          yield* session.read(requests);
        }
      },
    })),
  },
  {
    breaks: 'a source that lives without confirm',
    fails: ['confirm/never'],
    plugin: source((session) => ({
      confirm: async () => void (confirmed = true),
      read: async function* (requests, after) {
        if (mode(requests) !== 'changes' || !after) return yield* session.read(requests, after);
        if (!confirmed && after.v === 1) throw new Error('not confirmed');
        for await (const batch of session.read(requests, after)) {
          if (batch.kind === 'changes' && batch.checkpoint) confirmed = false;
          yield batch;
        }
      },
    })),
    after: () => void (confirmed = true),
  },
];

const ends: SourceMutation[] = [
  {
    breaks: 'TransientError of a lost connection',
    fails: ['reconnect/*'],
    plugin: source((session) => ({
      read: async function* (requests, after) {
        try {
          yield* session.read(requests, after);
        } catch (error) {
          if (isSluiceError(error, 'transient')) throw new Error('socket hang up');
          throw error;
        }
      },
    })),
  },
  {
    breaks: 'timers that end',
    fails: ['leaks/process'],
    timeout: 7000,
    plugin: source(() => {
      timers.push(setInterval(() => {}, 10_000));
      return {};
    }),
    after: () => timers.splice(0).forEach((timer) => clearInterval(timer)),
  },
  {
    breaks: 'connections that are closed',
    fails: ['leaks/system', 'check/leaves-nothing'],
    plugin: source(() => ({ [Symbol.asyncDispose]: async () => {} })),
  },
  {
    breaks: 'disposing of a cut session',
    fails: ['reconnect/*'],
    plugin: source((session, _, system) => ({
      [Symbol.asyncDispose]: async () => {
        const broken = [...system.connections].some((connection) => connection.broken);
        await session[Symbol.asyncDispose]();
        if (broken) throw new Error('already closed');
      },
    })),
  },
];

export const sourceMutations: readonly SourceMutation[] = [
  ...asked,
  ...read,
  ...checkpoints,
  ...aborts,
  ...exact,
  ...followed,
  ...ends,
];
