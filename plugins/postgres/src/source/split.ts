/** Parts of a full read: ranges of blocks of one snapshot, which lives as long as the session that cut them. */
import type { Json, Stream } from '@sluice/connector-sdk';
import { type Relation, enterAndStore, seenNow } from './relation.js';
import type { Source } from './session.js';

export interface Part {
  readonly snapshot?: string;
  /** What it sees, as pg_snapshot: it outlives the snapshot. */
  readonly began?: string;
  /** The relation it is of; absent: the whole stream. */
  readonly oid?: string;
  readonly file?: string;
  readonly from?: number;
  /** First block not in it; absent: to the end. */
  readonly to?: number;
}

const smallest = 64;

/** At most `parts` parts; one when the stream cannot be cut. */
export async function split(source: Source, stream: Stream, parts: number): Promise<readonly Json[]> {
  try {
    const stored = await enterAndStore(source, stream);
    const snapshot = await source.moment.export();
    const began = await seenNow(source);
    if (!stored.byBlocks || stored.relations.length === 0 || parts < 2) return [{ v: 1, snapshot }];
    return stored.relations.length === 1
      ? ranges(stored.relations[0]!, parts).map((range) => ({ v: 1, snapshot, began, ...range }))
      : [{ v: 1, snapshot }];
  } catch (error) {
    await source.moment.leave().catch(() => undefined); // the error that is thrown says more
    throw error;
  }
}

function ranges(
  { oid, file, blocks = 0 }: Relation,
  parts: number,
): { oid: string; file: string; from: number; to?: number }[] {
  const step = Math.max(smallest, Math.ceil(blocks / parts));
  const count = Math.max(1, Math.ceil(blocks / step));
  return Array.from({ length: count }, (_, index) => ({
    oid,
    file,
    from: index * step,
    ...(index === count - 1 ? {} : { to: (index + 1) * step }),
  }));
}

/** What `split` answered, as it comes back in a request. */
export function parsePart(part: Json | undefined): Part | undefined {
  if (part === undefined) return undefined;
  if (typeof part !== 'object' || part === null || Array.isArray(part) || (part as { v?: Json }).v !== 1) {
    throw new TypeError('a part that this source did not make');
  }
  return part as unknown as Part;
}
