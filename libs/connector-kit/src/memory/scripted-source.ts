import type { Batch, Checkpoint, Context, SourcePlugin, Stream, StreamRequest } from '@sluice/connector-sdk';
import { defineSource } from '@sluice/connector-sdk';
import { type MemoryConfig, memoryConfig } from './config.js';

/** What a read shall yield; throw in it to fail there. */
export type Script = (
  requests: readonly StreamRequest[],
  after: Checkpoint | undefined,
  context: Context,
) => Iterable<Batch> | AsyncIterable<Batch>;

/** A source that yields exactly what a script says, right or wrong: for tests of what reads from sources. */
export function scriptedSource(streams: readonly Stream[], script: Script): SourcePlugin<MemoryConfig> {
  return defineSource({
    id: 'scripted',
    title: 'Scripted',
    config: memoryConfig,
    can: { modes: ['full', 'cursor', 'changes'], encodings: [], split: false },
    open: async (_, context) => ({
      check: async () => [],
      discover: async (only) => streams.filter(({ id }) => !only || only.includes(id)),
      read: async function* (requests, after) {
        yield* script(requests, after, context);
      },
      [Symbol.asyncDispose]: async () => {},
    }),
  });
}
