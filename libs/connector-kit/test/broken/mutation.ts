/** A healthy plugin of the kit with one rule broken, and the cases that must notice. */
import type {
  Batch,
  Context,
  DestinationPlugin,
  DestinationSession,
  Row,
  SourcePlugin,
  SourceSession,
  Stream,
  StreamRequest,
  Value,
} from '@sluice/connector-sdk';
import {
  type MemoryStore,
  type MemorySystem,
  memoryDestination,
  memorySource,
  runConformance,
} from '../../src/index.js';

/** `breaks` says which rule; `fails` are the cases that must fail, and no others: 'types/*' stands for one or more of a suite. */
export interface Mutation<Plugin> {
  readonly breaks: string;
  readonly fails: readonly string[];
  readonly plugin: Plugin;
  /** Ends what the broken plugin leaves running. */
  readonly after?: () => void;
  /** Milliseconds a case may take. Default 4000. */
  readonly timeout?: number;
}
type SourceChange = (session: SourceSession, context: Context, system: MemorySystem) => Partial<SourceSession>;
type DestinationChange = (
  session: DestinationSession,
  store: MemoryStore,
  context: Context,
) => Partial<DestinationSession>;

/** The same seed for all: what is random must not decide which case fails. */
const seed = 20_261_121;

export type SourceMutation = Mutation<(healthy: ReturnType<typeof memorySource>) => SourcePlugin>;
export type DestinationMutation = Mutation<(healthy: ReturnType<typeof memoryDestination>) => DestinationPlugin>;

/** Ids of the cases that fail for a source broken in this way. */
export async function sourceFailures({ plugin, after, timeout = 4000 }: SourceMutation): Promise<string[]> {
  const healthy = memorySource();
  const report = await runConformance(plugin(healthy), { ...healthy.options, seed, timeout });
  after?.();
  return report.failed;
}
export async function destinationFailures({ plugin, after, timeout = 4000 }: DestinationMutation): Promise<string[]> {
  const healthy = memoryDestination();
  const report = await runConformance(plugin(healthy), { ...healthy.options, seed, timeout });
  after?.();
  return report.failed;
}

/** The source with members of its sessions replaced. */
export const source =
  (change: SourceChange) =>
  ({ plugin, system }: ReturnType<typeof memorySource>): SourcePlugin => ({
    ...plugin,
    open: async (config, context) => {
      const session = await plugin.open(config as never, context);
      return delegate<SourceSession>(session, change(session, context, system));
    },
  });
export const destination =
  (change: DestinationChange) =>
  ({ plugin, store }: ReturnType<typeof memoryDestination>): DestinationPlugin => ({
    ...plugin,
    open: async (config, context) => {
      const session = await plugin.open(config as never, context);
      return delegate<DestinationSession>(session, change(session, store, context));
    },
  });

function delegate<Session extends object>(session: Session, changed: Partial<Session>): Session {
  return new Proxy(session, {
    get: (target, member) => {
      if (Object.hasOwn(changed, member)) return Reflect.get(changed, member) as unknown;
      const value: unknown = Reflect.get(target, member);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A read whose batches are rewritten: each into none, one or several. */
export const rewritten = (
  session: SourceSession,
  rewrite: (batch: Batch, requests: readonly StreamRequest[]) => readonly Batch[],
): Partial<SourceSession> => ({
  read: async function* (requests, after) {
    for await (const batch of session.read(requests, after)) yield* rewrite(batch, requests);
  },
});

/** The rows of a batch with their values rewritten, by column. */
export const bent = (
  batch: Batch,
  requests: readonly StreamRequest[],
  bend: (value: Value, type: string) => Value,
): Batch => {
  if (batch.kind !== 'rows') return batch;
  const stream = requests.find((request) => request.stream.id === batch.stream)!.stream;
  return { ...batch, rows: batch.rows.map((row) => bentRow(stream, row, bend)) };
};
export const bentRow = (stream: Stream, row: Row, bend: (value: Value, type: string) => Value): Row =>
  row.map((value, i) => bend(value, stream.columns[i]?.type ?? ''));

/** Every failure is expected, and every expectation came true: 'types/*' wants one or more of that beginning. */
export function surprises(failed: readonly string[], { fails }: Mutation<unknown>) {
  const matches = (id: string, pattern: string) =>
    pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
  return {
    unexpected: failed.filter((id) => !fails.some((pattern) => matches(id, pattern))),
    missing: fails.filter((pattern) => !failed.some((id) => matches(id, pattern))),
  };
}
