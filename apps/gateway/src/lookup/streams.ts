/** What a source offered at its last discovery, and the cursors that go by it. */
import { suggestCursor, type Binding, type PipelineView, type Stream } from '@sluice/messages';
import type { Bus } from '../bus.js';

/** All of them, ordered by name; `only` those with these names where it is given. */
export async function streamsOf(
  bus: Bus,
  tenantId: string,
  sourceId: string,
  only?: readonly string[],
): Promise<Stream[]> {
  const all: Stream[] = [];
  let after: string | undefined;
  do {
    const page = await bus.call('catalog.streams.list', {
      tenantId,
      id: sourceId,
      ...(after !== undefined && { after }),
      ...(only && { only }),
    });
    all.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return all;
}

export interface ChosenCursor {
  readonly name: string;
  /** null: it is not clear which, and a sync will say so. */
  readonly cursor: string | null;
}
/** The cursor of each stream of an incremental pipeline, as its next run will choose it. */
export async function cursorsOf(
  bus: Bus,
  { tenantId, sourceId, bindings }: Pick<PipelineView, 'tenantId' | 'sourceId' | 'bindings'>,
): Promise<ChosenCursor[]> {
  const names = bindings?.map(({ stream }) => stream);
  const exact = await streamsOf(bus, tenantId, sourceId, names);
  const complete = names === undefined || names.every((name) => exact.some(({ id }) => id === name));
  const offered = complete ? exact : await streamsOf(bus, tenantId, sourceId);
  const chosen = bindings ?? offered.filter(({ modes }) => modes.includes('cursor')).map(({ id }) => ({ stream: id }));
  return chosen.map((binding) => ({ name: binding.stream, cursor: cursorOf(binding, offered) }));
}

function cursorOf({ stream: name, cursor, columns, key }: Binding, offered: readonly Stream[]): string | null {
  if (cursor !== undefined) return cursor;
  const stream = offered.find(({ id }) => id === name) ?? offered.find(({ path }) => path.at(-1) === name);
  if (stream === undefined) return null;
  const cursors = stream.cursors.filter((one) => columns?.includes(one) ?? true);
  return suggestCursor({ columns: stream.columns, cursors, key: key ?? stream.key }) ?? null;
}
