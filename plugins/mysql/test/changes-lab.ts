/** The change stream in tests: followed to its end, or until enough has come. */
import type { Batch, Change, Checkpoint, Row, Stream } from '@sluice/connector-sdk';
import {
  type CapturedStream,
  type Changes,
  type ChangesOptions,
  changesPosition,
  openChanges,
} from '../src/binlog/open-changes.js';
import { type SourceConfig, sourceConfig } from '../src/config.js';
import { type Lab, connectionOf, full, readOut } from './lab.js';

export const configOf = (lab: Lab, extra: Record<string, unknown> = {}): SourceConfig =>
  sourceConfig.parse({ ...connectionOf(lab.url), database: lab.database, ...extra });

export const here = (lab: Lab): Promise<Checkpoint> => changesPosition(configOf(lab), lab.context());

export async function streamsOf(lab: Lab, ...tables: string[]): Promise<CapturedStream[]> {
  const session = await lab.source();
  const ids = tables.map((table) => `${lab.database}.${table}`);
  const found = await session.discover(ids);
  if (found.length !== ids.length) throw new Error(`discover found ${found.length} of ${ids.length} tables`);
  return ids.map((id) => ({ stream: found.find((stream) => stream.id === id)! }));
}

export type Options = Partial<Omit<ChangesOptions, 'streams'>> & {
  readonly signal?: AbortSignal;
  readonly config?: Record<string, unknown>;
};
export function changesOf(lab: Lab, streams: readonly CapturedStream[], options: Options = {}): Changes {
  const { signal, config, ...rest } = options;
  return openChanges(configOf(lab, config), lab.context(signal), {
    pipeline: 'test',
    untilEnd: true,
    heartbeat: 1,
    ...rest,
    streams,
  });
}

export interface Followed {
  readonly batches: readonly Batch[];
  readonly changes: readonly Change[];
  readonly schemas: readonly Stream[];
  /** The last one, as it comes back from a destination. */
  readonly checkpoint: Checkpoint | undefined;
}

/** Everything up to the end of the log. */
export async function followed(lab: Lab, streams: readonly CapturedStream[], options: Options = {}): Promise<Followed> {
  const batches: Batch[] = [];
  for await (const batch of changesOf(lab, streams, options)) batches.push(batch);
  return summary(batches);
}

export function summary(batches: readonly Batch[]): Followed {
  const checkpoints = batches.flatMap((batch) =>
    'checkpoint' in batch && batch.checkpoint !== undefined ? [batch.checkpoint] : [],
  );
  const last = checkpoints.at(-1);
  return {
    batches,
    changes: batches.flatMap((batch) => (batch.kind === 'changes' ? batch.changes : [])),
    schemas: batches.flatMap((batch) => (batch.kind === 'schema' ? [batch.stream] : [])),
    checkpoint: last === undefined ? undefined : (JSON.parse(JSON.stringify(last)) as Checkpoint),
  };
}

/** The rows of a full read, in the stream's columns. */
export async function rowsOf(lab: Lab, stream: Stream, extra: Record<string, unknown> = {}): Promise<Row[]> {
  return (await readOut(await lab.source(extra), [full(stream)])).rows;
}
